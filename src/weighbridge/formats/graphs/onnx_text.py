"""ONNX models that are kept as protobuf JSON or protobuf text: encoded, so that one walk reads all.

The onnx library loads `.onnxjson`, `.json`, `.textproto`, `.prototxt` and `.pbtxt` as it loads `.onnx`.
Fields that the walk steps over are left out. Source: onnx/serialization.py.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from weighbridge.errors import LimitReached
from weighbridge.formats.documents.prototext import TextMessage
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.onnx_schema import SCHEMA, Kind, Message, Slot

_MAX_DEPTH = 150
_ENUMS: Final[Mapping[str, int]] = {
    "DEFAULT": 0,
    "EXTERNAL": 1,
    "FLOAT": 1,
    "UINT8": 2,
    "INT8": 3,
    "UINT16": 4,
    "INT16": 5,
    "INT32": 6,
    "INT64": 7,
    "STRING": 8,
    "BOOL": 9,
    "FLOAT16": 10,
    "DOUBLE": 11,
    "UINT32": 12,
    "UINT64": 13,
}
_Fields: TypeAlias = "Iterator[tuple[str, object]]"


def is_onnx_json(tree: Json) -> bool:
    """True for the JSON of a model: a graph, and a version."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("graph"), Mapping):
        return False
    versions = ("irVersion", "ir_version", "opsetImport", "opset_import")
    return any(isinstance(tree.get(key), str | int | list) for key in versions)


def is_onnx_text(message: TextMessage) -> bool:
    """True for the text of a model."""
    names = {one.name for one in message.fields}
    return "graph" in names and bool(names & {"ir_version", "opset_import"})


def encode_json(tree: Mapping[str, Json]) -> bytes:
    """Return the model on the wire.

    Raises:
        LimitReached: it nests deeper than loaders go.
    """
    return _encode(Message.MODEL, _of_json(tree), 0)


def encode_text(message: TextMessage) -> bytes:
    """Return the model on the wire.

    Raises:
        LimitReached: it nests deeper than loaders go.
    """
    return _encode(Message.MODEL, _of_text(message), 0)


def _of_json(tree: Mapping[str, Json]) -> _Fields:
    for key, value in tree.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            yield from ((key, one) for one in value)
        else:
            yield key, value


def _of_text(message: TextMessage) -> _Fields:
    for one in message.fields:
        yield one.name, one.message if one.message is not None else _bytes_of(one.text)


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _encode(message: Message, fields: _Fields, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise LimitReached(f"messages nest deeper than {_MAX_DEPTH}")
    slots = _SLOTS[message]
    out = bytearray()
    for key, value in fields:
        found = slots.get(key)
        if found is not None:
            number, slot = found
            out += _field(number, slot, value, depth)
    return bytes(out)


def _field(number: int, slot: Slot, value: object, depth: int) -> bytes:
    if slot.message is not None:
        if isinstance(value, TextMessage):
            inner = _of_text(value)
        elif isinstance(value, Mapping):
            inner = _of_json(value)
        else:
            return b""
        return _run(number, _encode(slot.message, inner, depth + 1))
    if slot.kind in (Kind.NUMBER, Kind.NUMBERS):
        found = _integer(value)
        return b"" if found is None else _varint(number << 3) + _varint(found & (1 << 64) - 1)
    if slot.kind is Kind.TEXT and isinstance(value, str | bytes):
        return _run(number, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
    if slot.kind is Kind.CONTENT and isinstance(value, str | bytes):
        return _run(number, value if isinstance(value, bytes) else _base64(value))
    return b""


def _integer(value: object) -> int | None:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, int | float):
        return int(value) if abs(value) < 2**64 else None
    if not isinstance(value, str) or len(value) > 24:
        return None
    try:
        return _ENUMS[value] if value in _ENUMS else int(value, 0)
    except ValueError:
        return None


def _base64(text: str) -> bytes:
    core = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(core + "=" * (-len(core) % 4))
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def _run(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


_SLOTS: Final[Mapping[Message, Mapping[str, tuple[int, Slot]]]] = {
    message: {
        spelled: (number, slot)
        for number, slot in slots.items()
        for spelled in (slot.name, _camel(slot.name))
    }
    for message, slots in SCHEMA.items()
}
