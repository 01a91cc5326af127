"""The messages of ONNX by field number: what the walk of a model reads, keeps or steps over.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (IR version 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from weighbridge.formats.protobuf import Wire


class Message(Enum):
    """A message type that can hold something worth a look."""

    MODEL = auto()
    GRAPH = auto()
    NODE = auto()
    ATTRIBUTE = auto()
    TENSOR = auto()
    SPARSE_TENSOR = auto()
    FUNCTION = auto()
    TRAINING_INFO = auto()
    OPSET = auto()
    ENTRY = auto()
    VALUE_INFO = auto()


class Kind(Enum):
    """What the walk does with a field."""

    TEXT = auto()
    """Read, up to a bound."""
    NUMBER = auto()
    """An integer that is kept."""
    NUMBERS = auto()
    """Integers that are kept, packed or not."""
    CONTENT = auto()
    """Bytes of which the place and the first few are kept."""
    MESSAGE = auto()
    """A message that is walked."""
    PLAIN = auto()
    """Known, and stepped over."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a message type."""

    name: str
    kind: Kind
    message: Message | None = None

    def takes(self, wire: Wire) -> bool:
        """False when loaders would treat such a field as unknown."""
        match self.kind:
            case Kind.NUMBER:
                return wire is Wire.VARINT
            case Kind.NUMBERS:
                return wire in (Wire.VARINT, Wire.BYTES)
            case Kind.PLAIN:
                return wire is not Wire.GROUP
            case Kind.TEXT | Kind.CONTENT | Kind.MESSAGE:
                return wire is Wire.BYTES


def _text(name: str) -> Slot:
    return Slot(name, Kind.TEXT)


def _number(name: str) -> Slot:
    return Slot(name, Kind.NUMBER)


def _plain(name: str) -> Slot:
    return Slot(name, Kind.PLAIN)


def _content(name: str) -> Slot:
    return Slot(name, Kind.CONTENT)


def _message(name: str, message: Message) -> Slot:
    return Slot(name, Kind.MESSAGE, message)


_ENTRIES = _message("metadata_props", Message.ENTRY)

SCHEMA: Final[Mapping[Message, Mapping[int, Slot]]] = {
    Message.MODEL: {
        1: _number("ir_version"),
        2: _text("producer_name"),
        3: _text("producer_version"),
        4: _text("domain"),
        5: _number("model_version"),
        6: _text("doc_string"),
        7: _message("graph", Message.GRAPH),
        8: _message("opset_import", Message.OPSET),
        14: _ENTRIES,
        20: _message("training_info", Message.TRAINING_INFO),
        25: _message("functions", Message.FUNCTION),
        26: _plain("configuration"),
    },
    Message.GRAPH: {
        1: _message("node", Message.NODE),
        2: _text("name"),
        5: _message("initializer", Message.TENSOR),
        10: _text("doc_string"),
        11: _message("input", Message.VALUE_INFO),
        12: _message("output", Message.VALUE_INFO),
        13: _message("value_info", Message.VALUE_INFO),
        14: _plain("quantization_annotation"),
        15: _message("sparse_initializer", Message.SPARSE_TENSOR),
        16: _ENTRIES,
    },
    Message.NODE: {
        1: _plain("input"),
        2: _plain("output"),
        3: _text("name"),
        4: _text("op_type"),
        5: _message("attribute", Message.ATTRIBUTE),
        6: _text("doc_string"),
        7: _text("domain"),
        8: _text("overload"),
        9: _ENTRIES,
        10: _plain("device_configurations"),
    },
    Message.ATTRIBUTE: {
        1: _text("name"),
        2: _plain("f"),
        3: _number("i"),
        4: _content("s"),
        5: _message("t", Message.TENSOR),
        6: _message("g", Message.GRAPH),
        7: _plain("floats"),
        8: _plain("ints"),
        9: _content("strings"),
        10: _message("tensors", Message.TENSOR),
        11: _message("graphs", Message.GRAPH),
        13: _text("doc_string"),
        14: _plain("tp"),
        15: _plain("type_protos"),
        20: _plain("type"),
        21: _plain("ref_attr_name"),
        22: _message("sparse_tensor", Message.SPARSE_TENSOR),
        23: _message("sparse_tensors", Message.SPARSE_TENSOR),
    },
    Message.TENSOR: {
        1: Slot("dims", Kind.NUMBERS),
        2: _number("data_type"),
        3: _plain("segment"),
        4: _plain("float_data"),
        5: _plain("int32_data"),
        6: _content("string_data"),
        7: _plain("int64_data"),
        8: _text("name"),
        9: _content("raw_data"),
        10: _plain("double_data"),
        11: _plain("uint64_data"),
        12: _text("doc_string"),
        13: _message("external_data", Message.ENTRY),
        14: _number("data_location"),
        16: _ENTRIES,
    },
    Message.SPARSE_TENSOR: {
        1: _message("values", Message.TENSOR),
        2: _message("indices", Message.TENSOR),
        3: _plain("dims"),
    },
    Message.FUNCTION: {
        1: _text("name"),
        4: _plain("input"),
        5: _plain("output"),
        6: _plain("attribute"),
        7: _message("node", Message.NODE),
        8: _text("doc_string"),
        9: _message("opset_import", Message.OPSET),
        10: _text("domain"),
        11: _message("attribute_proto", Message.ATTRIBUTE),
        12: _message("value_info", Message.VALUE_INFO),
        13: _text("overload"),
        14: _ENTRIES,
    },
    Message.TRAINING_INFO: {
        1: _message("initialization", Message.GRAPH),
        2: _message("algorithm", Message.GRAPH),
        3: _plain("initialization_binding"),
        4: _plain("update_binding"),
    },
    Message.OPSET: {1: _text("domain"), 2: _number("version")},
    Message.ENTRY: {1: _text("key"), 2: _text("value")},
    Message.VALUE_INFO: {
        1: _plain("name"),
        2: _plain("type"),
        3: _text("doc_string"),
        4: _ENTRIES,
    },
}

BITS: Final[Mapping[int, int]] = {
    1: 32,
    2: 8,
    3: 8,
    4: 16,
    5: 16,
    6: 32,
    7: 64,
    9: 8,
    10: 16,
    11: 64,
    12: 32,
    13: 64,
    14: 64,
    15: 128,
    16: 16,
    17: 8,
    18: 8,
    19: 8,
    20: 8,
    21: 4,
    22: 4,
    23: 4,
    24: 8,
    25: 2,
    26: 2,
}
"""Bits of an element by `TensorProto.DataType`; strings (8) have none."""
STRING: Final = 8
BYTE_TYPES: Final = frozenset({0, 2, 3, STRING, 9})
"""Types whose tensors may hold a file: bytes, strings, booleans, and no type at all."""
