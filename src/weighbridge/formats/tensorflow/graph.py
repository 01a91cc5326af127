"""GraphDef: nodes and functions, by name; attributes are read when somebody asks.

    GraphDef     1 node*  2 library { 1 function*  2 gradient }  4 versions
    NodeDef      1 name  2 op  3 input*  4 device  5 attr { 1 key  2 AttrValue }
    AttrValue    1 list { 2 s*  8 tensor*  9 func* }  2 s  3 i  5 b  8 tensor  10 func { 1 name }
    FunctionDef  1 signature (OpDef)  3 node_def*  4 ret { 1 name  2 tensor }
    OpDef        1 name  2 input_arg { 1 name }*  3 output_arg { 1 name }*

Source: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.tensorflow.anomalies import GraphAnomaly, GraphLog
from weighbridge.formats.tensorflow.tensors import TensorFacts, check_tensor, read_tensor, string_fields

_MAX_NODES = 2_000_000
_MAX_INPUTS = 1_000_000
_MAX_HIDDEN = 256
_MAX_STRINGS = 100_000
_NAME_CHARS = 4 * KIB
_TEXT_BYTES = 64 * KIB
_MAX_TEXTS = 1_000
_LONG_STRING = 64
_SHORT_ENTRY = 100


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        inputs: as they stand: `name`, `name:1`, `name:out:0` in functions, `^name` for control.
        functions: names of the functions that its attributes pass to it.
        field: the NodeDef, to read attributes from.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    functions: tuple[str, ...]
    field: Field

    @property
    def data_inputs(self) -> tuple[str, ...]:
        """The inputs without those of control."""
        return tuple(one for one in self.inputs if not one.startswith("^"))


@dataclass(slots=True)
class Graph:
    """The nodes of the main graph, or of one function.

    Attributes:
        name: of the function; "" for the main graph.
        arguments: names of a function's inputs, in order.
        outputs: names of its outputs, in order.
        results: output name -> tensor of the body.
    """

    name: str
    nodes: dict[str, Node] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    results: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class GraphFile:
    """A main graph and its library.

    Attributes:
        hidden: runs of bytes in fields that TensorFlow does not know.
        strings: long elements of string constants, where something may be carried.
    """

    main: Graph = field(default_factory=lambda: Graph(""))
    functions: dict[str, Graph] = field(default_factory=dict)
    hidden: list[Field] = field(default_factory=list)
    strings: list[Field] = field(default_factory=list)

    def graphs(self) -> Iterator[Graph]:
        """Yield the main graph, then each function."""
        yield self.main
        yield from self.functions.values()


@dataclass(slots=True)
class Attribute:
    """One attribute's value, of whatever kinds it has."""

    texts: list[bytes] = field(default_factory=list)
    tensors: list[TensorFacts] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    bytes_fields: list[Field] = field(default_factory=list)


