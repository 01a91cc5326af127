r"""Read the header of a NumPy `.npy` array and find where its payload begins.

    offset  size
    0       6     93 4E 55 4D 50 59  ("\x93NUMPY")
    6       1+1   major version 1, 2 or 3, minor version 0
    8       2|4   length of the header, little-endian; 4 bytes from version 2 on
    ...           Python literal, Latin-1 (version 3: UTF-8), padded with spaces and a line feed:
                  {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
    ...           payload: the elements, or, when `descr` has an object type, one pickle

Nothing is evaluated: the literal is parsed to a syntax tree with the interpreter's own grammar,
because that is what NumPy does, and walked here.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import re
import struct
import warnings
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.weights.npy_dtype import (
    Content,
    Literal,
    LiteralDict,
    NpyDtype,
    read_dtype,
    read_shape,
)

MAGIC = b"\x93NUMPY"
_HEAD_BYTES = 4 * KIB
_MAX_HEADER = 64 * KIB
_MAX_PAYLOAD = 2**63 - 1
_MAX_DEPTH = 32
_MAX_INTEGER = 2**64
_KEYS = frozenset({"descr", "fortran_order", "shape"})
_PYTHON2_LONG = re.compile(r"\b(\d+)L\b")


class NpyAnomaly(StrEnum):
    """What can be wrong with a `.npy` file."""

    LONG_HEADER = "header-too-long"
    NOT_LITERAL = "header-not-a-literal"
    WRONG_KEYS = "wrong-keys"
    DUPLICATE_KEY = "duplicate-key"
    UNKNOWN_DTYPE = "unknown-dtype"
    BAD_SHAPE = "bad-shape"
    OVERFLOW = "size-overflow"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """A header, and how it fits the file. All offsets count from the start of the source.

    Attributes:
        dtype: its content is UNKNOWN when `descr` could not be read: then nothing is known of
            the payload, and a pickle in it can't be excluded.
        shape: None when it could not be read.
        payload_size: what dtype and shape ask for; None when they don't tell, and for objects.
    """

    version: tuple[int, int]
    dtype: NpyDtype
    fortran_order: bool
    shape: tuple[int, ...] | None
    payload_offset: int
    payload_size: int | None
    anomalies: tuple[Anomaly[NpyAnomaly], ...]

    @property
    def has_objects(self) -> bool:
        """True when reading this array unpickles its payload."""
        return self.dtype.content is Content.OBJECTS


@dataclass(frozen=True, slots=True)
class _Place:
    """The literal of one header: the format's version, and the half-open byte range."""

    version: tuple[int, int]
    begin: int
    end: int


def parse_npy(source: ByteSource, *, offset: int = 0) -> NpyHeader:
    """Read the header of the array that begins at `offset`: one read, or two when it is long.

    Raises:
        Malformed: no magic, a version that NumPy refuses, or the file ends within the header.
    """
    head = bytes(source.read_at(offset, _HEAD_BYTES))
    version, prefix, length = _read_prefix(head, offset)
    begin = offset + prefix
    if length > source.size - begin:
        raise Malformed(f"announces a header of {length:,} bytes and ends before", begin)
    log: AnomalyLog[NpyAnomaly] = AnomalyLog()
    place = _Place(version, begin, begin + length)
    if length > _MAX_HEADER:
        log.add(NpyAnomaly.LONG_HEADER, f"the header has {length:,} bytes", at=begin)
        return _interpret((), log, place, source.size)
    raw = head[prefix : prefix + length]
    if len(raw) < length:
        raw += bytes(source.read_at(begin + len(raw), length - len(raw)))
    return _interpret(_read_pairs(raw, version, log, begin), log, place, source.size)


def _read_prefix(head: bytes, offset: int) -> tuple[tuple[int, int], int, int]:
    if head[:6] != MAGIC:
        raise Malformed("does not begin with \\x93NUMPY", offset)
    if len(head) < 12:
        raise Malformed("ends within its header", offset + len(head))
    version = (head[6], head[7])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Malformed(
            f"version {version[0]}.{version[1]} of the NumPy format is not known", offset + 6
        )
    form = "<H" if version == (1, 0) else "<I"
    return version, 8 + struct.calcsize(form), struct.unpack_from(form, head, 8)[0]


