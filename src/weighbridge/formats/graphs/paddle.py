"""PaddlePaddle programs, as protobuf and as JSON: the operators and their attributes.

    ProgramDesc  1 blocks*  4 version  5 op_version_map
    BlockDesc    1 idx  2 parent_idx  3 vars*  4 ops*
    OpDesc       1 inputs*  2 outputs*  3 type  4 attrs*  ->  1 name  5 s  8 strings*

    {"base_code": {"magic": "pir", ...}, "program": {"regions": [{"blocks": [{"ops": [
        {"#": "1.save", "A": [{"N": "file_path", "AT": {"#": "0.a_str", "D": "x"}}]}]}]}]}}

In JSON the digit before the dot is the dialect: 0 builtin, 1 Paddle's operators, 3 custom operators.
Source: paddle/fluid/framework/framework.proto, paddle/fluid/pir/serialize_deserialize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.message_walk import Leaf, Record, Shape, walk_messages

_SHAPES: Final = {
    "program": Shape({1: "block"}),
    "block": Shape({4: "op"}),
    "op": Shape({4: "attribute"}, frozenset({3})),
    "attribute": Shape({}, frozenset({1, 5})),
}
_CUSTOM_DIALECT: Final = "3"
_MOST_NODES = 4_000_000


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a program.

    Attributes:
        attributes: those that are strings.
        is_custom: the file itself says that Paddle doesn't have it.
    """

    name: str
    attributes: Mapping[str, str]
    is_custom: bool
    at: int | None


def walk_program(source: ByteSource) -> Iterator[Operator | Leaf]:
    """Yield the operators of a `.pdmodel`, and bytes in it that begin as a file does.

    Raises:
        Malformed, LimitReached: as of the walk.
    """
    attributes: dict[str, str] = {}
    for found in walk_messages(source, _SHAPES, "program"):
        if isinstance(found, Leaf):
            yield found
        elif found.shape == "attribute":
            attributes[found.text(1)] = found.text(5)
        elif found.shape == "op":
            yield _operator(found, attributes)
            attributes = {}


def _operator(found: Record, attributes: Mapping[str, str]) -> Operator:
    return Operator(found.text(3), attributes, False, found.at)


def is_pir(tree: Json) -> bool:
    """True for a program that was saved as JSON."""
    if not isinstance(tree, Mapping):
        return False
    code = tree.get("base_code")
    return isinstance(code, Mapping) and code.get("magic") == "pir" and "program" in tree


def walk_pir(tree: Json) -> Iterator[Operator]:
    """Yield the operators of a program in JSON, wherever they are nested.

    Raises:
        LimitReached: more values than a program has.
    """
    waiting: list[Json] = [tree]
    seen = 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > _MOST_NODES:
            raise LimitReached(f"more than {_MOST_NODES:,} values in one program")
        if isinstance(value, Mapping):
            operator = _pir_operator(value)
            if operator is not None:
                yield operator
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _pir_operator(value: Mapping[str, Json]) -> Operator | None:
    name = value.get("#")
    if not isinstance(name, str) or not ("A" in value or "I" in value):
        return None
    dialect, dot, short = name.partition(".")
    attributes = value.get("A")
    texts: dict[str, str] = {}
    for one in attributes if isinstance(attributes, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("N"), str):
            held = one.get("AT")
            text = held.get("D") if isinstance(held, Mapping) else None
            if isinstance(text, str):
                texts[str(one["N"])] = text
    return Operator(short if dot else name, texts, bool(dot) and dialect == _CUSTOM_DIALECT, None)