class GraphReader:
    """Reads graphs out of one protobuf source, within one budget of nodes.

    Attributes:
        source: the reader beneath, for the fields that nodes and tensors point to.
    """

    def __init__(self, reader: ProtobufReader, log: GraphLog) -> None:
        self.source = reader
        self._log = log
        self._nodes = 0
        self._interned: dict[str, str] = {}

    def read(self, fields: Iterator[Field], found: GraphFile) -> None:
        """Fill `found` with the graph whose top-level fields these are.

        Raises:
            Malformed: a message in it is broken; what was read before is in `found`.
            LimitReached: more nodes than any model has.
        """
        for part in fields:
            if part.number == 1 and part.wire is Wire.BYTES:
                self._add_node(found, found.main, part)
            elif part.number == 2 and part.wire is Wire.BYTES:
                self._library(found, part)
            elif part.number > 5:
                self._hide(found, part)

    def attributes(self, node: Node) -> dict[str, Attribute]:
        """Read the attributes of one node, texts up to 64 KiB."""
        found: dict[str, Attribute] = {}
        for part in self.source.message(node.field):
            if part.number == 5 and part.wire is Wire.BYTES:
                key, values = self._entry(part)
                found[key] = self._attribute(values)
        return found

    def texts_of(self, tensor: TensorFacts, most: int = 256, limit: int = 4 * KIB) -> list[bytes]:
        """Return the first elements of a tensor of strings."""
        found: list[bytes] = []
        for element in string_fields(self.source, tensor):
            found.append(self.source.bytes_of(element, limit))
            if len(found) == most:
                break
        return found

    def _library(self, found: GraphFile, library: Field) -> None:
        for part in self.source.message(library):
            if part.number == 1 and part.wire is Wire.BYTES:
                self._function(found, part)
            elif part.number > 3:
                self._hide(found, part)

    def _function(self, found: GraphFile, function: Field) -> None:
        graph = Graph("")
        try:
            self._fill(found, graph, function)
        finally:
            self._register(found, graph, function)

    def _fill(self, found: GraphFile, graph: Graph, function: Field) -> None:
        for part in self.source.message(function):
            if part.wire is not Wire.BYTES:
                continue
            if part.number == 1:
                self._signature(graph, part)
            elif part.number == 3:
                self._add_node(found, graph, part)
            elif part.number == 4:
                name, tensor = self._pair(part)
                graph.results[name] = tensor
            elif part.number > 8:
                self._hide(found, part)

    def _register(self, found: GraphFile, graph: Graph, function: Field) -> None:
        if graph.name in found.functions:
            self._log.add(
                GraphAnomaly.DUPLICATE_FUNCTION,
                f"a second function {graph.name[:80]!r}",
                at=function.at,
                subject=graph.name,
            )
            graph.name = f"{graph.name} (again, at byte {function.at})"
        found.functions[graph.name] = graph

    def _signature(self, graph: Graph, signature: Field) -> None:
        arguments, outputs = list(graph.arguments), list(graph.outputs)
        for part in self.source.message(signature):
            if part.number == 1 and part.wire is Wire.BYTES:
                graph.name = self.source.text_of(part, _NAME_CHARS)
            elif part.number in (2, 3) and part.wire is Wire.BYTES:
                (arguments if part.number == 2 else outputs).append(self._first_text(part))
        graph.arguments, graph.outputs = tuple(arguments), tuple(outputs)

    def _add_node(self, found: GraphFile, graph: Graph, node_def: Field) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise LimitReached(f"a graph of more than {_MAX_NODES:,} nodes")
        node = self._node(found, node_def)
        if not node.op:
            self._log.add(
                GraphAnomaly.NODE_WITHOUT_OP, f"{node.name[:80]!r}", at=node_def.at, subject=node.name
            )
        name = node.name
        if name in graph.nodes:
            self._log.add(
                GraphAnomaly.DUPLICATE_NODE,
                f"a second node {name[:80]!r}",
                at=node_def.at,
                subject=name,
            )
            name = f"{name} (again, at byte {node_def.at})"
        graph.nodes[name] = node

    def _node(self, found: GraphFile, node_def: Field) -> Node:
        name = op = ""
        inputs: list[str] = []
        functions: list[str] = []
        tensors: list[TensorFacts] = []
        for part in self.source.message(node_def):
            if part.wire is not Wire.BYTES:
                continue
            if part.number == 1:
                name = self.source.text_of(part, _NAME_CHARS)
            elif part.number == 2:
                op = self._intern(self.source.text_of(part, _NAME_CHARS))
            elif part.number == 3 and len(inputs) < _MAX_INPUTS:
                inputs.append(self._intern(self.source.text_of(part, _NAME_CHARS)))
            elif part.number == 5:
                self._look_at(part, functions, tensors)
            elif part.number > 7:
                self._hide(found, part)
        for tensor in tensors:
            check_tensor(tensor, name, self._log)
            if len(found.strings) < _MAX_STRINGS:
                found.strings += self._long_strings(tensor)
        return Node(name, op, tuple(inputs), tuple(functions), node_def)

    def _look_at(self, entry: Field, functions: list[str], tensors: list[TensorFacts]) -> None:
        """Take functions and tensors out of one attribute; texts are left for later."""
        if entry.length <= _SHORT_ENTRY and _is_plain(self.source.bytes_of(entry)):
            return
        for part in self.source.message(entry):
            if part.number == 2 and part.wire is Wire.BYTES and part.length > 2:
                self._look_at_value(part, functions, tensors)

    def _look_at_value(self, value: Field, functions: list[str], tensors: list[TensorFacts]) -> None:
        for kind in self.source.message(value):
            if kind.wire is not Wire.BYTES:
                continue
            if kind.number == 8:
                tensors.append(read_tensor(self.source, kind))
            elif kind.number == 10:
                functions.append(self._first_text(kind))
            elif kind.number == 1:
                for one in self.source.message(kind):
                    if one.number == 9 and one.wire is Wire.BYTES:
                        functions.append(self._first_text(one))
                    elif one.number == 8 and one.wire is Wire.BYTES:
                        tensors.append(read_tensor(self.source, one))

    def _attribute(self, values: list[Field]) -> Attribute:
        found = Attribute()
        for kind in chain.from_iterable(map(self.source.message, values)):
            if kind.wire is not Wire.BYTES:
                continue
            self._take(found, kind, kind.number)
            if kind.number == 1:
                for one in self.source.message(kind):
                    if one.wire is Wire.BYTES:
                        self._take(found, one, 10 if one.number == 9 else one.number)
        return found

    def _take(self, found: Attribute, value: Field, kind: int) -> None:
        if kind == 2 and len(found.texts) < _MAX_TEXTS:
            found.texts.append(self.source.bytes_of(value, _TEXT_BYTES))
            found.bytes_fields.append(value)
        elif kind == 8:
            found.tensors.append(read_tensor(self.source, value))
        elif kind == 10:
            found.functions.append(self._first_text(value))

    def _long_strings(self, tensor: TensorFacts) -> Iterator[Field]:
        for number, element in enumerate(string_fields(self.source, tensor)):
            if number >= _MAX_TEXTS:
                return
            if element.length >= _LONG_STRING:
                yield element

    def _entry(self, entry: Field) -> tuple[str, list[Field]]:
        """Key and value of a map; a decoder merges the value where it stands more than once."""
        key, values = "", []
        for part in self.source.message(entry):
            if part.number == 1 and part.wire is Wire.BYTES:
                key = self.source.text_of(part, _NAME_CHARS)
            elif part.number == 2 and part.wire is Wire.BYTES:
                values.append(part)
        return key, values

    def _pair(self, entry: Field) -> tuple[str, str]:
        key, values = self._entry(entry)
        return key, self.source.text_of(values[-1], _NAME_CHARS) if values else ""

    def _first_text(self, message: Field) -> str:
        """Field 1 of a message: the name, wherever it stands."""
        found = ""
        for part in self.source.message(message):
            if part.number == 1 and part.wire is Wire.BYTES:
                found = self.source.text_of(part, _NAME_CHARS)
        return found

    def _intern(self, text: str) -> str:
        return self._interned.setdefault(text, text)

    def _hide(self, found: GraphFile, part: Field) -> None:
        if part.wire in (Wire.BYTES, Wire.GROUP) and part.length and len(found.hidden) < _MAX_HIDDEN:
            found.hidden.append(part)


def _is_plain(entry: bytes) -> bool:
    """True for a key and a value of at most two bytes: a type, number or bool, as most are."""
    key = entry[1] if len(entry) > 3 and entry[0] == 0x0A else 0x80
    at = 2 + key
    return key < 0x80 and len(entry) in (at + 3, at + 4) and entry[at] == 0x12 and entry[at + 1] <= 2
