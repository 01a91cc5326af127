"""What a code object and all that is nested in it names, calls and holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.held import COMPUTED_ROOT, Held, as_text, nested_codes
from weighbridge.formats.bytecode.instructions import Reading, readings
from weighbridge.formats.bytecode.machine import Machine, Scope
from weighbridge.formats.bytecode.recorder import Recorder
from weighbridge.formats.bytecode.simulation import follow
from weighbridge.formats.bytecode.values import CodeObject, Container, Value, Version
from weighbridge.formats.scripts.facts import ScriptFacts

MAX_CODES = 2_000
"""Code objects inside one; a module of ten thousand lines has some hundreds."""
MAX_VALUES = 200_000
_PAIRED_NAMES = 64


def code_facts(code: CodeObject, known: Mapping[str, str] | None = None) -> ScriptFacts:
    """Read a code object and those nested in it.

    Every name and string of them is among the references and strings, also where instructions can't
    be read: then names stand alone and as pairs `first.second`, since what belongs together is not
    known, and the facts are not complete.

    Args:
        code: the object, whatever made it.
        known: what global names of it stand for, where the file says so (`{"o": "os"}`).
    """
    codes, complete = _all_codes(code)
    recorder = Recorder()
    recorder.is_complete = complete
    _add_strings(codes, recorder)
    ranked = readings(code, codes[1:])
    if not ranked or ranked[0].flaws:
        _add_names(codes, recorder)
    for version in _fitting(ranked):
        scope = Scope({name: Held(name=dotted) for name, dotted in (known or {}).items()})
        _follow(code, version, scope, recorder)
    return recorder.facts()


def likely_versions(code: CodeObject) -> tuple[Version, ...]:
    """The releases that may have made it, newest first: all that read it without a flaw.

    Empty when there is no table of instructions for its layout or its release.
    """
    codes, _ = _all_codes(code)
    return _fitting(readings(code, codes[1:]))


def _fitting(ranked: tuple[Reading, ...]) -> tuple[Version, ...]:
    """Every release that reads it without a flaw, or the one with the fewest."""
    flawless = tuple(reading.version for reading in ranked if reading.flaws == 0)
    return flawless or tuple(reading.version for reading in ranked[:1])


def _all_codes(code: CodeObject) -> tuple[tuple[CodeObject, ...], bool]:
    """The object and all inside it, outer ones first; False when there are too many."""
    found = [code]
    seen = {id(code)}
    for each in found:
        for inner in nested_codes(each.constants):
            if id(inner) not in seen:
                seen.add(id(inner))
                found.append(inner)
            if len(found) >= MAX_CODES:
                return tuple(found), False
    return tuple(found), True


def _follow(code: CodeObject, version: Version, scope: Scope, recorder: Recorder) -> None:
    waiting = [(code, scope)]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_CODES:
        each, its_scope = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        machine = Machine(each, version, its_scope, recorder)
        try:
            follow(machine)
        except Malformed:
            _add_names([each], recorder)
        for name in each.names:
            if name not in machine.touched:
                recorder.reference(name)
        inner = its_scope.inner()
        inner.cells.update(machine.locals)
        waiting += [(nested, inner) for nested in nested_codes(each.constants)]


def _add_names(codes: Iterable[CodeObject], recorder: Recorder) -> None:
    recorder.is_complete = False
    for code in codes:
        names = list(dict.fromkeys(name for name in code.names if not name.startswith(COMPUTED_ROOT)))
        for name in names:
            recorder.reference(name)
        for first, second in combinations(names[:_PAIRED_NAMES], 2):
            recorder.reference(f"{first}.{second}")


def _add_strings(codes: Iterable[CodeObject], recorder: Recorder) -> None:
    left = MAX_VALUES
    for code in codes:
        waiting: list[Value] = list(reversed(code.constants))
        while waiting and left:
            left -= 1
            value = waiting.pop()
            if isinstance(value, str):
                recorder.string(value)
            elif isinstance(value, bytes):
                recorder.string(as_text(value, code.layout))
            elif isinstance(value, tuple | Container):
                waiting += reversed(value.items if isinstance(value, Container) else value)
    if not left:
        recorder.is_complete = False
