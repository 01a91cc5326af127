"""MXNet: graphs as JSON, and the file of their parameters.

    {"nodes": [{"op": "Custom", "name": "...", "attrs": {"op_type": "..."}, "inputs": []}], "heads": []}

    .params = u64 0x112  u64 0   u64 n  array[n]   u64 n  (u64 length, name)[n]
    array   = u32 0xF993FAC9 or ..CA  i32 storage  shape  i32 device  i32 id  i32 type  data
            | u32 0xF993FAC8          shape  i32 device  i32 id  i32 type  data
    shape   = u32 n  i64[n]

Source: mxnet src/ndarray/ndarray.cc NDArray::Save, NDArray::Load
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.weights.weights_fault import WeightsFault

MAGIC: Final = struct.pack("<Q", 0x112)
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_SIZES: Final = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 8: 2, 9: 2, 10: 4, 11: 8, 12: 2}
_MOST_ARRAYS = 1_000_000
_MOST_DIMS = 64
_LONGEST_NAME = 1 << 16
_MOST_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class SymbolNode:
    """One node of a graph, with its parameters as text."""

    operator: str
    name: str
    attributes: Mapping[str, str]
    index: int


@dataclass(frozen=True, slots=True)
class ArrayName:
    """The name of one parameter."""

    name: str
    at: int


def is_symbol(tree: Json) -> bool:
    """True for the JSON of a graph: nodes that have an operator, and heads."""
    if not isinstance(tree, Mapping):
        return False
    nodes = tree.get("nodes")
    if not isinstance(nodes, list) or not nodes or not ("heads" in tree or "arg_nodes" in tree):
        return False
    first = nodes[0]
    return isinstance(first, Mapping) and isinstance(first.get("op"), str)


def walk_symbol(tree: Json) -> Iterator[SymbolNode]:
    """Yield the nodes, those of subgraphs included.

    Raises:
        LimitReached: more nodes than any graph has.
    """
    waiting: list[Json] = [tree]
    count = 0
    while waiting:
        graph = waiting.pop()
        nodes = graph.get("nodes") if isinstance(graph, Mapping) else None
        for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
            count += 1
            if count > _MOST_NODES:
                raise LimitReached(f"more than {_MOST_NODES:,} nodes")
            if isinstance(node, Mapping):
                yield _node(node, index)
                subgraphs = node.get("subgraphs")
                waiting.extend(subgraphs if isinstance(subgraphs, list) else ())


def _node(node: Mapping[str, Json], index: int) -> SymbolNode:
    texts: dict[str, str] = {}
    # `param` and `attr` are the spellings of releases before 1.0.
    for key in ("param", "attr", "attrs"):
        held = node.get(key)
        if isinstance(held, Mapping):
            texts |= {name: value for name, value in held.items() if isinstance(value, str)}
    operator, name = node.get("op"), node.get("name")
    return SymbolNode(
        operator if isinstance(operator, str) else "",
        name if isinstance(name, str) else "",
        texts,
        index,
    )


def walk_params(source: ByteSource) -> Iterator[WeightsFault | ArrayName]:
    """Yield faults and names; the arrays' data is stepped over.

    Raises:
        Malformed: a header is none; what came before was yielded.
        LimitReached: more arrays than any model has.
    """
    magic, _, count = struct.unpack("<QQQ", _exactly(source, 0, 24))
    if magic != 0x112:
        raise Malformed("does not begin with 0x112")
    if count > _MOST_ARRAYS:
        raise LimitReached(f"announces {count:,} arrays; up to {_MOST_ARRAYS:,} are read")
    at = 24
    for _ in range(count):
        found = _array(source, at)
        if isinstance(found, WeightsFault):
            yield found
            return
        at = found
    (names,) = struct.unpack("<Q", _exactly(source, at, 8))
    if names not in (0, count):
        yield WeightsFault("number of names", f"{count:,} arrays and {names:,} names", at)
    at += 8
    for _ in range(min(names, count)):
        (length,) = struct.unpack("<Q", _exactly(source, at, 8))
        if length > min(_LONGEST_NAME, source.size - at - 8):
            yield WeightsFault("length of a name", f"a name of {length:,} bytes", at)
            return
        data = _exactly(source, at + 8, length)
        yield ArrayName(data.decode("utf-8", "backslashreplace"), at + 8)
        at += 8 + length
    if at < source.size:
        yield WeightsFault("bytes behind", f"{source.size - at:,} bytes behind the last name", at)


def _array(source: ByteSource, start: int) -> int | WeightsFault:
    """Return the offset behind an array."""
    (magic,) = struct.unpack("<I", _exactly(source, start, 4))
    at = start + 4
    if magic in (_V2, _V3):
        (storage,) = struct.unpack("<i", _exactly(source, at, 4))
        if storage != 0:
            raise LimitReached("holds sparse arrays, which are not read")
        at += 4
    elif magic != _V1:
        raise Malformed("no header of an array", start)
    ndim = int.from_bytes(_exactly(source, at, 4), "little", signed=True)
    if not -1 <= ndim <= _MOST_DIMS:
        return WeightsFault("dimensions", f"an array of {ndim:,} dimensions", start)
    at += 4
    if ndim == -1 or (ndim == 0 and magic != _V3):
        return at  # an array without a value ends here
    dims: tuple[int, ...] = struct.unpack(f"<{ndim}q", _exactly(source, at, 8 * ndim))
    at += 8 * ndim
    kind = int.from_bytes(_exactly(source, at, 12)[8:], "little", signed=True)
    at += 12
    if kind not in _SIZES or any(dim < 0 for dim in dims):
        return WeightsFault("array header", f"type {kind}, dimensions {list(dims)[:8]}", start)
    size = math.prod(dims) * _SIZES[kind]
    if size > source.size - at:
        left = source.size - at
        return WeightsFault(
            "array beyond the file", f"an array of {size:,} bytes, {left:,} are left", start
        )
    return at + size


def _exactly(source: ByteSource, at: int, length: int) -> bytes:
    data = bytes(source.read_at(at, length))
    if len(data) != length:
        raise Malformed("the file ends within an array", at)
    return data
