"""What a string in a graph is: constants followed through the operations that pass or join them.

A path is rarely the constant itself: it comes through Identity, StringJoin, an argument of a function
that some other node calls, or a base64 text that the graph decodes. What can't be followed is a hole,
and its origin says what fills it when the graph runs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.formats.tensorflow.graph import Attribute, Graph, GraphFile, GraphReader, Node
from weighbridge.formats.tensorflow.tensors import DT_STRING, small_integers

HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands in a text for what is only known when the graph runs."""

_MAX_DEPTH = 60
_MAX_TEXTS = 256
_MAX_INPUTS = 16
_MAX_STEPS = 200_000
_MAX_CHARS = 4096
_MAX_CHARS_IN_SUM = 16_000_000


class Origin(StrEnum):
    """What fills a hole."""

    CALLER = "its caller"
    ASSET = "the loader, with an asset"
    SAVER = "the saver"
    ELEMENT = "a dataset or queue"
    STATE = "a variable or table"
    COMPUTED = "a computation"


@dataclass(frozen=True, slots=True)
class Value:
    """What a tensor of strings may hold: each text with its holes, and what fills them."""

    texts: tuple[str, ...] = ()
    origins: frozenset[Origin] = frozenset()


NOTHING = Value()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PASSES = _names(
    """Identity StopGradient PreventGradient Snapshot Reshape ExpandDims Squeeze EnsureShape StringStrip
    PlaceholderWithDefault Enter RefEnter Exit RefExit NextIteration RefNextIteration Switch
    RefSwitch RefIdentity GuaranteeConst Tile BroadcastTo Transpose Slice StridedSlice Unpack
    ReverseV2 Gather GatherV2 GatherNd RandomShuffle Print DebugIdentity DebugIdentityV2
    DebugIdentityV3 Copy CopyHost Unique UniqueV2 BooleanMask TensorDataset TensorSliceDataset
    ShuffleDataset ShuffleDatasetV2 ShuffleDatasetV3 ReadVariableOp QueueDequeue QueueDequeueV2
    LookupTableFind LookupTableFindV2 IteratorGetNext IteratorGetNextSync TensorListGetItem
    TensorListGather TensorListStack TensorArrayReadV3 TensorArrayGatherV3 PrefetchDataset
    CacheDatasetV2 RepeatDataset TakeDataset SkipDataset BatchDataset BatchDatasetV2"""
)
"""The first input comes out, whole or in part."""
_UNITES = _names(
    """Pack Concat ConcatV2 ParallelConcat Merge RefMerge Select SelectV2 IdentityN Split SplitV
    DynamicStitch StringConcat TensorListFromTensor Case If StatelessIf StatelessCase"""
)
"""Any of the inputs may come out."""
_JOINS = frozenset({"StringJoin", "Add", "AddV2"})
_REWRITES = frozenset({"RegexReplace", "StaticRegexReplace"})
_STORES = _names("AssignVariableOp Assign InitializeTableV2 TensorArrayScatterV3 TensorArrayWriteV3")
"""Put their other inputs into what their first one names; queues are known by their prefix."""
_MAKES_ITERATOR = "MakeIterator"
"""The other way round: a dataset into an iterator."""
_ENQUEUES = "QueueEnqueue"
_FILES = _names(
    """ReadFile MatchingFiles TextLineDataset TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset
    FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 SqlDataset LMDBDataset ReaderRead ReaderReadV2"""
)
"""What comes out is the content of files, whatever goes in."""
_FROM_CALLER = frozenset({"Placeholder", "PlaceholderV2", "_Arg", "_DeviceArg"})
_FROM_STATE = ("VarHandleOp", "Variable", "VariableV2", "HashTable", "MutableHashTable")
_ELEMENTS = (
    "MatchingFiles",
    "Queue",
    "Iterator",
    "Dequeue",
    "Reader",
    "Dataset",
    "OptionalGetValue",
    "TensorListGetItem",
    "TensorArrayRead",
)
_BRANCHES = frozenset({"If", "StatelessIf", "Case", "StatelessCase", "_If"})


@dataclass(frozen=True, slots=True)
class _Call:
    """One node that calls a function."""

    caller: Graph
    node: Node


