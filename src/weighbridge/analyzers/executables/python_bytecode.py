"""Compiled Python modules: the same questions as of source, asked of instructions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.executables.program_judgement import judge_scope
from weighbridge.analyzers.executables.python_sources import findings_of
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.bytecode.facts import code_facts
from weighbridge.formats.bytecode.held import nested_codes
from weighbridge.formats.bytecode.pyc import read_compiled_module
from weighbridge.formats.bytecode.values import CodeObject
from weighbridge.formats.kinds import Format
from weighbridge.formats.scripts.facts import ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.python_scopes import Flow, PythonScope, RunsWhen

_ALONE, _CACHED = "EXE023", "EXE024"
_LARGEST_BYTES: Final = 32 * MIB
_CODES: Final = 3_000
_CHARACTERS: Final = ("chr", "unichr")
"""Tells something only where it is seen to make the text that runs."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the module level and each function by the names that it calls."""
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        raise LimitReached(f"compiled Python of {size:,} bytes; up to {_LARGEST_BYTES:,} are read")
    module = read_compiled_module(bytes(artifact.source.read_at(0, size)))
    release = ".".join(map(str, module.version))
    parts = PurePosixPath(artifact.name).parts
    rule = _CACHED if "__pycache__" in parts else _ALONE
    checked = ", taken for its source without a check" if module.flags & 3 == 1 else ""
    evidence = f"a module compiled by Python {release}{checked}"
    yield Finding(rule=rule, path=artifact.path, subject=f"Python {release}", evidence=evidence)
    if not isinstance(module.value, CodeObject):
        raise Malformed("the compiled module holds no code")
    told = []
    is_whole = True
    for code, runs in _codes(module.value):
        context.budget.check_time()
        facts = code_facts(_alone(code))
        is_whole &= facts.is_complete
        told += list(judge_scope(_scope(code, facts, runs)))
    yield from findings_of(artifact, told)
    if not is_whole and not code_facts(module.value).is_complete:
        detail = "the instructions were read in part"
        yield Coverage(path=artifact.path, format=Format.PYC, outcome=Outcome.LIMITED, detail=detail)


def _codes(module: CodeObject) -> Iterator[tuple[CodeObject, RunsWhen]]:
    """The module level, then every code object inside it."""
    yield module, RunsWhen.IMPORTED
    pending = list(nested_codes(module.constants))
    seen = {id(code) for code in pending}
    for code in pending:
        if len(seen) > _CODES:
            raise LimitReached(f"more than {_CODES:,} functions; the first were judged")
        yield code, RunsWhen.CALLED
        for inner in nested_codes(code.constants):
            if id(inner) not in seen:
                seen.add(id(inner))
                pending.append(inner)


def _alone(code: CodeObject) -> CodeObject:
    """The code without the functions inside it: they are judged for themselves."""
    constants = tuple(None if isinstance(one, CodeObject) else one for one in code.constants)
    return replace(code, constants=constants)


def _scope(code: CodeObject, facts: ScriptFacts, runs: RunsWhen) -> PythonScope:
    """Instructions don't tell where a value came from: all calls of a function are held to meet."""
    called = {call.name for call in facts.calls} | set(facts.references)
    names = frozenset(name for name in called if not name.startswith(_CHARACTERS))
    texts = frozenset(text for text in facts.strings if isinstance(text, str) and len(text) < 300)
    flows = tuple(_flow(call, names, texts) for call in facts.calls)
    return PythonScope(code.title[:80], code.first_line, runs, facts, flows)


def _flow(call: ScriptCall, names: frozenset[str], texts: frozenset[str]) -> Flow:
    given = call.arguments[0] if call.arguments else Unknown.COMPUTED
    if not isinstance(given, Unknown):
        return Flow(call, frozenset(), frozenset(), texts, frozenset())  # it runs what stands here
    made_of = frozenset(name for name in names if not name.startswith(call.name))
    return Flow(call, made_of, made_of, texts, frozenset())
