"""The operations of a graph: those that touch the machine, and those that TensorFlow does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge.analyzers.tensorflow.deeds import DeedJudge, Deeds
from weighbridge.analyzers.tensorflow.flows import SINKS, source_of
from weighbridge.analyzers.tensorflow.reach import Reach
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tensorflow.graph import Graph, GraphReader, Node
from weighbridge.formats.tensorflow.saved_model import MetaGraph
from weighbridge.formats.tensorflow.values import StringValues, split_tensor
from weighbridge.knowledge.tensorflow_ops import TensorFlowOps, installed_ops

_MOST_SHOWN = 5
_MOST_RELATED = 20
_MOST_SINKS = 200


def node_findings(artifact: Artifact, meta: MetaGraph, graphs: GraphReader) -> Iterator[Finding]:
    """Yield one finding for each rule and place, with the nodes that break it."""
    ops = installed_ops()
    values = StringValues(
        meta.graph,
        graphs,
        assets=frozenset(split_tensor(asset.tensor)[0] for asset in meta.assets if asset.tensor),
        saver=split_tensor(meta.saver.filename_tensor)[0],
    )
    judge = DeedJudge(graphs, values, Reach(meta), ops)
    deeds: list[Deeds] = []
    sinks = 0
    strangers: dict[str, list[tuple[Graph, Node]]] = {}
    for graph in meta.graph.graphs():
        for node in graph.nodes.values():
            row = ops.rows.get(node.op)
            if row is not None:
                deeds += judge.judge(graph, node, row)
                sinks += row.deed in SINKS
                if row.deed in SINKS and sinks <= _MOST_SINKS:
                    deeds += _sent(graph, node, meta, values, ops)
            elif not ops.is_of_tensorflow(node.op) and node.op not in meta.graph.functions:
                strangers.setdefault(node.op, []).append((graph, node))
    yield from _grouped(artifact, deeds)
    yield from _unknown(artifact, strangers, ops)
    if sinks > _MOST_SINKS:
        raise LimitReached(
            f"{sinks:,} operations write or send; what reaches the first {_MOST_SINKS} was followed"
        )


def _sent(
    graph: Graph, node: Node, meta: MetaGraph, values: StringValues, ops: TensorFlowOps
) -> Iterator[Deeds]:
    source = source_of(graph, node, meta.graph, values, ops)
    if source is not None:
        detail = f"{node.op} {node.name[:80]!r} gets what {source.op} {source.name[:80]!r} reads"
        yield Deeds("TFG018", f"{source.op} to {node.op}", detail, graph, node)


def _grouped(artifact: Artifact, deeds: Iterable[Deeds]) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[Deeds]] = {}
    for deed in deeds:
        groups.setdefault((deed.rule, deed.subject), []).append(deed)
    for (rule, subject), group in groups.items():
        first = group[0]
        lines = [deed.detail for deed in group[:_MOST_SHOWN]]
        if len(group) > _MOST_SHOWN:
            lines.append(f"and {len(group) - _MOST_SHOWN:,} more")
        yield Finding(
            rule=rule,
            path=artifact.path,
            subject=subject[:200],
            evidence="\n".join(lines),
            offset=first.node.field.at,
            length=first.node.field.stop - first.node.field.at,
            route=_route(first.graph, first.node),
            related=tuple(_route(deed.graph, deed.node) for deed in group[1 : 1 + _MOST_RELATED]),
        )


def _unknown(
    artifact: Artifact, strangers: dict[str, list[tuple[Graph, Node]]], ops: TensorFlowOps
) -> Iterator[Finding]:
    for op, places in strangers.items():
        if not op:
            continue
        graph, node = places[0]
        library = ops.libraries.get(op)
        said = (
            f"is of {library}" if library else "is no operation of TensorFlow or a library that is known"
        )
        yield Finding(
            rule="TFG017" if library else "TFG016",
            path=artifact.path,
            subject=f"operation {op[:200]}",
            evidence=f"{quoted(op)} {said}; {len(places):,} nodes, the first is {quoted(node.name)}",
            offset=node.field.at,
            length=node.field.stop - node.field.at,
            route=_route(graph, node),
        )


def _route(graph: Graph, node: Node) -> str:
    place = f"function {quoted(graph.name)}, " if graph.name else ""
    return f"{place}node {quoted(node.name)}"
