"""Serialization of other languages, and trees of arrays: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MAGIC = (
    (b"\xac\xed\x00\x05", Format.JAVA),
    (b"RDX2\n", Format.RDS),
    (b"RDX3\n", Format.RDS),
    (b"X\n\x00\x00\x00", Format.RDS),
)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    yield from (kind for magic, kind in _MAGIC if probe.head.startswith(magic))
