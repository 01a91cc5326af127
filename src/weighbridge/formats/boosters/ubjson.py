"""Read Universal Binary JSON, draft 12, as XGBoost writes its models.

    value   = marker payload          Z T F N   i U I l L (integers)   d D (floats)   C S H
    array   = "[" ["$" type] ["#" count] values ["]"]
    object  = "{" ["$" type] ["#" count] (key value)* ["}"]       a key is a string without its S

Numbers are big-endian. An array with a type and a count is stepped over: its place is kept, and it
is read when somebody asks for its numbers, so a model costs its skeleton.

Source: https://ubjson.org/; src/common/json.cc of XGBoost.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.forward import ForwardReader

_INTEGERS: Final = {
    b"i": struct.Struct(">b"),
    b"U": struct.Struct(">B"),
    b"I": struct.Struct(">h"),
    b"l": struct.Struct(">i"),
    b"L": struct.Struct(">q"),
}
_FLOATS: Final = {b"d": struct.Struct(">f"), b"D": struct.Struct(">d")}
_ARRAY_CODES: Final = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_MAX_DEPTH = 64
_MAX_VALUES = 2_000_000
_TEXT_BYTES = 64 * KIB
_LONGEST_KEY = 64 * KIB
_LARGEST_ARRAY = 256 * MIB


@dataclass(frozen=True, slots=True)
class UbjArray:
    """Numbers that lie in the file, all of one type."""

    source: ByteSource
    offset: int
    code: str
    count: int

    def read(self) -> array[int] | array[float]:
        """Return the numbers.

        Raises:
            LimitReached: more than 256 MiB of them.
            ReadError: from the source.
        """
        numbers: array[int] | array[float] = array(self.code)
        length = self.count * numbers.itemsize
        if length > _LARGEST_ARRAY:
            raise LimitReached(f"an array of {length:,} bytes")
        numbers.frombytes(bytes(self.source.read_at(self.offset, length)))
        if len(numbers) and struct.pack("=H", 1) != struct.pack(">H", 1):
            numbers.byteswap()
        return numbers


Ubj: TypeAlias = "bool | int | float | str | UbjArray | Sequence[Ubj] | Mapping[str, Ubj] | None"


@dataclass(frozen=True, slots=True)
class UbjDocument:
    """One value, and where it ends."""

    value: Ubj
    end: int


def parse_ubjson(source: ByteSource, budget: Budget) -> UbjDocument:
    """Read the one value at the start of the source.

    Raises:
        Malformed: no such value.
        LimitReached: nested deeper than 64, or more than two million values.
    """
    reader = _Values(source, budget)
    value = reader.value(reader.marker(), 0)
    return UbjDocument(value, reader.offset)


class _Values:
    def __init__(self, source: ByteSource, budget: Budget) -> None:
        self._source = source
        self._reader = ForwardReader(source)
        self._budget = budget
        self._count = 0

    @property
    def offset(self) -> int:
        return self._reader.offset

    def marker(self) -> bytes:
        """Return the next marker that is no padding."""
        while True:
            marker = self._reader.take(1)
            if marker != b"N":
                return marker

    def value(self, marker: bytes, depth: int) -> Ubj:
        self._count += 1
        if self._count > _MAX_VALUES:
            raise LimitReached(f"more than {_MAX_VALUES:,} values")
        if self._count % 4096 == 0:
            self._budget.check_time()
        if depth > _MAX_DEPTH:
            raise LimitReached(f"nested deeper than {_MAX_DEPTH}")
        if marker in _INTEGERS:
            return self._reader.number(_INTEGERS[marker])
        if marker in _FLOATS:
            form = _FLOATS[marker]
            return float(form.unpack(self._reader.take(form.size))[0])
        match marker:
            case b"{":
                return self._object(depth)
            case b"[":
                return self._array(depth)
            case b"S" | b"H":
                return self._text(_TEXT_BYTES)
            case b"C":
                return chr(self._reader.take(1)[0])
            case b"Z":
                return None
            case b"T" | b"F":
                return marker == b"T"
        raise Malformed(f"no marker of UBJSON: {marker!r}", self.offset - 1)

    def _length(self) -> int:
        marker = self.marker()
        if marker not in _INTEGERS:
            raise Malformed("a length that is no integer", self.offset - 1)
        length = self._reader.number(_INTEGERS[marker])
        if length < 0:
            raise Malformed(f"a length of {length}", self.offset)
        return length

    def _text(self, kept: int) -> str:
        length = self._length()
        raw = self._reader.take(min(length, kept))
        self._reader.skip(length - len(raw))
        return raw.decode("utf-8", "backslashreplace")

    def _header(self) -> tuple[bytes | None, int | None]:
        """Return the type and the count of a container, where it states them."""
        kind = None
        if self._reader.peek(1) == b"$":
            self._reader.take(1)
            kind = self._reader.take(1)
            if self._reader.peek(1) != b"#":
                raise Malformed("a container with a type and no count", self.offset)
        if self._reader.peek(1) != b"#":
            return kind, None
        self._reader.take(1)
        return kind, self._length()

    def _array(self, depth: int) -> Ubj:
        kind, count = self._header()
        if kind in _ARRAY_CODES and count is not None:
            found = UbjArray(self._source, self.offset, _ARRAY_CODES[kind], count)
            self._reader.skip(count * array(found.code).itemsize)
            return found
        items: list[Ubj] = []
        for _ in self._steps(count, kind):
            marker = kind or self.marker()
            if count is None and marker == b"]":
                return items
            items.append(self.value(marker, depth + 1))
        return items

    def _steps(self, count: int | None, kind: bytes | None) -> range:
        """As many steps as there can be: a value takes a byte, unless its type says all."""
        if kind in (b"Z", b"T", b"F", b"N"):
            raise Malformed("a container of values that take no bytes", self.offset)
        most = self._reader.remaining + 1
        if count is not None and count > most:
            raise Malformed(f"a container of {count:,} values", self.offset)
        return range(most if count is None else count)

    def _object(self, depth: int) -> dict[str, Ubj]:
        kind, count = self._header()
        found: dict[str, Ubj] = {}
        for _ in self._steps(count, kind):
            while count is None and self._reader.peek(1) == b"N":
                self._reader.take(1)
            if count is None and self._reader.peek(1) == b"}":
                self._reader.take(1)
                return found
            key = self._text(_LONGEST_KEY)
            found[key] = self.value(kind or self.marker(), depth + 1)
        return found
