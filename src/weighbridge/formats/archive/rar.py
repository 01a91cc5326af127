r"""RAR archives, versions 4 and 5: the names of members and what is said of them. Nothing is unpacked.

    5   "Rar!\x1a\x07\x01\x00", blocks: CRC 4, size, type, flags, [extra size], [data size], fields,
        extra, data (numbers of variable length, seven bits in a byte)
    4   "Rar!\x1a\x07\x00", blocks: CRC 2, type 1, flags 2, size 2, [data size 4], fields, data

Source: RAR 5.0 archive format, and technote of RAR 4.x, both by RARLAB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import Malformed
from weighbridge.formats.byte_cursor import ByteCursor

SIGNATURE_4: Final = b"Rar!\x1a\x07\x00"
SIGNATURE_5: Final = b"Rar!\x1a\x07\x01\x00"
_HEADER_BYTES: Final = 2 << 20
_EXTRAS: Final = 100
_STORED_4: Final = 0x30
_LINK_MODE, _MODE_KIND = 0o120000, 0o170000


@dataclass(frozen=True, slots=True)
class RarMember:
    """One member.

    Attributes:
        start: of its packed bytes in the archive.
        is_stored: the packed bytes are the content.
        link: where it leads; None for what is no link, "" where the target is packed.
    """

    name: str
    offset: int
    start: int
    packed_size: int
    size: int
    is_directory: bool
    is_stored: bool
    is_encrypted: bool
    link: str | None = None
    is_hard_link: bool = False


@dataclass(frozen=True, slots=True)
class RarFact:
    """Something about the archive as a whole."""

    word: str
    offset: int


ENCRYPTED_NAMES: Final = "encrypted names"
VOLUME: Final = "one of several volumes"
RECOVERY: Final = "recovery data"
END: Final = "end"
RarEvent = RarMember | RarFact


def read_rar(source: ByteSource) -> Iterator[RarEvent]:
    """Yield facts and members in the order of the archive; the last is `END` where it has one.

    Raises:
        Malformed: a header is broken, after what could be read.
    """
    head = bytes(source.read_at(0, 8))
    if head.startswith(SIGNATURE_5):
        yield from _read_5(source)
    elif head.startswith(SIGNATURE_4):
        yield from _read_4(source)
    else:
        raise Malformed("no RAR archive of a known version")


def _read_5(source: ByteSource) -> Iterator[RarEvent]:
    at = len(SIGNATURE_5)
    while at < source.size:
        block = ByteCursor(bytes(source.read_at(at, 4096)))
        crc = block.number(4)
        first = block.at
        size = block.leb128()
        total = block.at + size
        if not 2 <= size <= _HEADER_BYTES:
            raise Malformed("a header of a size that none has", at)
        if total > len(block.data):
            block = ByteCursor(bytes(source.read_at(at, total)), block.at)
        block.end = min(total, len(block.data))
        if zlib.crc32(block.data[first:total]) != crc:
            raise Malformed("the checksum of a header is wrong", at)
        kind, flags = block.leb128(), block.leb128()
        extra = block.leb128() if flags & 1 else 0
        packed = block.leb128() if flags & 2 else 0
        yield from _of_block_5(block, kind, at, at + total, packed, extra)
        if kind in (4, 5):
            return
        at += total + packed
    _check_end(at, source.size)


def _of_block_5(
    block: ByteCursor, kind: int, at: int, data: int, packed: int, extra: int
) -> Iterator[RarEvent]:
    if kind == 1:
        flags = block.leb128()
        if flags & 1:
            yield RarFact(VOLUME, at)
    elif kind in (2, 3):
        member = _member_5(block, at, data, packed, extra)
        if kind == 2:
            yield member
        elif member.name == "RR":
            yield RarFact(RECOVERY, at)
        elif member.name == "STM":
            name = block.data[block.end - extra : block.end]
            yield RarMember(_stream_name(name), at, data, packed, member.size, False, False, False)
    elif kind == 4:
        yield RarFact(ENCRYPTED_NAMES, at)
    elif kind == 5:
        yield RarFact(END, data)


def _member_5(block: ByteCursor, at: int, data: int, packed: int, extra: int) -> RarMember:
    flags, size = block.leb128(), block.leb128()
    attributes = block.leb128()
    block.take(4 * bool(flags & 2) + 4 * bool(flags & 4))
    method = block.leb128()
    host = block.leb128()
    name = block.take(block.leb128()).decode("utf-8", "backslashreplace")
    encrypted, link, is_hard = _extras(block.data, block.end - extra, block.end)
    if link is None and host == 1 and attributes & _MODE_KIND == _LINK_MODE:
        link = ""
    return RarMember(
        name, at, data, packed, size, bool(flags & 1), method >> 7 & 7 == 0, encrypted, link, is_hard
    )


def _extras(data: bytes, begin: int, end: int) -> tuple[bool, str | None, bool]:
    """Whether the member is encrypted, and where it leads."""
    cursor = ByteCursor(data, max(0, begin), end=end)
    encrypted = False
    link: str | None = None
    is_hard = False
    for _ in range(_EXTRAS):
        if not cursor.left:
            break
        size = cursor.leb128()
        record = ByteCursor(cursor.take(size))
        kind = record.leb128()
        if kind == 1:
            encrypted = True
        elif kind == 5:
            redirection = record.leb128()
            record.leb128()
            link = record.take(record.leb128()).decode("utf-8", "backslashreplace")
            is_hard = redirection in (4, 5)
    return encrypted, link, is_hard


def _stream_name(extra: bytes) -> str:
    """The name of an NTFS stream, which is written beside a file: `:name`."""
    at = extra.find(b":")
    return extra[at + 1 if at >= 0 else 0 :].decode("utf-8", "backslashreplace")


def _read_4(source: ByteSource) -> Iterator[RarEvent]:
    at = len(SIGNATURE_4)
    while at < source.size:
        raw = bytes(source.read_at(at, 4096))
        block = ByteCursor(raw)
        block.take(2)
        kind, flags, size = block.number(1), block.number(2), block.number(2)
        if size < 7 or not 0x72 <= kind <= 0x7B:
            raise Malformed("no header of a block where one must be", at)
        block = ByteCursor(bytes(source.read_at(at, size)), 7)
        packed = 0
        if kind == 0x73:
            yield from _of_archive_4(flags, at)
            if flags & 0x80:
                return
        elif kind in (0x74, 0x7A):
            member, packed = _member_4(block, flags, at, size)
            if kind == 0x74:
                yield member
            elif member.name == "RR":
                yield RarFact(RECOVERY, at)
        elif kind == 0x7B:
            yield RarFact(END, at + size)
            return
        elif flags & 0x8000:
            packed = block.number(4)
        at += size + packed
    _check_end(at, source.size)


def _check_end(at: int, size: int) -> None:
    if at > size:
        raise Malformed("a member ends behind the end of the archive", size)


def _of_archive_4(flags: int, at: int) -> Iterator[RarFact]:
    for bit, word in ((0x01, VOLUME), (0x40, RECOVERY), (0x80, ENCRYPTED_NAMES)):
        if flags & bit:
            yield RarFact(word, at)


def _member_4(block: ByteCursor, flags: int, at: int, header: int) -> tuple[RarMember, int]:
    packed, size = block.number(4), block.number(4)
    host = block.number(1)
    block.take(9)
    method, length = block.number(1), block.number(2)
    attributes = block.number(4)
    if flags & 0x100:
        packed |= block.number(4) << 32
        size |= block.number(4) << 32
    raw = block.take(length)
    name = raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")
    is_link = host == 3 and attributes & _MODE_KIND == _LINK_MODE
    return (
        RarMember(
            name,
            at,
            at + header,
            packed,
            size,
            flags & 0xE0 == 0xE0,
            method == _STORED_4,
            bool(flags & 4),
            "" if is_link else None,
        ),
        packed,
    )
