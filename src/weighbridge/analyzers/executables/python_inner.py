"""Programs that a Python file hands to `exec` or to another Python as text: they are judged like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.executables.program_judgement import is_sink, judge_scope
from weighbridge.analyzers.executables.python_behaviour import judge_behaviour
from weighbridge.analyzers.executables.told import RUNS_TEXT, Told, has_any_sign, is_text
from weighbridge.formats.scripts.facts import Argument, ScriptCall
from weighbridge.formats.scripts.layers import as_text
from weighbridge.formats.scripts.python_scopes import PythonScope, python_scopes
from weighbridge.formats.scripts.python_source import parse

_DEPTH: Final = 3
_PROGRAMS: Final = 16
_CHARS: Final = 64 << 10
_PYTHON: Final = ("python", "pypy", "?", "py ")


def inner_programs(scopes: Iterable[PythonScope], depth: int = _DEPTH) -> Iterator[Told]:
    """Yield what is told of programs inside of the parts: at most 16, three levels deep."""
    found = [
        (scope, call, text)
        for scope in scopes
        for call in dict.fromkeys(flow.call for flow in scope.flows)
        for text in _programs(call)
    ]
    for scope, call, text in found[:_PROGRAMS]:
        for one in judge_program(text, depth):
            words = f"line {call.place}: in the program that {call.name} runs: {one.evidence}"
            yield Told(one.rule, one.kind, f"{words} ({scope.name}: {scope.runs})", call.place)


def judge_program(text: str, depth: int = 1) -> Iterator[Told]:
    """Yield what is told of Python that stands inside of something else, where it parses."""
    tree = parse(text)
    if tree is None:
        return
    scopes = python_scopes(tree, is_sink).scopes
    for scope in scopes:
        yield from judge_scope(scope)
    yield from judge_behaviour(scopes)
    if depth > 1:
        yield from inner_programs(scopes, depth - 1)


def _programs(call: ScriptCall) -> Iterator[str]:
    """Texts that a call runs as Python."""
    if call.name in RUNS_TEXT:
        yield from filter(None, map(_text, call.arguments[:1]))
    elif has_any_sign(call.name, frozenset({"runs_program"})):
        for given in call.arguments[:2]:
            if isinstance(given, tuple) and "-c" in given[:-1]:
                yield from filter(None, [_text(given[given.index("-c") + 1])])


def _text(value: Argument) -> str | None:
    text = as_text(value) if isinstance(value, bytes) else value
    return text[:_CHARS] if is_text(text) and ("(" in text or "import" in text) else None
