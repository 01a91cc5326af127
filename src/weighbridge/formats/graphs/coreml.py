"""Core ML models: the parts that name classes of an app, or other files.

    Model            1 specificationVersion  2 description  200.. one of the model types
    NeuralNetwork    1 layers*  ->  500 custom  605 branch  615 loop
    Program          2 functions  ->  block_specializations  ->  operations*  ->  blocks*, values
    CustomModel, CustomLayerParams      10 className  40 description
    LinkedModelFile  1 linkedModelFileName  2 linkedModelSearchPath      (StringParameter: 1)

Source: https://github.com/apple/coremltools/tree/main/mlmodel/format
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.graphs.message_walk import Leaf, Record, Shape, walk_messages

MODEL_TYPES: Final = frozenset(
    {200, 201, 202, 300, 301, 302, 303, 304, 400, 401, 402, 403, 404, 500, 501, 502, 555, 556, 560}
    | {600, 601, 602, 603, 604, 606, 607, 609, 610, 900, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000}
)
"""Numbers of the fields of a model of which one says what it is."""
NEWEST_VERSION: Final = 20
MODEL_PATH: Final = "@model_path/"

_WEIGHTS: Final = {
    100: (90, 91),
    140: (20, 21),
    150: (20, 21),
    160: (15, 16, 17, 18),
    245: (2, 5),
    250: (2,),
    290: (2,),
    400: (30, 31, 32),
    410: (30, 31, 32, 50, 51, 52, 70, 71, 72),
    1040: (20, 21),
    1045: (8, 9),
    1070: (2,),
    1350: (3, 4),
    1471: (60, 61),
}
"""Kinds of layers that have weights, by number, and the fields that these are in."""
_SHAPES: Final = {
    "model": Shape(
        {
            200: "holds pipeline",
            201: "holds pipeline",
            202: "pipeline",
            303: "network",
            403: "network",
            500: "network",
            502: "program",
            555: "custom model",
            556: "linked model",
            3000: "serialized model",
        },
        frozenset({1}),
    ),
    "holds pipeline": Shape({1: "pipeline"}),
    "pipeline": Shape({1: "model"}),
    "network": Shape({1: "layer"}),
    "layer": Shape(
        {
            500: "custom layer",
            605: "branch",
            615: "loop",
            **{number: f"layer of kind {number}" for number in _WEIGHTS},
        },
        frozenset({1}),
    ),
    **{
        f"layer of kind {number}": Shape(dict.fromkeys(fields, "weights"))
        for number, fields in _WEIGHTS.items()
    },
    "weights": Shape(),
    "branch": Shape({1: "network", 2: "network"}),
    "loop": Shape({3: "network", 4: "network"}),
    "custom layer": Shape({20: "weights", 30: "parameter"}, frozenset({10, 40})),
    "custom model": Shape({30: "parameter"}, frozenset({10, 40})),
    "parameter": Shape({2: "value of a parameter"}),
    "value of a parameter": Shape(),
    "linked model": Shape({1: "linked file"}),
    "linked file": Shape({1: "linked name", 2: "linked path"}),
    "linked name": Shape({}, frozenset({1})),
    "linked path": Shape({}, frozenset({1})),
    "serialized model": Shape({}, frozenset({1})),
    "program": Shape({2: "function entry", 4: "value entry"}),
    "function entry": Shape({2: "function"}),
    "function": Shape({3: "block entry", 4: "value entry"}),
    "block entry": Shape({2: "block"}),
    "block": Shape({3: "operation", 4: "value entry"}),
    "operation": Shape({2: "argument entry", 4: "block", 5: "value entry"}, frozenset({1})),
    "argument entry": Shape({2: "argument"}),
    "argument": Shape({1: "binding"}),
    "binding": Shape({2: "value"}),
    "value entry": Shape({2: "value"}),
    "value": Shape({3: "immediate", 5: "blob file"}),
    "immediate": Shape({1: "tensor"}),
    "tensor": Shape({7: "bytes"}),
    "bytes": Shape(),
    "blob file": Shape({}, frozenset({1, 2})),
}


class Part(StrEnum):
    """What a part of a model is; the value is a phrase for people."""

    CUSTOM_LAYER = "custom layer"
    CUSTOM_MODEL = "custom model"
    LINKED = "linked model"
    BLOB = "file of weights"
    SERIALIZED = "serialized model"


@dataclass(frozen=True, slots=True)
class Named:
    """A part that names something: a class, or a path.

    Attributes:
        name: the class, or the path as the file has it.
        detail: the layer's name, or a description.
    """

    part: Part
    name: str
    detail: str
    at: int


def walk_coreml(source: ByteSource) -> Iterator[Named | Leaf]:
    """Yield what a model names, and bytes in it that begin as a file does.

    Raises:
        Malformed, LimitReached: as of the walk.
    """
    for found in walk_messages(source, _SHAPES, "model"):
        if isinstance(found, Leaf):
            yield found
        else:
            yield from _named(found)


def _named(found: Record) -> Iterator[Named]:
    match found.shape:
        case "custom layer":
            layer = found.parent.text(1) if found.parent is not None else ""
            yield Named(Part.CUSTOM_LAYER, found.text(10), layer, found.at)
        case "custom model":
            yield Named(Part.CUSTOM_MODEL, found.text(10), found.text(40)[:200], found.at)
        case "linked name" | "linked path":
            what = "search path" if found.shape == "linked path" else "file name"
            yield Named(Part.LINKED, found.text(1), what, found.at)
        case "blob file":
            yield Named(Part.BLOB, found.text(1), "", found.at)
        case "serialized model":
            yield Named(Part.SERIALIZED, found.text(1), "", found.at)
        case _:
            pass