class StringValues:
    """Answers what a tensor may hold, for one graph and its library.

    Args:
        assets: nodes of the main graph that the loader sets to the path of an asset.
        saver: the node of the main graph that the saver feeds with a path; "" without one.
    """

    def __init__(
        self, file: GraphFile, reader: GraphReader, *, assets: frozenset[str], saver: str
    ) -> None:
        self._file = file
        self._reader = reader
        self._assets = assets
        self._saver = saver
        self._known: dict[tuple[str, str], Value] = {}
        self._open: set[tuple[str, str]] = set()
        self._steps = 0
        self._chars = 0
        self._calls = _calls(file)
        self._stored = _stored(file)

    def of(self, graph: Graph, tensor: str) -> Value:
        """Return what a tensor may hold."""
        return self._of(graph, tensor, 0)

    def callers(self, function: str) -> Iterator[tuple[Graph, Node]]:
        """Yield the nodes that call a function, with the graphs that they are in."""
        for call in self._calls.get(function, ()):
            yield call.caller, call.node

    def _of(self, graph: Graph, tensor: str, depth: int) -> Value:
        key = (graph.name, tensor)
        known = self._known.get(key)
        if known is not None:
            return known
        self._steps += 1
        if depth > _MAX_DEPTH or self._is_spent():
            return _hole(Origin.COMPUTED)
        if key in self._open:
            return NOTHING
        self._open.add(key)
        found = self._find(graph, tensor, depth)
        self._open.discard(key)
        self._known[key] = found
        self._chars += sum(map(len, found.texts))
        return found

    def _is_spent(self) -> bool:
        """A graph that is made to cost much is followed no further: its paths count as computed."""
        return self._steps > _MAX_STEPS or self._chars > _MAX_CHARS_IN_SUM

    def _find(self, graph: Graph, tensor: str, depth: int) -> Value:
        name, number = split_tensor(tensor)
        # A long chain of Identity nodes is followed without growing the stack.
        seen: set[str] = set()
        while (node := graph.nodes.get(name)) is not None and node.op in _PASSES:
            given = self._given(graph, name)
            if given is not None:
                return given
            data = node.data_inputs
            self._steps += 1
            if not data or name in seen or self._is_spent():
                return _hole(Origin.COMPUTED)
            seen.add(name)
            name, number = split_tensor(data[0])
        if node is None:
            return self._argument(graph, name, depth)
        return self._given(graph, name) or self._made(graph, node, number, depth)

    def _given(self, graph: Graph, name: str) -> Value | None:
        """What the loader or the saver puts in the place of a node of the main graph."""
        if graph.name == "" and name in self._assets:
            return _hole(Origin.ASSET)
        if graph.name == "" and name == self._saver:
            return _hole(Origin.SAVER)
        return None

    def _made(self, graph: Graph, node: Node, number: int, depth: int) -> Value:
        def value(tensor: str) -> Value:
            return self._of(graph, tensor, depth + 1)

        data = node.data_inputs
        if node.op == "Const":
            return self._constant(node)
        if node.op in _JOINS:
            return self._joined(node, [value(one) for one in data])
        if node.op == "ReduceJoin" and data:
            parts = value(data[0])
            whole = self._joined(node, [Value((text,)) for text in parts.texts])
            return Value((*whole.texts, *parts.texts)[:_MAX_TEXTS], parts.origins)
        if node.op in _REWRITES:
            return _united([value(one) for one in data[:1] + data[2:3]], Origin.COMPUTED)
        if node.op == "ShardedFilename":
            return _joined_texts([value(data[0]), Value(("-" + HOLE,))]) if data else NOTHING
        if node.op in ("StringUpper", "StringLower") and data:
            change = str.upper if node.op == "StringUpper" else str.lower
            return _changed(value(data[0]), change)
        if node.op == "DecodeBase64" and data:
            return _changed(value(data[0]), _from_base64)
        if node.op == "UnicodeEncode" and data:
            return self._from_code_points(graph, data[0])
        if node.functions or node.op in self._file.functions:
            return self._called(graph, node, number, depth)
        stored = self._stored.get((graph.name, node.name))
        if stored is not None:
            return _united([value(one) for one in stored[:_MAX_TEXTS]])
        if node.op in _UNITES:
            return _united([value(one) for one in data[:_MAX_TEXTS]])
        if node.op in _FILES:
            return _hole(Origin.ELEMENT)
        # What an operation makes of texts is not known, but where they come from is.
        origins = frozenset().union(*(value(one).origins for one in data[:_MAX_INPUTS]))
        return Value((HOLE,), origins | {_origin_of(node.op)})

    def _constant(self, node: Node) -> Value:
        attribute = self._reader.attributes(node).get("value", Attribute())
        texts: list[str] = []
        for tensor in attribute.tensors:
            if tensor.dtype == DT_STRING:
                texts += [_shown(raw) for raw in self._reader.texts_of(tensor, _MAX_TEXTS)]
        return Value(tuple(dict.fromkeys(texts))) if texts else _hole(Origin.COMPUTED)

    def _from_code_points(self, graph: Graph, tensor: str) -> Value:
        node = graph.nodes.get(split_tensor(tensor)[0])
        if node is None or node.op != "Const":
            return _hole(Origin.COMPUTED)
        points: list[int] = []
        for one in self._reader.attributes(node).get("value", Attribute()).tensors:
            points += small_integers(self._reader.source, one)
        text = "".join(chr(point) for point in points if 0 < point < 0x110000)
        return Value((text[:_MAX_CHARS],)) if text else _hole(Origin.COMPUTED)

    def _joined(self, node: Node, parts: list[Value]) -> Value:
        separator = ""
        if node.op in ("StringJoin", "ReduceJoin"):
            texts = self._reader.attributes(node).get("separator", Attribute()).texts
            separator = _shown(texts[-1]) if texts else ""
        return _joined_texts(parts, separator)

    def _called(self, graph: Graph, node: Node, number: int, depth: int) -> Value:
        """The result of a call: what the output of each function may be."""
        found: list[Value] = []
        for name in called_functions(node, self._file):
            function = self._file.functions[name]
            if number < len(function.outputs):
                result = function.results.get(function.outputs[number], "")
                if result:
                    found.append(self._of(function, result, depth + 1))
        return _united(found) if found else _hole(_origin_of(node.op))

    def _argument(self, graph: Graph, name: str, depth: int) -> Value:
        """An input of a function: what each node that calls it passes."""
        if graph.name == "" or name not in graph.arguments:
            return _hole(Origin.COMPUTED)
        position = graph.arguments.index(name)
        found: list[Value] = []
        for call in self._calls.get(graph.name, ())[:_MAX_TEXTS]:
            tensor = _passed(call.node, position, len(graph.arguments))
            if tensor is None:
                # An element of a dataset is one of the texts that the dataset was made of.
                made_of = (self._of(call.caller, one, depth + 1) for one in call.node.data_inputs[:1])
                found.append(_united(made_of, Origin.ELEMENT))
            else:
                found.append(self._of(call.caller, tensor, depth + 1))
        return _united(found) if found else _hole(Origin.CALLER)


