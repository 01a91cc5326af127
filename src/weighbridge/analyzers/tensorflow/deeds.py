"""Which rule an operation of a graph breaks: what it does, to which place, and when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.tensorflow.paths import Place, Target, target_of
from weighbridge.analyzers.tensorflow.reach import Reach, When
from weighbridge.formats.tensorflow.graph import Attribute, Graph, GraphReader, Node
from weighbridge.formats.tensorflow.values import Origin, StringValues, Value
from weighbridge.knowledge.tensorflow_ops import Access, Deed, OpRow, TensorFlowOps

_OUTSIDE = (Place.REMOTE, Place.ABSOLUTE, Place.TRAVERSAL)

PLACES: Final[Mapping[tuple[Deed, Place], str]] = {
    **{(deed, Place.SENSITIVE): "TFG002" for deed in Deed if deed.value.startswith("writes")},
    **{(Deed.WRITES, place): "TFG003" for place in (*_OUTSIDE, Place.RELATIVE, Place.OPEN)},
    **{(Deed.WRITES_CHECKPOINT, place): "TFG003" for place in _OUTSIDE},
    **{(Deed.WRITES_RECORDS, place): "TFG005" for place in (*_OUTSIDE, Place.RELATIVE)},
    **{
        (deed, Place.SENSITIVE): "TFG006"
        for deed in Deed
        if deed is Deed.LISTS or deed.value.startswith("reads")
    },
    **{(Deed.READS, place): "TFG007" for place in _OUTSIDE},
    (Deed.READS, Place.RELATIVE): "TFG010",
    **{(Deed.LISTS, place): "TFG008" for place in _OUTSIDE},
    **{(Deed.READS_RECORDS, place): "TFG008" for place in _OUTSIDE},
    (Deed.READS_RECORDS, Place.RELATIVE): "TFG010",
    **{(Deed.READS_CHECKPOINT, place): "TFG008" for place in _OUTSIDE},
    (Deed.READS_TABLE, Place.TRAVERSAL): "TFG008",
    **{(Deed.READS_TABLE, place): "TFG010" for place in (*_OUTSIDE, Place.RELATIVE)},
}
"""Rule of a place that the file itself names. What is not here is not worth a word."""

_HIDDEN: Final = frozenset({Origin.COMPUTED, Origin.STATE})
"""Neither the caller nor a dataset names the place: the graph does, but not in plain words."""

_OF_NOBODY: Final[Mapping[Deed, str]] = {
    Deed.WRITES: "TFG003",
    Deed.WRITES_CHECKPOINT: "TFG003",
    Deed.WRITES_RECORDS: "TFG005",
    **dict.fromkeys((Deed.READS, Deed.LISTS, Deed.READS_RECORDS, Deed.READS_TABLE), "TFG028"),
    Deed.READS_CHECKPOINT: "TFG028",
}
"""Rule of a place that the graph computes from its own constants, variables or tables."""

_OF_CALLER: Final[Mapping[Deed, str]] = {
    Deed.WRITES: "TFG029",
    Deed.WRITES_CHECKPOINT: "TFG004",
    Deed.READS: "TFG009",
    Deed.READS_CHECKPOINT: "TFG009",
}
"""Rule of a place that whoever calls the model names."""


_UNTOLD: Final = Value(origins=frozenset({Origin.COMPUTED}))


@dataclass(frozen=True, slots=True)
class Deeds:
    """One operation that breaks a rule.

    Attributes:
        subject: the stable core: the operation and the place.
        detail: a line for people.
    """

    rule: str
    subject: str
    detail: str
    graph: Graph
    node: Node


class DeedJudge:
    """Judges the operations of one graph file that the table has a row for."""

    def __init__(
        self, reader: GraphReader, values: StringValues, reach: Reach, ops: TensorFlowOps
    ) -> None:
        self._reader = reader
        self._values = values
        self._reach = reach
        self._ops = ops

    def judge(self, graph: Graph, node: Node, row: OpRow) -> Iterator[Deeds]:
        """Yield what is wrong with one operation."""
        attributes = self._reader.attributes(node) if row.attributes else {}
        match row.deed:
            case Deed.PYTHON:
                yield self._plain(graph, node, row, "TFG001")
            case Deed.NATIVE:
                yield self._plain(graph, node, row, "TFG014", self._named(attributes, row))
            case Deed.CLUSTER:
                yield self._plain(graph, node, row, "TFG013")
            case Deed.STOPS:
                yield self._plain(graph, node, row, "TFG015")
            case Deed.NETWORK:
                yield from self._network(graph, node, row)
            case Deed.DEBUG | Deed.PRINTS:
                yield from self._addresses(graph, node, row, attributes)
            case _ if row.deed.value.startswith(("reads", "writes", "lists")):
                yield from self._files(graph, node, row, attributes)
            case _:
                raise AssertionError(row.deed)

    def targets(self, graph: Graph, node: Node, row: OpRow) -> Iterator[Target]:
        """Yield what each input and attribute that names a place may name."""
        access = Access.WRITES if row.deed.value.startswith("writes") else Access.READS
        data = node.data_inputs
        for position in row.inputs:
            # An input that is missing names nothing that can be followed: never silent.
            is_there = position < len(data)
            value = self._values.of(graph, data[position]) if is_there else _UNTOLD
            yield target_of(value, access, self._ops)
        if row.attributes:
            found = self._reader.attributes(node)
            for name in row.attributes:
                texts = tuple(_text(raw) for raw in found.get(name, Attribute()).texts)
                yield target_of(Value(texts), access, self._ops)

    def _files(
        self, graph: Graph, node: Node, row: OpRow, attributes: Mapping[str, Attribute]
    ) -> Iterator[Deeds]:
        for target in self.targets(graph, node, row):
            rule = self._rule_of(graph, node, row.deed, target)
            if rule is not None and not _is_inline(target):
                yield self._deed(graph, node, rule, target)

    def _rule_of(self, graph: Graph, node: Node, deed: Deed, target: Target) -> str | None:
        if target.place is not Place.OPEN:
            rule = PLACES.get((deed, target.place))
            # A list of files that a dataset goes through is an input pipeline.
            return "TFG008" if rule == "TFG007" and Origin.ELEMENT in target.origins else rule
        if target.origins <= _HIDDEN:
            return _OF_NOBODY.get(deed)
        if deed is Deed.READS and target.origins <= _HIDDEN | {Origin.ELEMENT}:
            when = self._reach.when(graph, node)
            return "TFG028" if when in (When.LOADED, When.CALLED) else None
        if Origin.CALLER not in target.origins:
            return PLACES.get((deed, target.place))
        when = self._reach.when(graph, node)
        if deed in (Deed.WRITES, Deed.READS) or when in (When.LOADED, When.CALLED):
            is_saver = when is When.LOADED and deed is Deed.READS_CHECKPOINT
            return None if is_saver else _OF_CALLER.get(deed)
        return None

    def _network(self, graph: Graph, node: Node, row: OpRow) -> Iterator[Deeds]:
        targets = [one for one in self.targets(graph, node, row) if one.place is not Place.EMPTY]
        fixed = [one for one in targets if one.place is not Place.OPEN]
        if fixed:
            yield self._deed(graph, node, "TFG011", fixed[0])
        else:
            yield self._plain(graph, node, row, "TFG012", targets[0].shown if targets else "")

    def _addresses(
        self, graph: Graph, node: Node, row: OpRow, attributes: Mapping[str, Attribute]
    ) -> Iterator[Deeds]:
        for name in row.attributes:
            for raw in attributes.get(name, Attribute()).texts:
                text = _text(raw)
                scheme, found, rest = text.partition("://")
                target = target_of(Value((text,)), Access.WRITES, self._ops)
                if found and scheme.lower() == "file":
                    rule = "TFG002" if target.place is Place.SENSITIVE else "TFG003"
                    yield self._deed(graph, node, rule, target)
                elif found and rest:
                    yield self._deed(graph, node, "TFG011", target)

    def _named(self, attributes: Mapping[str, Attribute], row: OpRow) -> str:
        texts = [raw for name in row.attributes for raw in attributes.get(name, Attribute()).texts]
        return repr(_text(texts[0])[:80]) if texts and len(texts[0]) <= 80 else ""

    def _plain(self, graph: Graph, node: Node, row: OpRow, rule: str, what: str = "") -> Deeds:
        detail = f"{self._shown(graph, node)}{': ' + what if what else ''}; {row.why}"
        return Deeds(rule, " ".join(filter(None, (node.op, what))), detail, graph, node)

    def _deed(self, graph: Graph, node: Node, rule: str, target: Target) -> Deeds:
        why = f" ({target.why})" if target.why else ""
        detail = f"{self._shown(graph, node)}: {target.shown}{why}; {self._reach.when(graph, node)}"
        return Deeds(rule, f"{node.op} {target.shown}", detail, graph, node)

    def _shown(self, graph: Graph, node: Node) -> str:
        place = f" in function {graph.name[:80]!r}" if graph.name else ""
        return f"{node.op} {node.name[:80]!r}{place}"


def _is_inline(target: Target) -> bool:
    """Descriptors of messages may stand in the graph itself: `local://`, `bytes://...`."""
    return target.shown.startswith(("'local://", "'bytes://"))


def _text(raw: bytes) -> str:
    return raw[:4096].decode("utf-8", "backslashreplace")
