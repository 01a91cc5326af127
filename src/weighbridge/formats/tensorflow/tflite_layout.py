"""Sizes in a TFLite model that contradict each other: shapes, types, buffers, quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from weighbridge.formats.anomaly import AnomalyLog, quoted
from weighbridge.formats.flatbuffer import Table

TYPE_BITS: Final[Mapping[int, int]] = {
    0: 32,  # float32
    1: 16,  # float16
    2: 32,  # int32
    3: 8,  # uint8
    4: 64,  # int64
    6: 8,  # bool
    7: 16,  # int16
    8: 64,  # complex64
    9: 8,  # int8
    10: 64,  # float64
    11: 128,  # complex128
    12: 64,  # uint64
    15: 32,  # uint32
    16: 16,  # uint16
    17: 4,  # int4
    18: 16,  # bfloat16
    19: 2,  # int2
    20: 4,  # uint4
}
"""Bits of an element. Strings, resources and variants have no row."""

_LAST_TYPE = 63
_MOST_BYTES = 2**63 - 1
_MAX_DIMS = 8


class TfliteAnomaly(StrEnum):
    """One rule of the format that a model breaks."""

    INDEX_OUTSIDE = "index-outside"
    BUFFER_OUTSIDE = "buffer-outside"
    SHAPE_OVERFLOW = "shape-overflow"
    NEGATIVE_DIMENSION = "negative-dimension"
    BUFFER_SIZE = "buffer-size"
    UNKNOWN_TYPE = "unknown-type"
    QUANTIZATION = "quantization"


TfliteLog = AnomalyLog[TfliteAnomaly]


def check_shape(
    dims: Sequence[int],
    kind: int,
    stored: int,
    *,
    is_sparse: bool,
    name: str,
    at: int,
    log: TfliteLog,
) -> None:
    """Log a shape that can't be, or that has another size than the constant's buffer."""
    shown = f"{quoted(name)}: shape {list(dims[:_MAX_DIMS])}, type {kind}"
    if not 0 <= kind <= _LAST_TYPE:
        log.add(TfliteAnomaly.UNKNOWN_TYPE, shown, at=at, subject=name)
        return
    if any(size < -1 for size in dims):
        log.add(TfliteAnomaly.NEGATIVE_DIMENSION, shown, at=at, subject=name)
        return
    bits = TYPE_BITS.get(kind)
    elements = _elements(dims)
    needed = (elements * (bits or 8) + 7) // 8
    if needed > _MOST_BYTES:
        log.add(TfliteAnomaly.SHAPE_OVERFLOW, shown, at=at, subject=name)
    elif stored and bits is not None and not is_sparse and -1 not in dims and stored != needed:
        detail = f"{shown}: {needed:,} bytes, but the buffer has {stored:,}"
        log.add(TfliteAnomaly.BUFFER_SIZE, detail, at=at, subject=name)


def check_quantization(table: Table, dims: Sequence[int], name: str, log: TfliteLog) -> None:
    """Log scales and zero points that are not of one length, or of no dimension."""
    scale, zero = table.vector(2, 4), table.vector(3, 8)
    scales, zeros = (scale.count if scale else 0), (zero.count if zero else 0)
    if zeros and scales != zeros and zeros != 1 and scales != 1:
        detail = f"{quoted(name)}: {scales:,} scales, {zeros:,} zero points"
        log.add(TfliteAnomaly.QUANTIZATION, detail, at=table.at, subject=name)


def _elements(dims: Sequence[int]) -> int:
    """The product, cut off where no type can hold it; an unknown dimension counts as one."""
    if 0 in dims:
        return 0
    product = 1
    for size in dims:
        product *= abs(size)
        if product > _MOST_BYTES:
            break
    return product
