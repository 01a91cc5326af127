"""TensorFlow graphs: SavedModel, MetaGraphDef and GraphDef. What running them does to the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tensorflow.carried import carried_artifacts, keras_metadata
from weighbridge.analyzers.tensorflow.nodes import node_findings
from weighbridge.analyzers.tensorflow.reach import functions_that_call_themselves
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.protobuf import ProtobufReader
from weighbridge.formats.tensorflow.anomalies import GraphAnomaly, GraphLog
from weighbridge.formats.tensorflow.graph import GraphReader
from weighbridge.formats.tensorflow.saved_model import (
    Asset,
    MetaGraph,
    read_meta_graph,
    read_saved_model,
)

RULES: Final[Mapping[GraphAnomaly, str]] = {
    GraphAnomaly.SHAPE_OVERFLOW: "TFG020",
    GraphAnomaly.NEGATIVE_DIMENSION: "TFG020",
    GraphAnomaly.CONTENT_MISMATCH: "TFG020",
    GraphAnomaly.GIANT_TENSOR: "TFG021",
    GraphAnomaly.DUPLICATE_NODE: "TFG022",
    GraphAnomaly.DUPLICATE_FUNCTION: "TFG022",
    GraphAnomaly.NODE_WITHOUT_OP: "TFG022",
}
_MOST_SHOWN = 5


def inspect_saved_model(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge every graph of a SavedModel."""
    yield from inspect_saved_model_bytes(artifact, artifact.source, context)


def inspect_meta_graph(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a MetaGraphDef, which a checkpoint's `.meta` file holds."""
    yield from inspect_meta_graph_bytes(artifact, artifact.source, context)


def inspect_graph(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a GraphDef: a frozen graph."""
    yield from inspect_graph_bytes(artifact, artifact.source, context)


# The same for bytes that are not those of the artifact: text that was read as protobuf.


def inspect_saved_model_bytes(artifact: Artifact, wire: ByteSource, context: Context) -> Iterator[Event]:
    """Judge a SavedModel."""
    reader, log = ProtobufReader(wire), GraphLog()
    graphs = GraphReader(reader, log)
    yield from _judged(artifact, read_saved_model(reader, graphs), graphs, log, context)


def inspect_meta_graph_bytes(artifact: Artifact, wire: ByteSource, context: Context) -> Iterator[Event]:
    """Judge a MetaGraphDef."""
    reader, log = ProtobufReader(wire), GraphLog()
    graphs = GraphReader(reader, log)
    found = read_meta_graph(reader, graphs, reader.fields())
    yield from _judged(artifact, [found], graphs, log, context)


def inspect_graph_bytes(artifact: Artifact, wire: ByteSource, context: Context) -> Iterator[Event]:
    """Judge a GraphDef."""
    reader, log = ProtobufReader(wire), GraphLog()
    graphs = GraphReader(reader, log)
    found = MetaGraph()
    try:
        graphs.read(reader.fields(), found.graph)
    except (Malformed, LimitReached) as error:
        found.broken = error
    yield from _judged(artifact, [found], graphs, log, context)


def _judged(
    artifact: Artifact,
    metas: Iterable[MetaGraph],
    graphs: GraphReader,
    log: GraphLog,
    context: Context,
) -> Iterator[Event]:
    """Yield what every graph gives, then what is odd about the file; then how it broke."""
    try:
        for meta in metas:
            context.budget.check_time()
            yield from node_findings(artifact, meta, graphs)
            yield from _asset_findings(artifact, meta.assets)
            yield from _recursion(artifact, meta)
            yield from carried_artifacts(artifact, meta, graphs)
            yield from keras_metadata(artifact, meta, graphs, context)
            if meta.broken is not None:
                raise meta.broken
    except Malformed as error:
        yield from anomaly_findings(artifact, log.all(), RULES)
        yield Finding(
            rule="TFG025",
            path=artifact.path,
            subject="malformed graph",
            evidence=error.reason,
            offset=error.offset,
        )
        raise
    yield from anomaly_findings(artifact, log.all(), RULES)


def _asset_findings(artifact: Artifact, assets: Iterable[Asset]) -> Iterator[Finding]:
    for asset in assets:
        parts = asset.filename.replace("\\", "/").split("/")
        is_outside = ".." in parts or parts[0] in ("", "~") or ":" in parts[0]
        if asset.filename and is_outside:
            yield Finding(
                rule="TFG019",
                path=artifact.path,
                subject=f"asset {asset.filename[:200]}",
                evidence=f"asset file name {quoted(asset.filename)} for tensor {quoted(asset.tensor)}",
                offset=asset.at,
                route="asset_file_def",
            )


def _recursion(artifact: Artifact, meta: MetaGraph) -> Iterator[Finding]:
    names = functions_that_call_themselves(meta)
    if names:
        shown = ", ".join(quoted(name) for name in names[:_MOST_SHOWN])
        yield Finding(
            rule="TFG023",
            path=artifact.path,
            subject=f"recursion {names[0][:200]}",
            evidence=f"{len(names):,} functions lead back to themselves: {shown}",
            route=f"function {quoted(names[0])}",
        )