def _read_pairs(
    raw: bytes, version: tuple[int, int], log: AnomalyLog[NpyAnomaly], at: int
) -> tuple[tuple[Literal, Literal], ...]:
    try:
        text = raw.decode("utf-8" if version == (3, 0) else "latin-1")
    except UnicodeDecodeError:
        log.add(NpyAnomaly.NOT_LITERAL, "the header is not UTF-8", at=at)
        return ()
    value = _parse_literal(text)
    if value is None and version != (3, 0):
        # NumPy on Python 2 wrote (10L,), and NumPy reads it to this day.
        value = _parse_literal(_PYTHON2_LONG.sub(r"\1", text))
    if isinstance(value, LiteralDict):
        if not value.pairs:
            log.add(NpyAnomaly.WRONG_KEYS, "the header is an empty dict", at=at)
        return value.pairs
    log.add(NpyAnomaly.NOT_LITERAL, f"the header is no dict literal: {quoted(text.strip())}", at=at)
    return ()


def _parse_literal(text: str) -> Literal:
    """Return the value of a literal; None when it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.lstrip(" \t"), mode="eval")
        return _walk(tree.body, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # MemoryError is how CPython's parser says that its stack of 6,000 is full.
        return None


def _walk(node: ast.expr, depth: int) -> Literal:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    match node:
        case ast.Constant(value=int() as number) if number > _MAX_INTEGER:
            raise ValueError("a number is too large")
        case ast.Constant(value=bool() | int() | float() | complex() | str() | bytes() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=items):
            return tuple(_walk(item, depth + 1) for item in items)
        case ast.List(elts=items):
            return [_walk(item, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values):
            named = [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]
            if len(named) < len(keys):
                raise ValueError("a dict is unpacked")
            return LiteralDict(tuple((_walk(k, depth + 1), _walk(v, depth + 1)) for k, v in named))
        case _:
            raise ValueError(f"{type(node).__name__} is no literal")


def _interpret(
    pairs: tuple[tuple[Literal, Literal], ...],
    log: AnomalyLog[NpyAnomaly],
    header: _Place,
    file_size: int,
) -> NpyHeader:
    if pairs:
        _check_keys(pairs, log, header.begin)
    values = {key: value for key, value in pairs if isinstance(key, str)}
    dtype = _read_descr(pairs, log, header.begin)
    shape = read_shape(values.get("shape"))
    if shape is None and pairs:
        log.add(
            NpyAnomaly.BAD_SHAPE, f"the shape is {quoted(repr(values.get('shape')))}", at=header.begin
        )
    size = _payload_size(dtype, shape, log, header.begin)
    left = file_size - header.end
    if size is not None and size > left:
        detail = f"the array needs {size:,} bytes and {left:,} are left"
        log.add(NpyAnomaly.TRUNCATED, detail, at=file_size)
    return NpyHeader(
        version=header.version,
        dtype=dtype,
        fortran_order=values.get("fortran_order") is True,
        shape=shape,
        payload_offset=header.end,
        payload_size=size,
        anomalies=log.all(),
    )


def _check_keys(
    pairs: tuple[tuple[Literal, Literal], ...], log: AnomalyLog[NpyAnomaly], at: int
) -> None:
    keys = [key for key, _ in pairs if isinstance(key, str)]
    if set(keys) != _KEYS or len(keys) < len(pairs):
        detail = f"the keys are {quoted(', '.join(keys))}"
        log.add(NpyAnomaly.WRONG_KEYS, detail, at=at)
    for key in sorted(_KEYS):
        if keys.count(key) > 1:
            log.add(NpyAnomaly.DUPLICATE_KEY, f"{key} stands twice", at=at, subject=key)


def _read_descr(
    pairs: tuple[tuple[Literal, Literal], ...], log: AnomalyLog[NpyAnomaly], at: int
) -> NpyDtype:
    """Judge every `descr` there is: if any reader would unpickle, so do we."""
    readings = [read_dtype(value) for key, value in pairs if key == "descr"]
    if any(reading.content is Content.OBJECTS for reading in readings):
        return NpyDtype(Content.OBJECTS, None)
    if not readings or any(reading.content is Content.UNKNOWN for reading in readings):
        for value in (value for key, value in pairs if key == "descr"):
            log.add(NpyAnomaly.UNKNOWN_DTYPE, f"descr is {quoted(repr(value))}", at=at)
        return NpyDtype(Content.UNKNOWN, None)
    return readings[-1]


def _payload_size(
    dtype: NpyDtype, shape: tuple[int, ...] | None, log: AnomalyLog[NpyAnomaly], at: int
) -> int | None:
    if shape is None:
        return None
    elements = math.prod(shape)
    size = elements * (dtype.size_bytes or 0)
    if max(elements, size) > _MAX_PAYLOAD:
        log.add(NpyAnomaly.OVERFLOW, "the array has more than 2**63 elements or bytes", at=at)
        return None
    return size if dtype.content is Content.PLAIN and dtype.size_bytes is not None else None
