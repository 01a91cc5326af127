"""MessagePack as Flax and Orbax write it: a map of maps, with arrays as extensions.

    value     = one byte that says what follows: a small number, or type and length
    extension = length  i8 code  payload
    array     = extension 1: MessagePack of [shape, name of the dtype, bytes]
    scalar    = extension 3: the same, of one element;  extension 2: a complex number

Arrays are stepped over: their header is read, their bytes are not. Sources:
https://github.com/msgpack/msgpack/blob/master/spec.md, flax.serialization.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed

_WINDOW = 4 * KIB
_MAX_DEPTH = 256
_MAX_DIMENSIONS = 64
_MAX_VALUES = 5_000_000
_TEXT_BYTES = 4 * KIB
_ITEM_BYTES = {
    **dict.fromkeys(("bool", "int8", "uint8", "int4", "uint4", "int2", "uint2"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}


class Kind(Enum):
    """What a value is, as far as anything here needs to know."""

    MAP = "map"
    ARRAY = "array"
    TEXT = "text"
    BYTES = "bytes"
    EXTENSION = "extension"
    OTHER = "other"


class Extension(IntEnum):
    """Codes that Flax registers."""

    NDARRAY = 1
    COMPLEX = 2
    SCALAR = 3


@dataclass(frozen=True, slots=True)
class Value:
    """One value where it stands.

    Attributes:
        path: keys and indexes that lead to it.
        start: offset of its payload; of its first element for maps and arrays.
        length: bytes of the payload; elements of a map or array.
        code: of an extension; 0 for others.
        text: the beginning of a text; "" for others.
        is_key: True for keys of maps.
    """

    kind: Kind
    path: tuple[str, ...]
    start: int
    length: int
    code: int = 0
    text: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What an array extension says of itself.

    Attributes:
        stated: bytes of the data that it holds.
        needed: bytes that shape and dtype ask for; None for a dtype that is not known.
        start: where those bytes begin.
    """

    shape: tuple[int, ...]
    dtype: str
    stated: int
    needed: int | None
    start: int = 0


_LENGTHS = {
    0xD9: (Kind.TEXT, 1),
    0xDA: (Kind.TEXT, 2),
    0xDB: (Kind.TEXT, 4),
    0xC4: (Kind.BYTES, 1),
    0xC5: (Kind.BYTES, 2),
    0xC6: (Kind.BYTES, 4),
    0xC7: (Kind.EXTENSION, 1),
    0xC8: (Kind.EXTENSION, 2),
    0xC9: (Kind.EXTENSION, 4),
    0xDC: (Kind.ARRAY, 2),
    0xDD: (Kind.ARRAY, 4),
    0xDE: (Kind.MAP, 2),
    0xDF: (Kind.MAP, 4),
}
_FIXED = {
    **dict.fromkeys((0xC0, 0xC2, 0xC3), 0),
    **dict.fromkeys((0xCC, 0xD0), 1),
    **dict.fromkeys((0xCD, 0xD1), 2),
    **dict.fromkeys((0xCA, 0xCE, 0xD2), 4),
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 8),
}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


@dataclass(slots=True)
class _Open:
    """A map or array whose elements are being read."""

    kind: Kind
    path: tuple[str, ...]
    left: int
    index: int = 0
    key: str = ""

    def child_path(self) -> tuple[str, ...]:
        return (*self.path, self.key if self.kind is Kind.MAP else str(self.index))


