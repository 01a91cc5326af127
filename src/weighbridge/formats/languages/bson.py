"""BSON as Julia's BSON.jl writes it: documents whose `tag` says what is to be built.

    document = i32 length  element*  0
    element  = type  name 0  value

Julia values that are no plain data are documents with a `tag`: `struct`, `datatype`, `ref`,
`backref`, `anonymous` (a function with its code). Sources: https://bsonspec.org/spec.html, BSON.jl.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed

_WINDOW = 16 * KIB
_MAX_DEPTH = 200
_MAX_ELEMENTS = 5_000_000
_TEXT_BYTES = 1024
_FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16}
_FIXED |= {0x7F: 0, 0xFF: 0}
_DOCUMENTS = (0x03, 0x04)
_TEXTS = (0x02, 0x0D, 0x0E)
_BINARY = 0x05


@dataclass(frozen=True, slots=True)
class Element:
    """One element where it stands.

    Attributes:
        kind: its type byte.
        start: offset of the value's payload.
        text: the beginning of a text; "" for others.
        depth: documents that it is in, from 1.
    """

    kind: int
    name: str
    start: int
    length: int
    text: str
    depth: int

    @property
    def is_binary(self) -> bool:
        """True for a run of bytes."""
        return self.kind == _BINARY


def read_bson(source: ByteSource) -> Iterator[Element]:
    """Yield every element, depth first.

    Raises:
        Malformed: a length or type that no document has; elements before it were yielded.
        LimitReached: deeper, or more, than any model.
    """
    reader = _Reader(source)
    ends = [reader.document_end(0, source.size)]
    at, count = 4, 0
    while ends:
        kind = reader.byte(at)
        if kind == 0:
            end = ends.pop()
            if at + 1 != end:
                raise Malformed("a BSON document has another length than it states", at)
            at = end
            continue
        count += 1
        if count > _MAX_ELEMENTS or len(ends) > _MAX_DEPTH:
            raise LimitReached("BSON with more elements, or deeper ones, than any model has")
        name, start = reader.name(at + 1)
        if kind in _DOCUMENTS:
            end = reader.document_end(start, ends[-1])
            yield Element(kind, name, start, end - start, "", len(ends))
            ends.append(end)
            at = start + 4
            continue
        begin, length, at = reader.value(kind, start, ends[-1])
        text = reader.text(begin, length) if kind in _TEXTS else ""
        yield Element(kind, name, begin, length, text, len(ends))


class _Reader:
    """Reads through one window."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._window = b""
        self._base = 0

    def data(self, at: int, length: int) -> bytes:
        index = at - self._base
        if not 0 <= index <= len(self._window) - length:
            self._window, self._base = bytes(self._source.read_at(at, max(length, _WINDOW))), at
            index = 0
        found = self._window[index : index + length]
        if len(found) != length:
            raise Malformed("BSON ends within an element", at)
        return found

    def byte(self, at: int) -> int:
        return self.data(at, 1)[0]

    def number(self, at: int) -> int:
        return int.from_bytes(self.data(at, 4), "little", signed=True)

    def document_end(self, at: int, outer: int) -> int:
        length = self.number(at)
        if length < 5 or length > outer - at:
            raise Malformed(f"a BSON document of {length} bytes", at)
        return at + length

    def name(self, at: int) -> tuple[str, int]:
        found = bytearray()
        while byte := self.byte(at + len(found)):
            found.append(byte)
            if len(found) > _TEXT_BYTES:
                raise Malformed("a BSON name without an end", at)
        return found.decode("utf-8", "backslashreplace"), at + len(found) + 1

    def value(self, kind: int, at: int, end: int) -> tuple[int, int, int]:
        """Return start and length of the payload and the offset behind it."""
        if kind in _FIXED:
            start, length = at, _FIXED[kind]
        elif kind in _TEXTS:
            start, length = at + 4, self.number(at)
        elif kind == _BINARY:
            start, length = at + 5, self.number(at)
        else:
            raise Malformed(f"BSON type {kind:#04x} is not read", at)
        if length < 0 or length > end - start:
            raise Malformed(f"a BSON value of {length} bytes", at)
        return start, length, start + length

    def text(self, at: int, length: int) -> str:
        return self.data(at, min(max(length - 1, 0), _TEXT_BYTES)).decode("utf-8", "backslashreplace")
