"""R objects through the engine: bundles, old workspaces, what follows, and a table without gaps."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import pytest
from samples.recipes import rds as recipe

from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.language_tables import Strength, r_functions
from weighbridge.knowledge.locate import signatures_dir


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def inspected(data: bytes, name: str = "model.rds") -> tuple[list[Finding], list[Coverage]]:
    found: list[object] = []
    context = Context(Budget(Limits()), callables())
    inspect_tree(Artifact((name,), MemorySource(data)), context, found.append)
    findings = [one for one in found if isinstance(one, Finding)]
    return findings, [one for one in found if isinstance(one, Coverage)]


def rules(data: bytes) -> set[str]:
    return {finding.rule for finding in inspected(data)[0]}


@pytest.mark.parametrize("name", ["system", "eval", "source", "dyn.load", "Sys.setenv", "writeLines"])
def test_a_promise_at_the_top_is_critical_for_any_function_of_the_table(name: str) -> None:
    assert rules(recipe.rds(recipe.promise(recipe.calls(name)))) == {"RDS001", "RDS002"}


def test_a_lazy_argument_that_only_evaluates_is_no_alarm() -> None:
    lazy = recipe.environment(recipe.pairs(("x", recipe.promise(recipe.calls("eval")))))
    assert rules(recipe.rds(recipe.closure(recipe.symbol("x"), environment=lazy))) == {"RDS007"}


def test_a_promise_behind_a_limit_is_told_and_the_file_is_incomplete() -> None:
    body = recipe.calls("{", recipe.SYSTEM, *[recipe.strings("x")] * 3)
    findings, rows = inspected(recipe.rds(recipe.promise(body))[:-8])
    assert "RDS001" in {finding.rule for finding in findings}
    assert [row.outcome for row in rows] == [Outcome.FAILED]


def test_what_follows_the_object_is_inspected() -> None:
    pickle = b"cos\nsystem\n(S'echo weighbridge-marker'\ntR."
    findings, rows = inspected(recipe.rds(recipe.reals(1)) + pickle)
    assert ("model.rds", "trailing") in {row.path for row in rows}
    assert any(finding.rule.startswith("PKL") for finding in findings)


def test_a_bundle_with_a_broken_block_keeps_what_came_before() -> None:
    attack = recipe.rds(recipe.promise(recipe.SYSTEM))
    block = struct.pack(">I", len(attack)) + zlib.compress(attack)
    findings, rows = inspected(block + block[:40], "package.rdb")
    assert "RDS001" in {finding.rule for finding in findings}
    assert rows[-1].outcome is Outcome.FAILED


def test_blocks_of_another_compression_are_said_to_be_unread() -> None:
    _, rows = inspected(struct.pack(">I", 40) + b"Z" + bytes(40), "package.rdb")
    assert [row.outcome for row in rows] == [Outcome.UNSUPPORTED]


def test_a_workspace_of_old_r_is_said_to_be_unread() -> None:
    _, rows = inspected(b"RDX1\n" + bytes(40), "old.RData")
    assert [row.outcome for row in rows] == [Outcome.UNSUPPORTED]


@pytest.mark.parametrize(
    "data",
    [b"X\nis a title\n", b"A\n2 apples\n", b"Xylophone", b"B\n\0\0\0\0" + bytes(30), b"A\n2 3\n4 five"],
)
def test_other_files_are_not_taken_for_r(data: bytes) -> None:
    assert Format.RDS not in identify(MemorySource(data), "notes.txt")


def test_the_table_has_the_functions_that_start_programs() -> None:
    table = r_functions()
    wanted = ("system", "system2", "shell", "pipe", "download.file", "dyn.load", "source", "unlink")
    assert {table[name].strength for name in wanted} == {Strength.RUNS, Strength.STARTS}
