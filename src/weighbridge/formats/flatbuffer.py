"""FlatBuffers without a schema: tables by field index, every offset checked before it is followed.

    file     = u32 root  [4 bytes identifier]  ...
    table    = i32 back-offset to its vtable   fields ...
    vtable   = u16 bytes of vtable  u16 bytes of table  u16 offset-of-field[n]     0: absent
    string   = u32 length  bytes  0
    vector   = u32 count   elements           tables and strings as u32 offsets from their own place

Native readers follow these offsets without a check unless told to verify. Source:
https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import isfinite

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed

_WINDOW = 16 * KIB
_WINDOWS_KEPT = 64
_MAX_READS = 50_000_000
_LARGEST_VALUE = 16 * MIB


class Scalar(Enum):
    """A number as it lies in a table or a vector: its struct code."""

    BOOL = "<?"
    BYTE = "<b"
    UBYTE = "<B"
    SHORT = "<h"
    USHORT = "<H"
    INT = "<i"
    UINT = "<I"
    LONG = "<q"
    ULONG = "<Q"
    FLOAT = "<f"
    DOUBLE = "<d"

    @property
    def size(self) -> int:
        """Size in bytes."""
        return struct.calcsize(self.value)


class FlatBuffer:
    """One buffer. Reads by range, through a few small windows: tables lie far apart from data.

    Args:
        source: the file.
        start: where the buffer begins; offsets in it count from there.
        stop: where it ends; the end of the file when None.
    """

    def __init__(self, source: ByteSource, start: int = 0, stop: int | None = None) -> None:
        self._source = source
        self.start = start
        self.stop = source.size if stop is None else stop
        self._windows: dict[int, bytes] = {}
        self._reads = 0

    def root(self) -> Table:
        """Return the root table.

        Raises:
            Malformed: as all that follows an offset.
        """
        return self.table_at(self.start + self.number(self.start, Scalar.UINT))

    def identifier(self) -> bytes:
        """The four bytes of the file identifier, if the format has one."""
        return self.data(self.start + 4, 4)

    def table_at(self, at: int) -> Table:
        """Return the table whose vtable offset lies at `at`."""
        vtable = at - self.number(at, Scalar.INT)
        if (vtable - self.start) % 2 or not self.start <= vtable <= self.stop - 4:
            raise Malformed("a table points to a vtable outside of the file", at)
        size = self.number(vtable, Scalar.USHORT)
        length = self.number(vtable + 2, Scalar.USHORT)
        if size < 4 or size % 2 or vtable + size > self.stop or length < 4 or at + length > self.stop:
            raise Malformed("a vtable with an impossible size", vtable)
        return Table(self, at, length, vtable, (size - 4) // 2)

    def number(self, at: int, kind: Scalar) -> int:
        """Return an integer: a bool as 0 or 1, a float cut off, and 0 when it is not finite."""
        return _whole(struct.unpack(kind.value, self.data(at, kind.size))[0])

    def data(self, at: int, length: int) -> bytes:
        """Return exactly `length` bytes.

        Raises:
            Malformed: they are not all within the buffer.
            LimitReached: more reads than any model needs.
        """
        self._reads += 1
        if self._reads > _MAX_READS:
            raise LimitReached(f"more than {_MAX_READS:,} reads in one FlatBuffer")
        if at < self.start or length < 0 or at + length > self.stop:
            raise Malformed("an offset leads out of the buffer", max(at, 0))
        number, within = divmod(at, _WINDOW)
        if within + length > _WINDOW:
            found = bytes(self._source.read_at(at, length))
        else:
            found = self._window(number)[within : within + length]
        if len(found) != length:
            raise Malformed("an offset leads out of the file", at)
        return found

    def _window(self, number: int) -> bytes:
        window = self._windows.pop(number, None)
        if window is None:
            window = bytes(self._source.read_at(number * _WINDOW, _WINDOW))
            if len(self._windows) >= _WINDOWS_KEPT:
                del self._windows[next(iter(self._windows))]
        self._windows[number] = window
        return window


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Field indexes are those of the schema, from 0; a union takes two."""

    buffer: FlatBuffer
    at: int
    length: int
    vtable: int
    fields: int

    def place(self, index: int) -> int | None:
        """Return where a field lies in the file; None when it has its default."""
        if index >= self.fields:
            return None
        offset = self.buffer.number(self.vtable + 4 + 2 * index, Scalar.USHORT)
        if offset == 0:
            return None
        if not 4 <= offset < self.length:
            raise Malformed("a field lies outside of its table", self.at)
        return self.at + offset

    def scalar(self, index: int, kind: Scalar, default: int = 0) -> int:
        """Return an integer field."""
        at = self.place(index)
        return default if at is None else self.buffer.number(at, kind)

    def table(self, index: int) -> Table | None:
        """Return a nested table."""
        at = self.place(index)
        return None if at is None else self.buffer.table_at(self._follow(at))

    def text(self, index: int, limit: int = MIB) -> str | None:
        """Return a string field; what is not UTF-8 as backslash escapes."""
        vector = self.vector(index, 1)
        if vector is None:
            return None
        data = self.buffer.data(vector.start, min(vector.count, limit))
        return data.decode("utf-8", "backslashreplace")

    def vector(self, index: int, element_bytes: int) -> Vector | None:
        """Return a vector whose elements are `element_bytes` long (4 for tables and strings)."""
        at = self.place(index)
        if at is None:
            return None
        head = self._follow(at)
        count = self.buffer.number(head, Scalar.UINT)
        start = head + 4
        if count * element_bytes > self.buffer.stop - start:
            raise Malformed(f"a vector of {count:,} elements reaches beyond the file", head)
        return Vector(self.buffer, start, count, element_bytes)

    def _follow(self, at: int) -> int:
        return at + self.buffer.number(at, Scalar.UINT)


@dataclass(frozen=True, slots=True)
class Vector:
    """`count` elements that all lie within the buffer."""

    buffer: FlatBuffer
    start: int
    count: int
    element_bytes: int

    def tables(self) -> Iterator[Table]:
        """Yield the tables that the elements point to."""
        for index in range(self.count):
            yield self.table(index)

    def table(self, index: int) -> Table:
        """Return one table of a vector of tables.

        Raises:
            Malformed: there is no such element.
        """
        return self.buffer.table_at(self._follow(index))

    def texts(self, limit: int = MIB) -> Iterator[str]:
        """Yield the strings that the elements point to."""
        for index in range(self.count):
            at = self._follow(index)
            length = self.buffer.number(at, Scalar.UINT)
            if length > self.buffer.stop - at - 4:
                raise Malformed("a string reaches beyond the file", at)
            yield self.buffer.data(at + 4, min(length, limit)).decode("utf-8", "backslashreplace")

    def numbers(self, kind: Scalar, limit: int = 1_000_000) -> list[int]:
        """Return the elements as integers, at most the first `limit`."""
        count = min(self.count, limit)
        data = self.buffer.data(self.start, count * kind.size)
        return [_whole(one) for (one,) in struct.iter_unpack(kind.value, data)]

    def bytes_of(self, limit: int = _LARGEST_VALUE) -> bytes:
        """Return a vector of bytes, at most its first `limit` bytes."""
        return self.buffer.data(self.start, min(self.count * self.element_bytes, limit))

    def _follow(self, index: int) -> int:
        if not 0 <= index < self.count or self.element_bytes != 4:
            raise Malformed("no element of a vector of offsets", self.start)
        at = self.start + 4 * index
        return at + self.buffer.number(at, Scalar.UINT)


def _whole(number: float) -> int:
    return int(number) if isfinite(number) else 0
