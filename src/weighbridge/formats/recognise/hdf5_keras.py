"""Keras and HDF5: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (0, 512, 1024, 2048)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    if any(probe.head.startswith(_SIGNATURE, offset) for offset in _USER_BLOCKS):
        yield Format.HDF5