def split_tensor(tensor: str) -> tuple[str, int]:
    """Return the node and the output that a tensor names: `a`, `a:1`, or `a:out:1` in a function."""
    name, *rest = tensor.lstrip("^").split(":")
    return name, int(rest[-1]) if rest and rest[-1].isascii() and rest[-1].isdigit() else 0


def called_functions(node: Node, file: GraphFile) -> Iterator[str]:
    """Yield the functions of the library that a node calls or passes on."""
    yield from (name for name in node.functions if name in file.functions)
    if node.op in file.functions:
        yield node.op


def _calls(file: GraphFile) -> dict[str, list[_Call]]:
    found: dict[str, list[_Call]] = {}
    for graph in file.graphs():
        for node in graph.nodes.values():
            for name in called_functions(node, file):
                found.setdefault(name, []).append(_Call(graph, node))
    return found


def _stored(file: GraphFile) -> dict[tuple[str, str], list[str]]:
    """What is put into variables and queues, by graph and name of the node that holds it."""
    found: dict[tuple[str, str], list[str]] = {}
    for graph in file.graphs():
        for node in graph.nodes.values():
            if node.op in _STORES or node.op.startswith(_ENQUEUES):
                holder, *given = node.data_inputs or ("",)
                found.setdefault((graph.name, split_tensor(holder)[0]), []).extend(given)
            elif node.op == _MAKES_ITERATOR and len(node.data_inputs) == 2:
                dataset, iterator = node.data_inputs
                found.setdefault((graph.name, split_tensor(iterator)[0]), []).append(dataset)
    return found


def _passed(node: Node, position: int, count: int) -> str | None:
    """The tensor that a calling node gives for an argument; None for an element of a dataset."""
    data = node.data_inputs
    if "Dataset" in node.op:
        # What a dataset's function captures comes after its elements; the dataset itself is input 0.
        place = len(data) - (count - position)
        return data[place] if place >= 1 else None
    place = position + (1 if node.op in _BRANCHES else 0)
    return data[place] if place < len(data) else None


def _hole(origin: Origin) -> Value:
    return Value((HOLE,), frozenset({origin}))


def _united(values: Iterable[Value], *more: Origin) -> Value:
    texts: dict[str, None] = {}
    origins: set[Origin] = set(more)
    for value in values:
        origins |= value.origins
        texts.update(dict.fromkeys(value.texts))
    return Value(tuple(texts)[:_MAX_TEXTS], frozenset(origins))


def _joined_texts(parts: list[Value], separator: str = "") -> Value:
    """Every combination, up to 256 of them."""
    texts = [""]
    for number, part in enumerate(parts):
        glue = separator if number else ""
        choices = part.texts or (HOLE,)
        texts = [(text + glue + one)[:_MAX_CHARS] for text in texts for one in choices][:_MAX_TEXTS]
    return Value(tuple(dict.fromkeys(texts)), frozenset().union(*(part.origins for part in parts)))


def _changed(value: Value, change: Callable[[str], str]) -> Value:
    return Value(tuple(dict.fromkeys(change(text) for text in value.texts)), value.origins)


def _from_base64(text: str) -> str:
    if HOLE in text:
        return HOLE
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return HOLE
    return _shown(raw)


def _shown(raw: bytes) -> str:
    return raw[:_MAX_CHARS].decode("utf-8", "backslashreplace")


def _origin_of(op: str) -> Origin:
    if op in _FROM_CALLER:
        return Origin.CALLER
    if op.startswith(_FROM_STATE):
        return Origin.STATE
    if any(word in op for word in _ELEMENTS):
        return Origin.ELEMENT
    return Origin.COMPUTED
