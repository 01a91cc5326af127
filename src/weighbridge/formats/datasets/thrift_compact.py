"""Thrift's compact protocol without a schema: structs by field number, every count checked.

    struct   = field* 00
    field    = dddd tttt [zigzag number]     dddd: step from the last field number, 0: spelled out
    list     = nnnn tttt elements            nnnn = 15: the count follows as a varint
    map      = 00 | count kkkkvvvv pairs
    binary   = varint length, bytes          numbers: zigzag varints; double: 8 bytes

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from weighbridge.errors import LimitReached, Malformed

Thrift: TypeAlias = "int | float | bool | bytes | list[Thrift] | dict[int, Thrift]"

_MAX_DEPTH = 64
_MAX_VALUES = 8_000_000
_MAX_VARINT = 10

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS: Final = frozenset({4, 5, 6})


def read_struct(data: bytes, start: int = 0) -> tuple[dict[int, Thrift], int]:
    """Read the struct at `start`; return its fields by number and the offset behind it.

    A map comes as a list that alternates keys and values; of two equal field numbers the last counts.

    Raises:
        Malformed: no struct, cut off, or nested deeper than 64.
        LimitReached: more than eight million values.
    """
    reader = _Reader(data, start)
    return reader.struct(0), reader.at


class _Reader:
    """A position in the bytes, and what may still be read."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._values = 0
        self.at = at

    def struct(self, depth: int) -> dict[int, Thrift]:
        if depth > _MAX_DEPTH:
            raise Malformed("thrift structs nest too deeply", self.at)
        fields: dict[int, Thrift] = {}
        number = 0
        while True:
            head = self._byte()
            if head == 0:
                return fields
            step, kind = head >> 4, head & 15
            number = number + step if step else self._zigzag()
            if kind in (_TRUE, _FALSE):
                fields[number] = kind == _TRUE
            else:
                fields[number] = self._value(kind, depth + 1)

    def _value(self, kind: int, depth: int) -> Thrift:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise LimitReached(f"more than {_MAX_VALUES:,} values in one thrift struct")
        if kind in _NUMBERS:
            return self._zigzag()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _DOUBLE:
            return float(struct.unpack("<d", self._take(8))[0])
        if kind == _BYTE or kind in (_TRUE, _FALSE):
            return self._byte()
        if kind == _MAP:
            return self._map(depth)
        raise Malformed(f"thrift has no type {kind}", self.at)

    def _list(self, depth: int) -> list[Thrift]:
        if depth > _MAX_DEPTH:
            raise Malformed("thrift lists nest too deeply", self.at)
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        self._check_count(count)
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[Thrift]:
        if depth > _MAX_DEPTH:
            raise Malformed("thrift maps nest too deeply", self.at)
        count = self._varint()
        if count == 0:
            return []
        self._check_count(2 * count)
        kinds = self._byte()
        found: list[Thrift] = []
        for _ in range(count):
            found.append(self._value(kinds >> 4, depth + 1))
            found.append(self._value(kinds & 15, depth + 1))
        return found

    def _check_count(self, count: int) -> None:
        # The smallest element is one byte.
        if count > len(self._data) - self.at:
            raise Malformed(f"announces {count:,} elements, more than there are bytes", self.at)

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise Malformed("the thrift struct is cut off", self.at)
        self.at += 1
        return self._data[self.at - 1]

    def _take(self, length: int) -> bytes:
        if length > len(self._data) - self.at:
            raise Malformed("a thrift string is longer than what holds it", self.at)
        self.at += length
        return self._data[self.at - length : self.at]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 7 * _MAX_VARINT, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
        raise Malformed("a thrift number without an end", self.at)

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
