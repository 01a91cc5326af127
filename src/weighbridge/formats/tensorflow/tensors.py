"""TensorProto: what a constant claims to be, without reading its bytes.

    TensorProto       1 dtype  2 tensor_shape  4 tensor_content  8 string_val  others: values by type
    TensorShapeProto  2 dim { 1 size }  3 unknown_rank

Fewer values than the shape has elements is legal: the last one repeats. Source:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/tensor.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.limits import GIB
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.tensorflow.anomalies import GraphAnomaly, GraphLog

DT_INT32: Final = 3
DT_STRING: Final = 7
DT_INT64: Final = 9

DTYPE_BYTES: Final[Mapping[int, int]] = {
    1: 4,  # float32
    2: 8,  # float64
    3: 4,  # int32
    4: 1,  # uint8
    5: 2,  # int16
    6: 1,  # int8
    8: 8,  # complex64
    9: 8,  # int64
    10: 1,  # bool
    11: 1,  # qint8
    12: 1,  # quint8
    13: 4,  # qint32
    14: 2,  # bfloat16
    15: 2,  # qint16
    16: 2,  # quint16
    17: 2,  # uint16
    18: 16,  # complex128
    19: 2,  # float16
    22: 4,  # uint32
    23: 8,  # uint64
    24: 1,  # float8_e5m2
    25: 1,  # float8_e4m3fn
}
"""Bytes of an element. Strings, resources, variants and packed four-bit types have no row."""

_GIANT_BYTES = 16 * GIB
_MOST_ELEMENTS = 2**63 - 1
_MAX_DIMS = 254
_STRING_VAL = 8


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """Type, shape and where the content lies.

    Attributes:
        dims: None when the rank is not known.
        content_bytes: length of `tensor_content`; 0 without one.
        field: the TensorProto itself, to read values from.
    """

    dtype: int
    dims: tuple[int, ...] | None
    content_bytes: int
    field: Field


def read_tensor(reader: ProtobufReader, field: Field) -> TensorFacts:
    """Return the facts of a TensorProto.

    Raises:
        Malformed: the message is broken.
    """
    dtype, content = 0, 0
    dims: tuple[int, ...] | None = ()
    for part in reader.message(field):
        if part.number == 1 and part.wire is Wire.VARINT:
            dtype = part.value
        elif part.number == 2 and part.wire is Wire.BYTES:
            dims = read_shape(reader, part)
        elif part.number == 4 and part.wire is Wire.BYTES:
            content = part.length
    return TensorFacts(dtype, dims, content, field)


def read_shape(reader: ProtobufReader, field: Field) -> tuple[int, ...] | None:
    """Return the dimensions of a TensorShapeProto; None when the rank is not known."""
    dims: list[int] = []
    for part in reader.message(field):
        if part.number == 3 and part.wire is Wire.VARINT and part.value:
            return None
        if part.number == 2 and part.wire is Wire.BYTES and len(dims) <= _MAX_DIMS:
            sizes = [one.signed for one in reader.message(part) if one.number == 1]
            dims.append(sizes[-1] if sizes else 0)
    return tuple(dims)


def check_tensor(tensor: TensorFacts, where: str, log: GraphLog) -> None:
    """Log a shape that native code can't hold, or that its content contradicts."""
    dims, at = tensor.dims, tensor.field.at
    if dims is None:
        return
    shown = f"{quoted(where)}: shape {list(dims[:8])}, type {tensor.dtype}"
    if any(size < 0 for size in dims):
        log.add(GraphAnomaly.NEGATIVE_DIMENSION, shown, at=at, subject=where)
        return
    elements = _elements(dims)
    width = DTYPE_BYTES.get(tensor.dtype)
    if elements * (width or 1) > _MOST_ELEMENTS:
        log.add(GraphAnomaly.SHAPE_OVERFLOW, shown, at=at, subject=where)
    elif tensor.content_bytes:
        if width is not None and elements * width != tensor.content_bytes:
            detail = f"{shown}, but {tensor.content_bytes:,} bytes of content"
            log.add(GraphAnomaly.CONTENT_MISMATCH, detail, at=at, subject=where)
    elif elements * (width or 8) >= _GIANT_BYTES:
        detail = f"{shown}: {elements * (width or 8):,} bytes out of a few"
        log.add(GraphAnomaly.GIANT_TENSOR, detail, at=at, subject=where)


def _elements(dims: tuple[int, ...]) -> int:
    """The product, cut off where no type can hold it."""
    if 0 in dims:
        return 0
    product = 1
    for size in dims:
        product *= size
        if product > _MOST_ELEMENTS:
            break
    return product


def string_fields(reader: ProtobufReader, tensor: TensorFacts) -> Iterator[Field]:
    """Yield the elements of a tensor of strings, as they stand in the file."""
    if tensor.dtype == DT_STRING:
        for part in reader.message(tensor.field):
            if part.number == _STRING_VAL and part.wire is Wire.BYTES:
                yield part


def small_integers(reader: ProtobufReader, tensor: TensorFacts, most: int = 4096) -> list[int]:
    """Return the values of a small tensor of int32 or int64; none of a larger or another one."""
    if tensor.dtype not in (DT_INT32, DT_INT64) or tensor.content_bytes > 8 * most:
        return []
    width = DTYPE_BYTES[tensor.dtype]
    found: list[int] = []
    for part in reader.message(tensor.field):
        if part.number == 4 and part.wire is Wire.BYTES:
            data = reader.bytes_of(part)
            found += [
                int.from_bytes(data[at : at + width], "little", signed=True)
                for at in range(0, len(data) - width + 1, width)
            ]
        elif part.number in (7, 10) and part.length <= 10 * most:
            found += [_signed(value) for value in reader.varints_of(part)]
    return found[:most]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
