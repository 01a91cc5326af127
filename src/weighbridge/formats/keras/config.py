"""Find in a tree of JSON what a Keras loader makes objects, functions and code of.

    {"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": null}
    {"module": "builtins", "class_name": "function", "config": "relu"}
    {"class_name": "__lambda__", "config": {"code": "4wEA...", "defaults": ..., "closure": ...}}
    {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "tensorflow...", "config": [...]}

Releases before 2.12 write no module. The walk keeps its own stack, so depth costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TypeAlias

from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json

_MAX_VALUES = 5_000_000
_MAX_ROUTE_PARTS = 60
_CLAIM_VALUES = 20_000
_CLAIM_DEPTH = 5
_ENCODED_CHARS = 40

_Place: TypeAlias = "tuple[_Place, str] | None"


class NodeKind(Enum):
    """What a loader makes of a node."""

    OBJECT = auto()
    FUNCTION = auto()
    LAMBDA = auto()
    """Compiled code."""
    TYPE_SPEC = auto()
    DATA = auto()
    """Tensors, bytes, slices: spelled out, no class is looked up."""


_KINDS = {
    "function": NodeKind.FUNCTION,
    "__lambda__": NodeKind.LAMBDA,
    "__typespec__": NodeKind.TYPE_SPEC,
    "TypeSpec": NodeKind.DATA,
    "TensorShape": NodeKind.DATA,
    "CompositeTensor": NodeKind.DATA,
}


@dataclass(frozen=True, slots=True)
class KerasNode:
    """One object of a configuration, in canonical spelling.

    Attributes:
        route: where, as a JSON pointer.
        module: None when it is null or missing (see `has_module`).
        name: of the class, of the function, or of the type specification.
        registered_name: None when it is null, missing or no text.
    """

    route: str
    kind: NodeKind
    module: str | None
    has_module: bool
    name: str
    registered_name: str | None
    config: Json

    def get(self, key: str) -> Json:
        """Return a part of the configuration; None when there is none."""
        return self.config.get(key) if isinstance(self.config, Mapping) else None


@dataclass(frozen=True, slots=True)
class KerasText:
    """A text that is long enough to hold something encoded."""

    route: str
    text: str


def is_keras(tree: Json) -> bool:
    """True when some node of a Keras model stands near the top of the tree."""
    waiting: deque[tuple[Json, int]] = deque([(tree, 0)])
    left = _CLAIM_VALUES
    while waiting and left:
        left -= 1
        value, depth = waiting.popleft()
        if isinstance(value, Mapping):
            if _is_node(value):
                return True
            if "keras_version" in value and ("date_saved" in value or "backend" in value):
                return True
        if depth < _CLAIM_DEPTH:
            room = max(0, left - len(waiting))
            waiting.extend((inner, depth + 1) for inner in islice(_inner(value), room))
    return False


def walk_keras(tree: Json) -> Iterator[KerasNode | KerasText]:
    """Yield nodes and long texts, outer ones first.

    Raises:
        LimitReached: more than five million values.
    """
    waiting: list[tuple[Json, _Place]] = [(tree, None)]
    left = _MAX_VALUES
    while waiting:
        left -= 1
        if left < 0:
            raise LimitReached(f"the configuration holds more than {_MAX_VALUES:,} values")
        value, place = waiting.pop()
        if isinstance(value, str):
            if len(value) >= _ENCODED_CHARS:
                yield KerasText(_route(place), value)
        elif isinstance(value, Mapping):
            if _is_node(value):
                yield _node(value, place)
            waiting += [(value[key], (place, key)) for key in reversed(list(value))]
        elif isinstance(value, Sequence):
            waiting += [(value[index], (place, str(index))) for index in range(len(value) - 1, -1, -1)]


def _inner(value: Json) -> Iterable[Json]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _is_node(value: Mapping[str, Json]) -> bool:
    return isinstance(value.get("class_name"), str) and ("config" in value or "spec_name" in value)


def _node(value: Mapping[str, Json], place: _Place) -> KerasNode:
    name, config = str(value["class_name"]), value.get("config")
    kind = _KINDS.get(name, NodeKind.OBJECT)
    is_marked = name.startswith("__") and name.endswith("__")
    if kind is NodeKind.OBJECT and is_marked and value.get("module") is None:
        kind = NodeKind.DATA
    if kind is NodeKind.FUNCTION:
        name = config if isinstance(config, str) else ""
    elif kind is NodeKind.TYPE_SPEC:
        name = _text(value.get("spec_name")) or ""
    return KerasNode(
        route=_route(place),
        kind=kind,
        module=_text(value.get("module")),
        has_module="module" in value,
        name=name,
        registered_name=_text(value.get("registered_name")),
        config=config,
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _route(place: _Place) -> str:
    parts: list[str] = []
    while place is not None and len(parts) < _MAX_ROUTE_PARTS:
        place, part = place
        parts.append(part.replace("~", "~0").replace("/", "~1")[:80])
    return "/" + "/".join(reversed(parts)) if parts else ""
