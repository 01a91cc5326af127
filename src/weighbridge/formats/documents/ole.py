"""OLE compound files: the directory of streams, and the streams themselves.

    header 512, sectors; FAT chains sectors, the mini FAT chains pieces of 64 bytes of one stream;
    the directory is a chain of entries of 128 bytes

Source: [MS-CFB] sections 2.2 to 2.6; [MS-OVBA] section 2.4.1 for the compression of macros.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.errors import LimitReached, Malformed

_FREE: Final = 0xFFFFFFFA
"""Sector numbers from here on are marks, not sectors."""
_HEADER: Final = 512
_ENTRIES: Final = 20_000
_STREAM_BYTES: Final = 64 << 20
_TOTAL_BYTES: Final = 256 << 20
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_MODULE_START: Final = b"\0Attribut"
_MACRO_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class OleEntry:
    """One stream or storage. Names are of one level: the tree above them is not needed."""

    name: str
    is_stream: bool
    start: int
    size: int
    class_id: bytes


class OleFile:
    """A compound file.

    Raises:
        Malformed: the header, the FAT or the directory is broken.
    """

    def __init__(self, data: bytes) -> None:
        header = data[:_HEADER]
        if len(header) < _HEADER:
            raise Malformed("the header is cut off", len(header))
        self._data = data
        shift: int
        shift, mini_shift = struct.unpack_from("<HH", header, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise Malformed("sectors of a size that no version has", 30)
        self._sector = 1 << shift
        count, directory, _, cutoff, mini, _, difat, _ = struct.unpack_from("<IIIIIIII", header, 44)
        self._cutoff = cutoff
        self._left = _TOTAL_BYTES
        self._fat = self._read_fat(header, min(count, self._most()), difat)
        raw = b"".join(self._chain(directory, _ENTRIES * 128))
        self.entries = tuple(_entries(raw))
        if not self.entries:
            raise Malformed("the directory of streams is cut off or broken", 48)
        root = next((entry for entry in self.entries if not entry.is_stream and entry.size), None)
        self._mini_fat = _numbers(b"".join(self._chain(mini, _STREAM_BYTES))) if mini < _FREE else ()
        self._root = root

    def read(self, entry: OleEntry) -> bytes:
        """The content of a stream; short when its chain is.

        Raises:
            Malformed: the chain has a circle.
            LimitReached: more was read than any honest file holds.
        """
        self._left -= min(entry.size, _STREAM_BYTES) + 128
        if self._left < 0:
            raise LimitReached(f"the streams of the file are more than {_TOTAL_BYTES:,} bytes in sum")
        if entry.size >= self._cutoff or self._root is None:
            return b"".join(self._chain(entry.start, min(entry.size, _STREAM_BYTES)))[: entry.size]
        pieces = b"".join(self._chain(self._root.start, min(self._root.size, _STREAM_BYTES)))
        found = bytearray()
        at = entry.start
        for _ in range(entry.size // 64 + 1):
            if at >= len(self._mini_fat):
                break
            found += pieces[at * 64 : at * 64 + 64]
            at = self._mini_fat[at]
        return bytes(found[: entry.size])

    def _read_fat(self, header: bytes, count: int, difat: int) -> tuple[int, ...]:
        places = [at for at in struct.unpack_from("<109I", header, 76) if at < _FREE][:count]
        seen = 0
        while difat < _FREE and len(places) < count and seen < count:
            numbers = _numbers(self._bytes(difat))
            if not numbers:
                break
            places += [at for at in numbers[:-1] if at < _FREE]
            difat = numbers[-1]
            seen += 1
        return tuple(number for at in places for number in _numbers(self._bytes(at)))

    def _bytes(self, sector: int) -> bytes:
        begin = (sector + 1) * self._sector
        return self._data[begin : begin + self._sector]

    def _most(self) -> int:
        """FAT sectors that a file of this size can need."""
        return len(self._data) // (self._sector * (self._sector // 4)) + 2

    def _chain(self, at: int, limit: int) -> Iterator[bytes]:
        """Sectors of a chain, at most `limit` bytes; each sector of a file is in one chain, once."""
        given = 0
        steps = 0
        while at < len(self._fat) and given < limit:
            steps += 1
            if steps > len(self._fat):
                raise Malformed("a chain of sectors has a circle")
            piece = self._bytes(at)
            if not piece:
                return
            given += len(piece)
            yield piece
            at = self._fat[at]


def _numbers(raw: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def _entries(raw: bytes) -> Iterator[OleEntry]:
    for at in range(0, len(raw) - 127, 128):
        length = int.from_bytes(raw[at + 64 : at + 66], "little")
        kind = raw[at + 66]
        if kind not in (_STORAGE, _STREAM, _ROOT):
            continue
        name = raw[at : at + max(0, min(length - 2, 62))].decode("utf-16-le", "replace")
        start, size = struct.unpack_from("<II", raw, at + 116)
        is_root = kind == _ROOT
        yield OleEntry(
            "Root Entry" if is_root else name,
            kind == _STREAM,
            start,
            size if kind == _STREAM or is_root else 0,
            raw[at + 80 : at + 96],
        )


def macro_source(module: bytes) -> Iterator[str]:
    """Texts in a stream of a macro module, decompressed: the source stands behind other data.

    A container of compressed text starts with 01 and a chunk header whose bits 12 to 14 are 011, and
    the text of a module begins with "Attribute".
    """
    at = module.find(_MODULE_START)
    while at >= 3:
        # 01, the header of the first chunk, and flags: the first eight letters are no copies.
        if module[at - 3] == 1 and module[at - 1] >> 4 & 0b111 == 0b011:
            yield _inflated(module, at - 2).decode("latin-1")
            return
        at = module.find(_MODULE_START, at + 1)


def _inflated(data: bytes, at: int) -> bytes:
    made = bytearray()
    while at + 2 <= len(data) and len(made) < _MACRO_BYTES:
        header = int.from_bytes(data[at : at + 2], "little")
        if header >> 12 & 0b111 != 0b011:
            break
        end = min(len(data), at + (header & 0xFFF) + 3)
        if header & 0x8000:
            _inflate_chunk(data, at + 2, end, made)
        else:
            made += data[at + 2 : end]
        at = end
    return bytes(made)


def _inflate_chunk(data: bytes, at: int, end: int, made: bytearray) -> None:
    """One chunk: flag bytes, each for eight tokens, which are a byte or a copy of what came before."""
    begin = len(made)
    while at < end:
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= end or len(made) - begin > 4096:
                return
            if not flags >> bit & 1:
                made.append(data[at])
                at += 1
                continue
            if at + 2 > end:
                return
            token = int.from_bytes(data[at : at + 2], "little")
            at += 2
            width = max(4, (len(made) - begin - 1).bit_length()) if len(made) > begin else 4
            length = (token & 0xFFFF >> width) + 3
            back = (token >> 16 - width) + 1
            if back > len(made) - begin:
                return
            for _ in range(length):
                made.append(made[-back])
