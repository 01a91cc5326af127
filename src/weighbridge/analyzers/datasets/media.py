"""What images and sound have in common: bytes behind their end, texts in their headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.datasets.cells import Kind, inspect_cells
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.carried_file import Carried, carried_file
from weighbridge.formats.datasets.pictures import Picture
from weighbridge.formats.kinds import Format

_LOCAL_BYTES: Final = 64 * MIB
_REMOTE_BYTES: Final = 64 * KIB
_PADDING: Final = b"\0\r\n\t "
_PADDING_BYTES: Final = 64 * KIB
_PROGRAM_TEXTS: Final = (b"<?php", b"<?=", b"<%@")
_PROGRAM, _ARCHIVE, _OTHER, _BROKEN, _CODE = "MED002", "MED003", "MED004", "MED005", "MED006"


def beginning(source: ByteSource) -> tuple[bytes, bool]:
    """Return the file as far as it is read, and whether that is all of it."""
    data = bytes(source.read_at(0, _REMOTE_BYTES if source.is_remote else _LOCAL_BYTES))
    return data, len(data) == source.size


def inspect_media(
    artifact: Artifact, found: Picture, kind: Format, context: Context, *, is_whole: bool
) -> Iterator[Event]:
    """Yield what lies behind the end and what the texts say, and how far the file was read."""
    if found.problem:
        evidence = f"the {found.kind} {found.problem}"
        yield Finding(
            rule=_BROKEN, path=artifact.path, subject=f"broken {found.kind}", evidence=evidence
        )
    if found.end is not None and found.end < artifact.source.size:
        yield from _trailing(artifact, found.kind, found.end)
    cells = ((name, 1, text) for name, text in found.texts)
    yield from inspect_cells(artifact, cells, context, Kind.METADATA)
    if not is_whole and found.end is None:
        detail = (
            "its headers were read, and not whether something follows the end of the picture or sound"
        )
        yield Coverage(path=artifact.path, format=kind, outcome=Outcome.OPAQUE, detail=detail)


def _trailing(artifact: Artifact, kind: str, end: int) -> Iterator[Event]:
    source = artifact.source
    head = bytes(source.read_at(end, _PADDING_BYTES))
    begin = end + len(head) - len(head.lstrip(_PADDING))
    length = source.size - begin
    if length <= 0:
        return  # padding and nothing else
    head = head[begin - end :]
    carried = carried_file(source, begin, length, head[:64])
    is_code = carried is None and any(mark in head for mark in _PROGRAM_TEXTS)
    yield Finding(
        rule=_CODE if is_code else _rule(carried),
        path=artifact.path,
        subject=f"{carried.name.lower() if carried else 'bytes'} behind the {kind}",
        evidence=f"{length:,} bytes follow the end of the {kind}" + (f": {carried}" if carried else ""),
        offset=begin,
        length=length,
    )
    yield artifact.nested("trailing", SliceSource(source, begin, length))


def _rule(carried: Carried | None) -> str:
    if carried is None:
        return _OTHER
    return _PROGRAM if carried.is_program or carried is Carried.PICKLE else _ARCHIVE
