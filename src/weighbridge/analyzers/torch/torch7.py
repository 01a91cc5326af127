"""Torch7 files: functions as Lua bytecode, and classes that a library of unknown origin must bring."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.torch.torch7 import (
    LuaClass,
    LuaFunction,
    LuaText,
    find_bytecode,
    read_torch7,
)

_BYTECODE, _SOURCE, _CLASSES = "TOR070", "TOR071", "TOR072"
_KNOWN = frozenset(
    {"torch", "nn", "cudnn", "cunn", "cutorch", "nngraph", "rnn", "graph", "tds", "image"}
)
_MOST_SHOWN = 20
_MOST_CARRIED = 1_000
_MARKS = (
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"\x7fELF",
    b"PK\x03\x04",
    b"\x1bLua",
    b"\x1bLJ",
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge what loading the file hands to the Lua VM."""
    functions: list[LuaFunction] = []
    classes: list[LuaClass] = []
    at = carried = 0
    trouble: Malformed | LimitReached | None = None
    try:
        for found in read_torch7(artifact.source, context.budget):
            match found:
                case LuaFunction():
                    functions.append(found)
                    at = found.offset
                case LuaClass():
                    classes.append(found)
                    at = found.offset
                case LuaText() if found.text.startswith(_MARKS):
                    carried += 1
                    if carried > _MOST_CARRIED:
                        raise LimitReached(f"more than {_MOST_CARRIED:,} strings that begin like files")
                    yield artifact.nested(f"string at {found.offset}", MemorySource(found.text))
                case LuaText():
                    pass
    except (Malformed, LimitReached) as error:
        trouble = error
    yield from _functions(artifact, functions)
    yield from _classes(artifact, classes)
    if trouble is not None:
        yield from _rest(artifact, trouble, at, bool(functions))


def _functions(artifact: Artifact, functions: list[LuaFunction]) -> Iterator[Event]:
    compiled = [one for one in functions if one.code.startswith(b"\x1b")]
    source = [one for one in functions if not one.code.startswith(b"\x1b")]
    for rule, group, what in ((_BYTECODE, compiled, "bytecode"), (_SOURCE, source, "source text")):
        if group:
            lines = [
                f"{one.size:,} bytes of Lua {what} at {one.offset:,}"
                + (f", in an object of {quoted(one.within)}" if one.within else "")
                for one in group[:5]
            ]
            more = [f"and {len(group) - 5:,} more"] if len(group) > 5 else []
            yield Finding(
                rule=rule,
                path=artifact.path,
                subject=f"lua {what}",
                evidence="\n".join(lines + more),
                offset=group[0].offset,
                length=group[0].size,
            )
    for number, one in enumerate(source[:_MOST_SHOWN]):
        yield artifact.nested(f"function {number}.lua", MemorySource(one.code))


def _classes(artifact: Artifact, classes: list[LuaClass]) -> Iterator[Finding]:
    unknown = [one for one in classes if one.name.partition(".")[0] not in _KNOWN]
    if unknown:
        shown = ", ".join(quoted(one.name) for one in unknown[:_MOST_SHOWN])
        more = f" and {len(unknown) - _MOST_SHOWN:,} more" if len(unknown) > _MOST_SHOWN else ""
        yield Finding(
            rule=_CLASSES,
            path=artifact.path,
            subject=unknown[0].name[:200],
            evidence=f"{shown}{more}",
            offset=unknown[0].offset,
        )


def _rest(
    artifact: Artifact, trouble: Malformed | LimitReached, at: int, was_told: bool
) -> Iterator[Event]:
    """A class of unknown form ends the reading in order; bytecode behind it is searched for."""
    place = trouble.offset if isinstance(trouble, Malformed) else at
    found = next(find_bytecode(artifact.source, max(0, min(place, at))), None)
    if found is not None and not was_told:
        yield from _functions(artifact, [found])
    outcome = Outcome.FAILED if isinstance(trouble, Malformed) else Outcome.LIMITED
    detail = f"read in order up to here: {trouble}; the rest was searched for Lua bytecode alone"
    yield Coverage(path=artifact.path, format=Format.TORCH7, outcome=outcome, detail=detail)
