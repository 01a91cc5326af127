"""Walk a protobuf message by a small table of what nests in what, and yield what an analyzer asks for.

For graphs of which only a few fields matter: Core ML, Paddle, Caffe weights. Nesting is walked with a
stack of our own; fields that no table names are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached
from weighbridge.formats.carried_file import may_be_file
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

_MAX_DEPTH = 400
_KEPT = 10_000
_HEAD_BYTES = 64
_LEAF_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """A message type: fields that are messages, by the name of their type, and those to keep."""

    children: Mapping[int, str] = field(default_factory=dict)
    kept: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Record:
    """A message that was read to its end.

    Attributes:
        shape: name of its type.
        number: of the field that it stands in; 0 for the outermost.
        parent: what holds it; its own fields may be incomplete yet.
    """

    shape: str
    number: int
    at: int
    parent: Record | None
    kept: list[Field] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)

    def text(self, number: int) -> str:
        """Return the last text of a kept field; "" without one."""
        return self.texts.get(number, "")

    def value(self, number: int) -> int | None:
        """Return the last number of a kept field."""
        found = [one.signed for one in self.kept if one.number == number and one.wire is Wire.VARINT]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A run of bytes that begins as a file does."""

    shape: str
    number: int
    at: int
    length: int
    head: bytes


def walk_messages(source: ByteSource, shapes: Mapping[str, Shape], root: str) -> Iterator[Record | Leaf]:
    """Yield each message when it ends, what is nested first, and leaves as they are met.

    Raises:
        Malformed: not protobuf from here on; what came before was yielded.
        LimitReached: deeper, or more kept fields, than any model has.
    """
    reader = ProtobufReader(source)
    stack: list[tuple[Record, Iterator[Field]]] = [(Record(root, 0, 0, None), reader.fields())]
    while stack:
        record, fields = stack[-1]
        found = next(fields, None)
        if found is None:
            stack.pop()
            yield record
            continue
        shape = shapes[record.shape]
        child = shape.children.get(found.number)
        if child is not None and found.wire is Wire.BYTES:
            if len(stack) >= _MAX_DEPTH:
                raise LimitReached(f"messages nest deeper than {_MAX_DEPTH}")
            inner = Record(child, found.number, found.at, record)
            stack.append((inner, reader.message(found)))
            continue
        if found.number in shape.kept:
            _keep(reader, record, found)
        if found.wire is Wire.BYTES and found.length >= _LEAF_BYTES:
            head = reader.bytes_of(found, _HEAD_BYTES)
            if may_be_file(head):
                yield Leaf(record.shape, found.number, found.start, found.length, head)


def _keep(reader: ProtobufReader, record: Record, found: Field) -> None:
    if len(record.kept) >= _KEPT:
        raise LimitReached(f"more than {_KEPT:,} fields of one {record.shape}")
    record.kept.append(found)
    if found.wire is Wire.BYTES:
        record.texts[found.number] = reader.text_of(found, 16 * KIB)
