"""Tables, records, images and sound: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MAGIC = (
    (b"PAR1", Format.PARQUET),
    (b"ARROW1", Format.ARROW),
    (b"\x89PNG\r\n\x1a\n", Format.IMAGE),
    (b"\xff\xd8\xff", Format.IMAGE),
    (b"GIF8", Format.IMAGE),
    (b"fLaC", Format.AUDIO),
    (b"OggS", Format.AUDIO),
    (b"ID3", Format.AUDIO),
)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    yield from (kind for magic, kind in _MAGIC if head.startswith(magic))
    if head[:4] == b"RIFF":
        yield Format.IMAGE if head[8:12] == b"WEBP" else Format.AUDIO
