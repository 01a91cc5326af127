"""TensorRT engines: compiled, and not to be read; native libraries in them are found and handed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.carried_file import Carried, carried_file
from weighbridge.formats.kinds import Format

OPAQUE: Final = (
    "a serialized TensorRT engine: compiled kernels, and possibly plugin libraries as host code, "
    "that can't be read; load only engines that you have built"
)
_STEP = 4 * MIB
_SEARCHED = 256 * MIB
_SEARCHED_REMOTE = 4 * MIB
_OVERLAP = 64
_MOST = 16
_MAGIC = (b"\x7fELF", b"MZ")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Look for libraries, hand them on, and say that the rest was not read."""
    report = GraphFindings(artifact)
    for number, (at, kind) in enumerate(_libraries(artifact.source, context)):
        if number >= _MOST:
            break
        length = artifact.source.size - at
        line = f"{kind.value} begins at byte {at:,}"
        yield from report.tell("GRA014", f"{kind.name.lower()} in the engine", line, at=at)
        source = SliceSource(artifact.source, at, length)
        yield artifact.nested(f"{kind.name.lower()} at {at}", source)
    yield Coverage(
        path=artifact.path, format=Format.TENSORRT, outcome=Outcome.UNSUPPORTED, detail=OPAQUE
    )


def _libraries(source: ByteSource, context: Context) -> Iterator[tuple[int, Carried]]:
    end = min(source.size, _SEARCHED_REMOTE if source.is_remote else _SEARCHED)
    for base in range(0, end, _STEP):
        context.budget.check_time()
        data = bytes(source.read_at(base, min(_STEP + _OVERLAP, end - base)))
        for at in sorted(set(_places(data))):
            kind = carried_file(source, base + at, source.size - base - at, data[at : at + _OVERLAP])
            if kind in (Carried.ELF, Carried.PE):
                yield base + at, kind


def _places(data: bytes) -> Iterator[int]:
    for magic in _MAGIC:
        at = data.find(magic)
        while 0 <= at < _STEP:
            yield at
            at = data.find(magic, at + 1)
