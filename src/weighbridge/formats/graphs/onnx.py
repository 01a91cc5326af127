"""Walk an ONNX model on the wire: nodes, tensors, functions and words, never a tensor's bytes.

    ModelProto   1 ir_version  7 graph  8 opset_import  14 metadata  20 training_info  25 functions
    GraphProto   1 node*  5 initializer*  15 sparse_initializer*  10 doc_string
    NodeProto    4 op_type  7 domain  5 attribute*  ->  tensors and graphs in attributes
    TensorProto  1 dims  2 data_type  9 raw_data  13 external_data*  14 data_location

Fields come in any order, and a message that stands twice is merged, as protobuf has it. Nesting is
walked with a stack of our own. Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar, assert_never

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached
from weighbridge.formats.carried_file import may_be_file
from weighbridge.formats.graphs.onnx_parts import (
    Attribute,
    Content,
    Function,
    IrVersion,
    Node,
    Opset,
    Part,
    Scope,
    Stray,
    Tensor,
    Text,
    TooDeep,
)
from weighbridge.formats.graphs.onnx_schema import SCHEMA, Kind, Message, Slot
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

HEAD_BYTES: Final = 64
PROTOBUF_DEPTH: Final = 100
"""Messages within messages that every protobuf library reads; most refuse more."""
_MAX_DEPTH = 400
_TEXT_BYTES = 64 * KIB
_KEPT = 4_096
"""Attributes of one node, dimensions, strings and external entries of one tensor."""
_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class _Frame:
    """A message that is being walked, and what was seen of it."""

    message: Message
    name: str
    at: int
    fields: Iterator[Field]
    scope: Scope
    function: int | None = None
    texts: dict[str, str] = field(default_factory=dict)
    long: dict[str, Content] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    dims: list[int] = field(default_factory=list)
    raw: Content | None = None
    strings: list[Content] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    external: list[tuple[str, str]] = field(default_factory=list)
    children: int = 0

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


def walk_onnx(source: ByteSource) -> Iterator[Part]:
    """Yield the parts of a `ModelProto`, what is nested before what holds it.

    Raises:
        Malformed: not protobuf from here on; what came before was yielded.
        LimitReached: more fields, or deeper nesting, than any model has.
    """
    yield from _Walk(source).run()


class _Walk:
    def __init__(self, source: ByteSource) -> None:
        self._reader = ProtobufReader(source)
        self._functions = 0
        self._told_depth = False

    def run(self) -> Iterator[Part]:
        root = Scope("")
        stack = [_Frame(Message.MODEL, "model", 0, self._reader.fields(), root)]
        while stack:
            frame = stack[-1]
            found = next(frame.fields, None)
            if found is None:
                stack.pop()
                yield from self._close(frame, stack[-1] if stack else None)
                continue
            slot = SCHEMA[frame.message].get(found.number)
            if slot is None or not slot.takes(found.wire):
                yield from self._stray(frame, found)
            elif slot.message is not None:
                if len(stack) == PROTOBUF_DEPTH and not self._told_depth:
                    self._told_depth = True
                    yield TooDeep(found.at)
                if len(stack) >= _MAX_DEPTH:
                    raise LimitReached(f"messages nest deeper than {_MAX_DEPTH:,}")
                stack.append(self._open(frame, found, slot, slot.message))
            else:
                yield from self._take(frame, found, slot)

    def _open(self, frame: _Frame, found: Field, slot: Slot, message: Message) -> _Frame:
        scope = self._scope(frame, slot, message)
        fields = self._reader.message(found)
        function = frame.function
        if message is Message.FUNCTION:
            self._functions += 1
            function = self._functions
        return _Frame(message, slot.name, found.at, fields, scope, function)

    def _scope(self, frame: _Frame, slot: Slot, message: Message) -> Scope:
        """Messages without a name of their own to people share the scope of what holds them."""
        match message:
            case Message.NODE | Message.FUNCTION:
                frame.children += 1
                word = "node" if message is Message.NODE else "function"
                return Scope(f"{word} {frame.children - 1}", frame.scope)
            case Message.GRAPH if frame.message is Message.ATTRIBUTE:
                return Scope(frame.text("name")[:40] or slot.name, frame.scope)
            case Message.GRAPH:
                # The parts of a graph that stands twice are one graph to a loader.
                return frame.scope if frame.message is Message.MODEL else Scope(slot.name, frame.scope)
            case _:
                return frame.scope

    def _take(self, frame: _Frame, found: Field, slot: Slot) -> Iterator[Part]:
        match slot.kind:
            case Kind.TEXT:
                frame.texts[slot.name] = self._reader.text_of(found, _TEXT_BYTES)
                frame.long.pop(slot.name, None)
                if found.length > _TEXT_BYTES:
                    frame.long[slot.name] = self._content(found)
                if slot.name == "doc_string":
                    yield self._words(frame, slot.name, found.at)
            case Kind.NUMBER:
                frame.numbers[slot.name] = found.signed
                if slot.name == "ir_version":
                    yield IrVersion(found.signed, found.at)
            case Kind.NUMBERS:
                numbers = self._reader.varints_of(found, _KEPT)
                _add(frame.dims, [_signed(number) for number in numbers], found.at)
            case Kind.CONTENT:
                self._keep(frame, found, slot)
            case Kind.PLAIN | Kind.MESSAGE:
                pass
            case _:
                assert_never(slot.kind)

    def _keep(self, frame: _Frame, found: Field, slot: Slot) -> None:
        if slot.name == "raw_data":
            frame.raw = self._content(found)
        elif slot.name == "s":
            frame.strings = [self._content(found)]
        elif may_be_file(self._reader.bytes_of(found, HEAD_BYTES)):
            # Vocabularies hold a million words: those that can't be files are not kept.
            _add(frame.strings, [self._content(found)], found.at)

    def _content(self, found: Field) -> Content:
        return Content(found.start, found.length, self._reader.bytes_of(found, HEAD_BYTES))

    def _stray(self, frame: _Frame, found: Field) -> Iterator[Part]:
        if found.wire is Wire.BYTES and found.length:
            yield Stray(frame.message.name.lower(), found.number, self._content(found), frame.scope)

    def _words(self, frame: _Frame, name: str, at: int) -> Text:
        return Text(name, frame.texts.pop(name), False, frame.long.pop(name, None), frame.scope, at)

    def _close(self, frame: _Frame, above: _Frame | None) -> Iterator[Part]:
        match frame.message:
            case Message.NODE:
                yield _node(frame)
            case Message.TENSOR:
                yield _tensor(frame)
            case Message.FUNCTION:
                yield Function(
                    frame.text("name"),
                    frame.text("domain"),
                    frame.text("overload"),
                    self._functions,
                    tuple(frame.attributes),
                    frame.scope,
                    frame.at,
                )
            case Message.OPSET:
                yield Opset(frame.text("domain"), frame.numbers.get("version"), frame.at)
            case Message.ENTRY if above is not None:
                yield from self._entry(frame, above)
            case Message.ATTRIBUTE if above is not None:
                made = Attribute(frame.text("name"), frame.numbers.get("i"), tuple(frame.strings))
                _add(above.attributes, [made], frame.at)
            case _:
                pass

    def _entry(self, frame: _Frame, above: _Frame) -> Iterator[Part]:
        key, value = frame.text("key"), frame.text("value")
        if frame.name != "external_data":
            yield Text(key, value, True, frame.long.get("value"), frame.scope, frame.at)
        else:
            _add(above.external, [(key, value)], frame.at)


def _node(frame: _Frame) -> Node:
    return Node(
        frame.text("op_type"),
        frame.text("domain"),
        frame.text("overload"),
        frame.text("name"),
        tuple(frame.attributes),
        frame.function,
        frame.scope,
        frame.at,
    )


def _tensor(frame: _Frame) -> Tensor:
    return Tensor(
        name=frame.text("name"),
        dims=tuple(frame.dims),
        data_type=frame.numbers.get("data_type", 0),
        external=tuple(frame.external),
        is_external=frame.numbers.get("data_location") == 1,
        raw=frame.raw,
        strings=tuple(frame.strings),
        is_initializer=frame.name == "initializer",
        scope=frame.scope,
        at=frame.at,
    )


def _add(kept: list[_Kept], new: list[_Kept], at: int) -> None:
    if len(kept) + len(new) > _KEPT:
        raise LimitReached(f"more than {_KEPT:,} parts of one node or tensor (at byte {at})")
    kept += new


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
