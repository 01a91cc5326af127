"""Tell a file that is carried in a tensor or an attribute from numbers that happen to look like one.

Model files hold millions of random bytes, so a magic number of two or four of them is not enough:
each kind is confirmed by its own structure before it counts.
"""

from __future__ import annotations

import re
import zlib
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Halt

_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95c}\]()K-NXq\x8c]")
_PICKLE_BYTES = 64 * KIB
_MACHO = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce")
_LARGEST_PE_OFFSET = 64 * KIB


class Carried(StrEnum):
    """What the bytes are; the value is a phrase for people."""

    ELF = "a Linux program or library (ELF)"
    PE = "a Windows program or library (PE)"
    MACHO = "a macOS program or library (Mach-O)"
    SCRIPT = "a script that begins with #!"
    DEX = "Android bytecode (dex)"
    WASM = "WebAssembly"
    ZIP = "a zip archive"
    SEVENZIP = "a 7z archive"
    RAR = "a RAR archive"
    GZIP = "gzip data"
    PICKLE = "a pickle"

    @property
    def is_program(self) -> bool:
        """True for what a machine runs as it is."""
        return self in _PROGRAMS


_PROGRAMS = frozenset(
    {Carried.ELF, Carried.PE, Carried.MACHO, Carried.SCRIPT, Carried.DEX, Carried.WASM}
)
_MAGIC = (
    (b"PK\x03\x04", Carried.ZIP),
    (b"7z\xbc\xaf\x27\x1c", Carried.SEVENZIP),
    (b"Rar!\x1a\x07", Carried.RAR),
    (b"\0asm\x01\0\0\0", Carried.WASM),
    (b"dex\n03", Carried.DEX),
)
_SCRIPT = re.compile(rb"#! ?/[!-~ ]{2,60}\r?\n[\t\n\r -~\x80-\xff]{8}")


_BEGINNINGS = (
    *(magic for magic, _ in _MAGIC),
    *_MACHO,
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\x1f\x8b\x08",
    *(bytes((0x80, protocol)) for protocol in (2, 3, 4, 5)),
)


def may_be_file(head: bytes) -> bool:
    """False when `carried_file` would say None, whatever follows."""
    return head.startswith(_BEGINNINGS)


def carried_file(source: ByteSource, at: int, length: int, head: bytes) -> Carried | None:
    """Say which file begins at `at`; None for data.

    Args:
        source: read again only when `head` already fits.
        at: offset of the bytes in the source.
        length: how many there are.
        head: the first of them, 64 when there are as many.
    """
    if not may_be_file(head):
        return None
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"\x7fELF") and head[4:5] in (b"\1", b"\2") and head[5:6] in (b"\1", b"\2"):
        return Carried.ELF
    if head.startswith(_MACHO) and _has_macho_type(head):
        return Carried.MACHO
    if head.startswith(b"MZ") and _is_pe(source, at, length, head):
        return Carried.PE
    if _SCRIPT.match(head):
        return Carried.SCRIPT
    if head.startswith(b"\x1f\x8b\x08") and _inflates(source, at, length):
        return Carried.GZIP
    if _PICKLE.match(head) and _is_pickle(source, at, length):
        return Carried.PICKLE
    return None


def _has_macho_type(head: bytes) -> bool:
    kind = int.from_bytes(head[12:16], "little" if head[0] in (0xCF, 0xCE) else "big")
    return 1 <= kind <= 16


def _is_pe(source: ByteSource, at: int, length: int, head: bytes) -> bool:
    offset = int.from_bytes(head[60:64], "little")
    if not 4 <= offset <= min(_LARGEST_PE_OFFSET, length - 4):
        return False
    return bytes(source.read_at(at + offset, 4)) == b"PE\0\0"


def _inflates(source: ByteSource, at: int, length: int) -> bool:
    data = bytes(source.read_at(at, min(length, KIB)))
    try:
        return bool(zlib.decompressobj(31).decompress(data, 16))
    except zlib.error:
        return False


def _is_pickle(source: ByteSource, at: int, length: int) -> bool:
    data = source.read_at(at, min(length, _PICKLE_BYTES))
    stream = read_one(as_indexable(data), 0, max_events=10_000)
    is_whole = stream.halt in (Halt.STOP, Halt.TRUNCATED)
    return is_whole and is_plausible(stream)
