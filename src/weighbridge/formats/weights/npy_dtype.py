"""What a `descr` of a NumPy header describes: how large an element is, and whether it is a pickle.

Only spellings that are provably plain count as plain. NumPy has more of them (`"i4,O"`, `"T"`,
`"2O"`), no writer uses them, and some hold objects.

Source: numpy.lib.format.descr_to_dtype of NumPy 2.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

Scalar: TypeAlias = "bool | int | float | complex | str | bytes | None"
Literal: TypeAlias = "Scalar | tuple[Literal, ...] | list[Literal] | LiteralDict"

_MAX_DEPTH = 32
_PLAIN = re.compile(
    r"[<>|=]?(?:(?P<unit>b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[mM]8(?:\[[^\[\]]{1,40}\])?)"
    r"|(?P<bool>\?)|(?P<text>[SaUV])(?P<length>\d{0,9}))"
)
_OBJECT = re.compile(r"[<>|=]?O[48]?|object_?")
_NAMES: Final[Mapping[str, int]] = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}


@dataclass(frozen=True, slots=True)
class LiteralDict:
    """A dict display of a literal with every pair it has: of equal keys, readers differ."""

    pairs: tuple[tuple[Literal, Literal], ...]


class Content(StrEnum):
    """What the elements of an array are."""

    PLAIN = "plain"
    OBJECTS = "objects"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NpyDtype:
    """The element type of an array.

    Attributes:
        content: OBJECTS when any field, however deep, is of object type: the payload is then a
            pickle, whatever the other fields say.
        size_bytes: of one element; None when it is not known.
    """

    content: Content
    size_bytes: int | None


_UNKNOWN = NpyDtype(Content.UNKNOWN, None)


def read_dtype(descr: Literal, *, depth: int = 0) -> NpyDtype:
    """Judge a `descr`: a string, a `(descr, shape)` pair, or a list of fields."""
    if depth > _MAX_DEPTH:
        return _UNKNOWN
    if isinstance(descr, str):
        return _read_word(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        return _repeat(read_dtype(descr[0], depth=depth + 1), descr[1])
    if isinstance(descr, list):
        return _join([_read_field(field, depth) for field in descr])
    return _UNKNOWN


def _read_word(word: str) -> NpyDtype:
    if _OBJECT.fullmatch(word):
        return NpyDtype(Content.OBJECTS, None)
    if word in _NAMES:
        return NpyDtype(Content.PLAIN, _NAMES[word])
    match = _PLAIN.fullmatch(word)
    if match is None:
        return _UNKNOWN
    if match["unit"]:
        return NpyDtype(Content.PLAIN, int(re.findall(r"\d+", match["unit"])[0]))
    if match["bool"]:
        return NpyDtype(Content.PLAIN, 1)
    return NpyDtype(Content.PLAIN, int(match["length"] or 0) * (4 if match["text"] == "U" else 1))


def _read_field(field: Literal, depth: int) -> NpyDtype:
    if not isinstance(field, tuple) or len(field) not in (2, 3):
        return _UNKNOWN
    dtype = read_dtype(field[1], depth=depth + 1)
    return dtype if len(field) == 2 else _repeat(dtype, field[2])


def _repeat(dtype: NpyDtype, shape: Literal) -> NpyDtype:
    dims = read_shape((shape,) if isinstance(shape, int) else shape)
    if dtype.size_bytes is None or dims is None:
        return NpyDtype(dtype.content if dims is not None else _worse(dtype.content), None)
    return NpyDtype(dtype.content, dtype.size_bytes * math.prod(dims))


def _worse(content: Content) -> Content:
    return Content.OBJECTS if content is Content.OBJECTS else Content.UNKNOWN


def _join(fields: list[NpyDtype]) -> NpyDtype:
    sizes = [field.size_bytes for field in fields if field.size_bytes is not None]
    size = sum(sizes) if len(sizes) == len(fields) else None
    contents = {field.content for field in fields}
    for content in (Content.OBJECTS, Content.UNKNOWN):
        if content in contents:
            return NpyDtype(content, size)
    return NpyDtype(Content.PLAIN, size)


def read_shape(shape: Literal) -> tuple[int, ...] | None:
    """Return a tuple of at most 64 integers, none of them negative; else None."""
    if not isinstance(shape, tuple) or len(shape) > 64:
        return None
    dims = tuple(dim for dim in shape if isinstance(dim, int) and 0 <= dim < 2**63)
    return dims if len(dims) == len(shape) else None
