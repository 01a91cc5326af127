"""What a walk of an ONNX model yields, whether it was stored as protobuf or as a FlatBuffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from weighbridge.formats.graphs.onnx_schema import BITS, BYTE_TYPES

_SHOWN_SCOPES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A message of the file and what holds it. Two are the same when they are one object."""

    label: str
    parent: Scope | None = None

    @property
    def route(self) -> str:
        """`graph/node 3/then_branch`; the outer part is left out where nesting is deep."""
        labels: list[str] = []
        scope: Scope | None = self
        while scope is not None and len(labels) < _SHOWN_SCOPES:
            if scope.label:
                labels.append(scope.label)
            scope = scope.parent
        return "/".join([*(["..."] if scope is not None else []), *reversed(labels)])


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of the file that were not read, but for the first 64."""

    at: int
    length: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Attribute:
    """A node's attribute: of strings the place, of integers the value."""

    name: str
    number: int | None
    strings: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One call of an operator.

    Attributes:
        domain: as the file spells it; "" and "ai.onnx" are the same.
        function: number of the model-local function that it is part of.
    """

    op_type: str
    domain: str
    overload: str
    name: str
    attributes: tuple[Attribute, ...]
    function: int | None
    scope: Scope
    at: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant: in the file, or where `external` says.

    Attributes:
        external: entries of `external_data`, in file order.
        is_external: the file says so, whether or not there are entries.
        raw: the bytes, when they are in the file as they are in memory.
        strings: the first elements of a tensor of strings.
    """

    name: str
    dims: tuple[int, ...]
    data_type: int
    external: tuple[tuple[str, str], ...]
    is_external: bool
    raw: Content | None
    strings: tuple[Content, ...]
    is_initializer: bool
    scope: Scope
    at: int

    @property
    def size_bytes(self) -> int | None:
        """Bytes that shape and type ask for; None when either is unknown. Beyond 2**80 not exact."""
        bits = BITS.get(self.data_type)
        if bits is None or any(dim < 0 for dim in self.dims):
            return None
        elements = 0 if 0 in self.dims else 1
        for dim in self.dims:
            if elements >> 80:
                break
            elements *= dim
        return (elements * bits + 7) // 8

    @property
    def may_hold_a_file(self) -> bool:
        """True when its elements are bytes."""
        return self.data_type in BYTE_TYPES


@dataclass(frozen=True, slots=True)
class Function:
    """The end of a model-local function; its nodes came before it.

    Attributes:
        number: as in its nodes' `function`.
        attributes: defaults of its parameters.
    """

    name: str
    domain: str
    overload: str
    number: int
    attributes: tuple[Attribute, ...]
    scope: Scope
    at: int


@dataclass(frozen=True, slots=True)
class Opset:
    """A domain that is used, and its version."""

    domain: str
    version: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Text:
    """Words that no computation needs: documentation and metadata.

    Attributes:
        key: of `metadata_props`; else the field's name.
        rest: the whole text, when `value` holds its beginning only.
    """

    key: str
    value: str
    is_metadata: bool
    rest: Content | None
    scope: Scope
    at: int


@dataclass(frozen=True, slots=True)
class IrVersion:
    """Version of the file format."""

    version: int
    at: int


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes in a field that no version of the format has."""

    message: str
    number: int
    content: Content
    scope: Scope


@dataclass(frozen=True, slots=True)
class TooDeep:
    """Messages within messages, deeper than protobuf loaders go."""

    at: int


Part: TypeAlias = Node | Tensor | Function | Opset | Text | IrVersion | Stray | TooDeep
