"""Native code, bytecode and scripts: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MAGIC = (
    (b"Rar!\x1a\x07", Format.RAR),
    (b"\x7fELF", Format.ELF),
    (b"\xcf\xfa\xed\xfe", Format.MACHO),
    (b"\xce\xfa\xed\xfe", Format.MACHO),
    (b"\xfe\xed\xfa\xcf", Format.MACHO),
    (b"\xfe\xed\xfa\xce", Format.MACHO),
    (b"%PDF-", Format.PDF),
)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    yield from (kind for magic, kind in _MAGIC if head.startswith(magic))
    if head[:2] == b"MZ" and _is_pe(head):
        yield Format.PE
    if head[:4] == b"\xca\xfe\xba\xbe":
        # A universal binary has few architectures, a class file has a version from 45 on.
        yield Format.MACHO if head[4:7] == b"\0\0\0" and head[7:8] < b"\x20" else Format.JAVA


def _is_pe(head: bytes) -> bool:
    offset = int.from_bytes(head[60:64], "little")
    return offset + 4 > len(head) or head[offset : offset + 4] == b"PE\0\0"