class MsgpackReader:
    """Values in the order of the file, containers before what they hold."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._window = b""
        self._base = 0

    def values(self, start: int = 0, stop: int | None = None) -> Iterator[Value]:
        """Yield every value of the one document in [start, stop).

        Raises:
            Malformed: a byte that begins no value, or a length beyond the end; values before it
                were yielded.
            LimitReached: more values, or deeper ones, than any checkpoint has.
        """
        end = self._source.size if stop is None else stop
        opened: list[_Open] = []
        at, count = start, 0
        while True:
            count += 1
            if count > _MAX_VALUES:
                raise LimitReached(f"more than {_MAX_VALUES:,} MessagePack values")
            is_key = bool(opened) and opened[-1].kind is Kind.MAP and opened[-1].left % 2 == 0
            value, at = self._value(at, end, opened, is_key)
            yield value
            _step(opened, value)
            if value.kind in (Kind.MAP, Kind.ARRAY):
                left = value.length * (2 if value.kind is Kind.MAP else 1)
                opened.append(_Open(value.kind, value.path, left))
                if len(opened) > _MAX_DEPTH:
                    raise LimitReached(f"MessagePack nests deeper than {_MAX_DEPTH}")
            while opened and opened[-1].left == 0:
                opened.pop()
            if not opened:
                return

    def end_of(self, start: int = 0) -> int:
        """Return the offset behind the document that begins at `start`."""
        last = start
        for value in self.values(start):
            is_container = value.kind in (Kind.MAP, Kind.ARRAY)
            last = value.start if is_container else value.start + value.length
        return last

    def data(self, at: int, length: int) -> bytes:
        """Return bytes of the file, fewer at its end."""
        index = at - self._base
        if not 0 <= index <= len(self._window) - length:
            self._window, self._base = bytes(self._source.read_at(at, max(length, _WINDOW))), at
            index = 0
        return self._window[index : index + length]

    def array_header(self, value: Value) -> ArrayHeader:
        """Read what an array extension says of itself.

        Raises:
            Malformed: its payload is not [shape, dtype, bytes].
        """
        shape: list[int] = []
        dtype, stated, start = "", -1, 0
        inner = MsgpackReader(self._source)
        for one in inner.values(value.start, value.start + value.length):
            place = one.path[:1]
            if place == ("0",) and len(one.path) == 2:
                if len(shape) >= _MAX_DIMENSIONS:
                    raise Malformed(f"an array of more than {_MAX_DIMENSIONS} dimensions", value.start)
                shape.append(inner.number(one))
            elif place == ("1",) and one.kind is Kind.TEXT:
                dtype = one.text
            elif place == ("2",) and one.kind is Kind.BYTES:
                stated, start = one.length, one.start
        if stated < 0 or not dtype:
            raise Malformed("an array without shape, type or data", value.start)
        size = _ITEM_BYTES.get(dtype)
        needed = None if size is None else math.prod(shape) * size
        return ArrayHeader(tuple(shape), dtype, stated, needed, start)

    def number(self, value: Value) -> int:
        """Return an integer value.

        Raises:
            Malformed: it is none.
        """
        mark = self.data(value.start - 1, 1)[:1] if value.length else self.data(value.start, 1)[:1]
        code = mark[0] if mark else 0xC1
        if value.kind is not Kind.OTHER:
            raise Malformed("a dimension that is no number", value.start)
        if value.length == 0 and (code < 0x80 or code >= 0xE0):
            return code if code < 0x80 else code - 256
        signed = 0xD0 <= code <= 0xD3
        if not signed and not 0xCC <= code <= 0xCF:
            raise Malformed("a dimension that is no number", value.start)
        return int.from_bytes(self.data(value.start, value.length), "big", signed=signed)

    def _value(self, at: int, end: int, opened: list[_Open], is_key: bool) -> tuple[Value, int]:
        """Return the value at `at` and the offset of the next one."""
        mark = self.data(at, 1)
        if at >= end or not mark:
            raise Malformed("MessagePack ends within a value", at)
        kind, start, length, code = self._shape(mark[0], at)
        path = opened[-1].child_path() if opened else ()
        if kind in (Kind.MAP, Kind.ARRAY):
            if length > end - start:
                raise Malformed(f"a {kind.value} of {length:,} elements in {end - start:,} bytes", at)
            return Value(kind, path, start, length, is_key=is_key), start
        if length > end - start:
            raise Malformed(f"a value of {length:,} bytes reaches beyond the end", at)
        text = ""
        if kind is Kind.TEXT:
            text = self.data(start, min(length, _TEXT_BYTES)).decode("utf-8", "backslashreplace")
        following = start + length if kind is not Kind.OTHER or length else at + 1
        return Value(kind, path, start, length, code, text, is_key), following

    def _shape(self, mark: int, at: int) -> tuple[Kind, int, int, int]:
        """Return kind, payload offset, length and extension code; small numbers lie in the mark."""
        if mark < 0x80 or mark >= 0xE0:
            return Kind.OTHER, at, 0, 0
        if mark <= 0x8F:
            return Kind.MAP, at + 1, mark & 0x0F, 0
        if mark <= 0x9F:
            return Kind.ARRAY, at + 1, mark & 0x0F, 0
        if mark <= 0xBF:
            return Kind.TEXT, at + 1, mark & 0x1F, 0
        if mark in _FIXED:
            size = _FIXED[mark]
            return Kind.OTHER, at + 1 if size else at, size, 0
        if mark in _FIXED_EXTENSIONS:
            return Kind.EXTENSION, at + 2, _FIXED_EXTENSIONS[mark], self._code(at + 1)
        if mark not in _LENGTHS:
            raise Malformed("a byte that begins no MessagePack value", at)
        kind, width = _LENGTHS[mark]
        raw = self.data(at + 1, width)
        if len(raw) < width:
            raise Malformed("MessagePack ends within a length", at)
        length = int.from_bytes(raw, "big")
        if kind is Kind.EXTENSION:
            return kind, at + 2 + width, length, self._code(at + 1 + width)
        return kind, at + 1 + width, length, 0

    def _code(self, at: int) -> int:
        raw = self.data(at, 1)
        if not raw:
            raise Malformed("MessagePack ends within an extension", at)
        return int(struct.unpack("b", raw)[0])


def _step(opened: list[_Open], value: Value) -> None:
    """Account for one element of the innermost container."""
    if not opened:
        return
    innermost = opened[-1]
    innermost.left -= 1
    if value.is_key:
        innermost.key = value.text or f"<{value.kind.value}>"
    else:
        innermost.index += 1
