"""Walk the b-trees of an SQLite file: records, wherever they overflow to, without SQLite.

    page        100 bytes of file header on page 1, then
    b-tree page u8 kind  u16 freeblock  u16 cells  u16 content  u8 fragments  [u32 right child]
                u16 offset of each cell
    kinds       2 interior index   5 interior table   10 leaf index   13 leaf table
    record      varint bytes of header, varint serial types, values

SQLite itself would parse the schema, and run triggers and views, to answer the first question.
Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed

MAGIC: Final = b"SQLite format 3\0"
SqlValue: TypeAlias = "int | float | str | bytes | None"

_HEADER_BYTES: Final = 100
_MAX_DEPTH: Final = 24
_LARGEST_RECORD: Final = 16 * MIB
_MAX_COLUMNS: Final = 4_000
_BLOCK: Final = 256 * KIB
_ENCODINGS: Final = {0: "utf-8", 1: "utf-8", 2: "utf-16-le", 3: "utf-16-be"}
_INTERIOR: Final = frozenset({2, 5})
_LEAVES: Final = frozenset({10, 13})
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True, slots=True)
class SqliteHeader:
    """The file header, as far as pages need it."""

    page_size: int
    reserved: int
    pages: int
    encoding: str

    @property
    def usable(self) -> int:
        """Bytes of a page that hold content."""
        return self.page_size - self.reserved


class SqlitePages:
    """The pages of one file.

    Args:
        source: the file.
        most_pages: after so many visited pages a walk raises LimitReached.

    Raises:
        Malformed: from the constructor, when the header can't be true.
    """

    def __init__(self, source: ByteSource, most_pages: int) -> None:
        self._source = source
        self._left = most_pages
        self._block: tuple[int, bytes] = (0, b"")
        self.header = _read_header(bytes(source.read_at(0, _HEADER_BYTES)), source.size)

    @property
    def is_spent(self) -> bool:
        """True when as many pages were read as may be."""
        return self._left < 0

    def records(self, root: int) -> Iterator[list[SqlValue]]:
        """Yield the records of the b-tree at a page, in order of their keys.

        Raises:
            Malformed: a page is none of a b-tree, is met twice, or a record breaks off.
            LimitReached: too many pages, or a record of more than 16 MiB.
        """
        seen: set[int] = set()
        pending = [(root, 0)]
        while pending:
            number, depth = pending.pop()
            if number in seen or depth > _MAX_DEPTH:
                raise Malformed(f"page {number:,} is met twice in one b-tree", self._start(number))
            seen.add(number)
            page = self._page(number)
            children, payloads = self._cells(page, number)
            pending.extend((child, depth + 1) for child in reversed(children))
            for payload in payloads:
                yield self._record(payload, number)

    def _start(self, number: int) -> int:
        return (number - 1) * self.header.page_size

    def _page(self, number: int) -> bytes:
        self._left -= 1
        if self.is_spent:
            raise LimitReached("the rest of the database was not read: it has more pages than are read")
        if not 1 <= number <= self.header.pages:
            raise Malformed(f"page {number:,} of {self.header.pages:,}")
        at, size = self._start(number), self.header.page_size
        start, block = self._block
        if not start <= at <= start + len(block) - size:
            start = at
            block = bytes(self._source.read_at(at, size if self._source.is_remote else _BLOCK))
            self._block = (start, block)
        page = block[at - start : at - start + size]
        if len(page) < size:
            raise Malformed(f"page {number:,} is cut off", at)
        return page

    def _cells(self, page: bytes, number: int) -> tuple[list[int], Iterator[bytes]]:
        """Return the children of a page, and its payloads."""
        at = _HEADER_BYTES if number == 1 else 0
        kind = page[at]
        if kind not in _INTERIOR | _LEAVES:
            raise Malformed(f"page {number:,} is no page of a b-tree", self._start(number))
        count = int.from_bytes(page[at + 3 : at + 5], "big")
        array = at + (12 if kind in _INTERIOR else 8)
        if array + 2 * count > len(page):
            raise Malformed(f"page {number:,} has {count:,} cells", self._start(number))
        offsets = struct.unpack_from(f">{count}H", page, array)
        children: list[int] = []
        if kind in _INTERIOR:
            children = [int.from_bytes(page[offset : offset + 4], "big") for offset in offsets]
            children.append(int.from_bytes(page[at + 8 : at + 12], "big"))
        return children, self._payloads(page, kind, offsets, number)

    def _payloads(
        self, page: bytes, kind: int, offsets: tuple[int, ...], number: int
    ) -> Iterator[bytes]:
        if kind == 5:
            return  # keys only
        for offset in offsets:
            at = offset + 4 if kind == 2 else offset
            length, at = _varint(page, at)
            if kind == 13:
                _, at = _varint(page, at)
            yield self._payload(page, at, length, number, is_table=kind == 13)

    def _payload(self, page: bytes, at: int, length: int, number: int, *, is_table: bool) -> bytes:
        if length > self._source.size:
            raise Malformed(f"a record of {length:,} bytes", self._start(number))
        if length > _LARGEST_RECORD:
            raise LimitReached(f"a record of {length:,} bytes on page {number:,}")
        usable = self.header.usable
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return _slice(page, at, length)
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= most else least
        parts = [_slice(page, at, local)]
        following = int.from_bytes(_slice(page, at + local, 4), "big")
        missing = length - local
        while missing > 0:
            overflow = self._page(following)
            part = overflow[4 : 4 + min(missing, usable - 4)]
            parts.append(part)
            missing -= len(part)
            following = int.from_bytes(overflow[:4], "big")
        return b"".join(parts)

    def _record(self, payload: bytes, number: int) -> list[SqlValue]:
        head, at = _varint(payload, 0)
        if head > len(payload):
            raise Malformed("the header of a record is longer than the record", self._start(number))
        values: list[SqlValue] = []
        body = head
        while at < head and len(values) < _MAX_COLUMNS:
            serial, at = _varint(payload, at)
            value, body = _value(payload, body, serial, self.header.encoding)
            values.append(value)
        return values


def _read_header(head: bytes, size: int) -> SqliteHeader:
    if len(head) < _HEADER_BYTES or not head.startswith(MAGIC):
        raise Malformed("no header of SQLite")
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    reserved = head[20]
    if page_size < 512 or page_size & (page_size - 1) or page_size - reserved < 480:
        raise Malformed(f"pages of {page_size:,} bytes, {reserved} of them reserved", 16)
    encoding = _ENCODINGS.get(int.from_bytes(head[56:60], "big"))
    if encoding is None:
        raise Malformed("a text encoding that is not known", 56)
    return SqliteHeader(page_size, reserved, -(-size // page_size), encoding)


def _value(payload: bytes, at: int, serial: int, encoding: str) -> tuple[SqlValue, int]:
    """Return the value at `at` and where the next one begins."""
    if serial in (0, 10, 11):
        return None, at
    if serial in (8, 9):
        return serial - 8, at
    if serial in _INTEGER_BYTES:
        length = _INTEGER_BYTES[serial]
        return int.from_bytes(_slice(payload, at, length), "big", signed=True), at + length
    if serial == 7:
        return float(struct.unpack(">d", _slice(payload, at, 8))[0]), at + 8
    length = (serial - 12) // 2
    data = _slice(payload, at, length)
    if serial % 2 == 0:
        return data, at + length
    return data.decode(encoding, "backslashreplace"), at + length


def _slice(data: bytes, at: int, length: int) -> bytes:
    found = data[at : at + length]
    if len(found) != length:
        raise Malformed("a record is cut off")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, up to nine bytes with the high part first, and the offset behind it."""
    value = 0
    for index in range(9):
        if at + index >= len(data):
            raise Malformed("a number is cut off")
        byte = data[at + index]
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    raise Malformed("a number without an end")
