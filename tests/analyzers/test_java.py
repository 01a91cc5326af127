"""Java and .NET streams through the engine: which classes are told, and how loudly."""

from __future__ import annotations

from functools import lru_cache

import pytest
from samples.recipes import java as recipe

from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.language_tables import Strength, java_classes, java_meaning
from weighbridge.knowledge.locate import signatures_dir


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def inspected(data: bytes) -> tuple[list[Finding], list[Coverage]]:
    found: list[object] = []
    context = Context(Budget(Limits()), callables())
    inspect_tree(Artifact(("model.ser",), MemorySource(data)), context, found.append)
    findings = [one for one in found if isinstance(one, Finding)]
    return findings, [one for one in found if isinstance(one, Coverage)]


def rules(*contents: bytes) -> list[str]:
    return [finding.rule for finding in inspected(recipe.stream(*contents))[0]]


def of_class(name: str) -> bytes:
    return recipe.instance(recipe.described(name))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("bsh.Interpreter", "JAV001"),
        ("javax.management.BadAttributeValueExpException", "JAV002"),
        ("com.example.Model", "JAV003"),
        ("weka.classifiers.bayes.NaiveBayes", "JAV004"),
        ("[Lbsh.Interpreter;", "JAV001"),
        ("java.lang.ProcessBuilder", "JAV001"),
        ("java.lang.String", "JAV004"),
    ],
)
def test_a_class_is_told_by_what_it_does(name: str, rule: str) -> None:
    assert rules(of_class(name)) == [rule]


def test_arrays_of_numbers_say_nothing() -> None:
    assert rules(recipe.byte_array(b"plain")) == []


def test_a_gadget_in_a_stream_that_can_not_be_followed_is_told_all_the_same() -> None:
    findings, rows = inspected(recipe.stream(b"\x02\x03", of_class("bsh.XThis")))
    assert [finding.rule for finding in findings] == ["JAV001"]
    assert [row.outcome for row in rows] == [Outcome.FAILED]


def test_a_stream_inside_of_a_stream_is_inspected() -> None:
    inner = recipe.stream(of_class("bsh.XThis"))
    findings, _ = inspected(recipe.stream(recipe.byte_array(inner)))
    assert [(finding.rule, len(finding.path)) for finding in findings] == [("JAV001", 2)]


def test_a_row_of_its_own_wins_over_that_of_the_package() -> None:
    meaning = java_meaning("java.lang.Runtime")
    assert meaning is not None
    assert meaning.strength is Strength.RUNS


@pytest.mark.parametrize(
    "family", ["commons.collections", "xalan", "groovy", "springframework", "rowset", "rome"]
)
def test_the_table_has_the_known_families(family: str) -> None:
    assert [
        name for name, row in java_classes().items() if family in name and row.strength is Strength.RUNS
    ]


def test_a_type_across_the_border_of_two_reads_is_found() -> None:
    name = b"System.Diagnostics.Process"
    data = recipe.DOTNET + bytes((1 << 20) - 40) + name
    findings, _ = inspected(data)
    assert [finding.rule for finding in findings] == ["JAV006", "JAV007"]
