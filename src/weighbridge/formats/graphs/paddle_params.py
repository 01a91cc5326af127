"""Check that the tensors of a `.pdiparams` file fill it, one behind the other.

    file    = tensor*
    tensor  = u32 0   u64 n  (u64 bytes, bytes)[n] levels of detail   u32 0   i32 m  TensorDesc[m]  data
    TensorDesc = 1 data_type   2 dims* (int64, packed or not)

Source: paddle/fluid/framework/lod_tensor.cc SerializeToStream, framework.proto VarType.TensorDesc
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.protobuf import ProtobufReader
from weighbridge.formats.weights.weights_fault import WeightsFault

_SIZES: Final = {
    0: 1,
    1: 2,
    2: 4,
    3: 8,
    4: 2,
    5: 4,
    6: 8,
    19: 8,
    20: 1,
    21: 1,
    22: 2,
    23: 8,
    24: 16,
    32: 1,
    33: 1,
}
_MOST_TENSORS = 1_000_000
_MOST_LEVELS = 64
_LONGEST_DESC = 4096
_LEAST = 20


def is_params(head: bytes, size: int) -> bool:
    """True when the first tensor's header is one."""
    if len(head) < _LEAST + 4 or head[:16] != bytes(16):
        return False
    length = int.from_bytes(head[16:20], "little")
    return 2 <= length <= min(_LONGEST_DESC, size - _LEAST) and head[20] == 0x08 and head[21] in _SIZES


def check_params(source: ByteSource) -> Iterator[WeightsFault]:
    """Yield what can't be true of the tensors; their data is stepped over.

    Raises:
        Malformed: a header is none.
        LimitReached: more tensors than any model has.
    """
    reader = ProtobufReader(source)
    at = 0
    for _ in range(_MOST_TENSORS):
        if at == source.size:
            return
        start = at
        at = _behind_levels(source, at)
        version, length = struct.unpack("<Ii", _exactly(source, at, 8))
        if version != 0 or not 0 <= length <= _LONGEST_DESC or length > source.size - at - 8:
            raise Malformed("no header of a tensor", at)
        kind, dims = _description(reader, at + 8, at + 8 + length)
        at += 8 + length
        if kind not in _SIZES or any(dim < 0 for dim in dims):
            yield WeightsFault("tensor header", f"data type {kind}, dimensions {dims[:8]}", start)
            return
        size = math.prod(dims) * _SIZES[kind]
        if size > source.size - at:
            left = source.size - at
            detail = f"a tensor of {size:,} bytes, and {left:,} are left"
            yield WeightsFault("tensor beyond the file", detail, start)
            return
        at += size
    raise LimitReached(f"more than {_MOST_TENSORS:,} tensors")


def _behind_levels(source: ByteSource, at: int) -> int:
    version, levels = struct.unpack("<IQ", _exactly(source, at, 12))
    if version != 0 or levels > _MOST_LEVELS:
        raise Malformed("no header of a tensor", at)
    at += 12
    for _ in range(levels):
        (length,) = struct.unpack("<Q", _exactly(source, at, 8))
        if length > source.size - at - 8:
            raise Malformed("a level of detail reaches beyond the file", at)
        at += 8 + length
    return at


def _description(reader: ProtobufReader, start: int, stop: int) -> tuple[int, list[int]]:
    kind = -1
    dims: list[int] = []
    for field in reader.fields(start, stop):
        if field.number == 1:
            kind = field.signed
        elif field.number == 2:
            found = reader.varints_of(field, _MOST_LEVELS)
            dims += [one - (1 << 64) if one >= 1 << 63 else one for one in found]
            if len(dims) > _MOST_LEVELS:
                raise LimitReached(f"more than {_MOST_LEVELS} dimensions")
    return kind, dims


def _exactly(source: ByteSource, at: int, length: int) -> bytes:
    data = bytes(source.read_at(at, length))
    if len(data) != length:
        raise Malformed("the file ends within a tensor", at)
    return data
