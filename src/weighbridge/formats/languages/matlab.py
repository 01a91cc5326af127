"""MATLAB files of level 5: variables with their classes; function handles and objects stand out.

    file    = 116 bytes of text  8 bytes subsystem offset  u16 version  "IM" or "MI"  element*
    element = u32 type  u32 length  payload  padding to 8          small: u16 length  u16 type  4 bytes
    type 14 = a matrix: flags (class in the low byte), dimensions, name, parts
    type 15 = a zlib stream that holds one element

Source: the MAT-file format of MathWorks, level 5; classes 16 (function) and 17 (opaque) are not in
it, they are what MATLAB writes for handles and objects.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB, Budget
from weighbridge.errors import LimitReached, Malformed

HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_LARGEST_EXPANDED = 32 * MIB
_MAX_DEPTH = 32
_MAX_VARIABLES = 200_000
_NAME_BYTES = 256
_STRING_BYTES = 4096
_MAX_WORDS = 64
_CHARACTERS = {1: 1, 2: 1, 3: 2, 4: 2, 16: 1, 17: 2}


class MatlabClass(IntEnum):
    """Classes of a variable that this module tells apart; numbers beyond them come as they are."""

    CELL = 1
    STRUCT = 2
    OBJECT = 3
    CHAR = 4
    FUNCTION = 16
    OPAQUE = 17


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, or a part of one that is a handle or an object.

    Attributes:
        kind: number of its class; see `MatlabClass`.
        name: of the variable that it is in.
        words: short texts found in it: class names, function names, expressions.
        at: offset in the file of the element that it came in.
    """

    kind: int
    name: str
    words: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    start: int
    length: int
    following: int


def read_matlab(source: ByteSource, budget: Budget) -> Iterator[Variable]:
    """Yield the variables, and the handles and objects inside of them.

    Raises:
        Malformed: an element that reaches beyond the file; variables before it were yielded.
        LimitReached: more variables than `_MAX_VARIABLES`, or the budget.
    """
    header = bytes(source.read_at(0, HEADER_BYTES))
    order = {b"IM": "little", b"MI": "big"}.get(header[126:128])
    if order is None:
        raise Malformed("no MAT-file of level 5", 126)
    at, count = HEADER_BYTES, 0
    while at + 8 <= source.size:
        budget.check_time()
        count += 1
        if count > _MAX_VARIABLES:
            raise LimitReached(f"more than {_MAX_VARIABLES:,} variables")
        element = _outer(source, at, order == "big")
        yield from _variable(source, element, at, order == "big", budget)
        at = element.following


def _outer(source: ByteSource, at: int, big: bool) -> _Element:
    """An element of the file itself, whose payload may be large and is not read here."""
    order = "big" if big else "little"
    head = bytes(source.read_at(at, 8))
    kind = int.from_bytes(head[:4], "big" if big else "little")
    length = int.from_bytes(head[4:], "big" if big else "little")
    if length > source.size - at - 8:
        raise Malformed(f"an element of {length:,} bytes reaches beyond the file ({order})", at)
    padding = 0 if kind == _COMPRESSED else -length % 8
    return _Element(kind, at + 8, length, at + 8 + length + padding)


def _variable(
    source: ByteSource, element: _Element, at: int, big: bool, budget: Budget
) -> Iterator[Variable]:
    if element.kind == _MATRIX:
        data = bytes(source.read_at(element.start, min(element.length, _LARGEST_EXPANDED)))
    elif element.kind == _COMPRESSED:
        packed = bytes(source.read_at(element.start, min(element.length, _LARGEST_EXPANDED)))
        data = _inflated(packed, at, budget)[8:]
    else:
        return
    yield from _matrices(data, at, big)


def _inflated(packed: bytes, at: int, budget: Budget) -> bytes:
    try:
        data = zlib.decompressobj().decompress(packed, _LARGEST_EXPANDED)
    except zlib.error as error:
        raise Malformed(f"a compressed variable: {error}", at) from None
    budget.expand(len(data), consumed_total=len(packed), produced_total=len(data))
    return data


def _matrices(data: bytes, at: int, big: bool) -> Iterator[Variable]:
    """The matrix that `data` is the payload of, then what is nested in it and stands out."""
    todo: list[tuple[int, int, str, int]] = [(0, len(data), "", 0)]
    count = 0
    while todo:
        start, stop, outer, depth = todo.pop()
        count += 1
        if depth > _MAX_DEPTH or count > _MAX_VARIABLES:
            raise LimitReached("a MATLAB variable nests without end")
        parts = list(_parts(data, start, stop, big))
        kind = data[parts[0].start + (3 if big else 0)] if parts and parts[0].length >= 4 else 0
        name = outer or _name(data, parts, kind, big)
        if depth == 0 or kind in (MatlabClass.FUNCTION, MatlabClass.OPAQUE, MatlabClass.OBJECT):
            yield Variable(kind, name, _words(data, parts, big), at)
        todo += [
            (part.start, part.start + part.length, name or "?", depth + 1)
            for part in reversed(parts)
            if part.kind == _MATRIX
        ]


def _parts(data: bytes, start: int, stop: int, big: bool) -> Iterator[_Element]:
    """Elements within a matrix; ends quietly where the data ends: tensors may be cut off."""
    order: str = "big" if big else "little"
    at = start
    while at + 8 <= stop:
        head = data[at : at + 8]
        number = int.from_bytes(head[:4], "big" if big else "little")
        if number >> 16:  # a small element: length and type share the first four bytes
            yield _Element(number & 0xFFFF, at + 4, min(number >> 16, 4), at + 8)
            at += 8
            continue
        length = int.from_bytes(head[4:], "big" if order == "big" else "little")
        kept = min(length, stop - at - 8)
        yield _Element(number, at + 8, kept, at + 8 + length)
        at += 8 + length + -length % 8


def _name(data: bytes, parts: list[_Element], kind: int, big: bool) -> str:
    """Flags, dimensions, name; an opaque variable has no dimensions."""
    index = 1 if kind == MatlabClass.OPAQUE else 2
    if len(parts) <= index or parts[index].kind not in _CHARACTERS:
        return ""
    part = parts[index]
    return data[part.start : part.start + min(part.length, _NAME_BYTES)].decode(
        "ascii", "backslashreplace"
    )


def _words(data: bytes, parts: list[_Element], big: bool) -> tuple[str, ...]:
    """Texts of the parts behind the flags, and of all that is nested in them."""
    found: list[str] = []
    todo = parts[:0:-1]
    looked = 0
    while todo and len(found) < _MAX_WORDS and looked < _MAX_VARIABLES:
        part = todo.pop()
        looked += 1
        if part.kind == _MATRIX:
            todo += reversed(list(_parts(data, part.start, part.start + part.length, big)))
        elif (word := _word(data, part, big)) is not None:
            found.append(word)
    return tuple(found)


def _word(data: bytes, part: _Element, big: bool) -> str | None:
    width = _CHARACTERS.get(part.kind, 0)
    if not width:
        return None
    text = data[part.start : part.start + min(part.length, _STRING_BYTES)]
    wide = "utf-16-be" if big else "utf-16-le"
    word = text.decode(wide if width == 2 else "utf-8", "ignore").strip("\0")
    return word if len(word) > 1 and word.isprintable() else None
