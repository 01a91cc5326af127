"""Caffe weights: Python classes that their network names, and files among the blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.message_walk import Leaf, Shape, walk_messages

_SHAPES: Final = {
    "network": Shape({2: "old layer", 100: "layer"}),
    "layer": Shape({7: "blob", 130: "python"}, frozenset({1, 2})),
    "old layer": Shape({6: "blob"}),
    "blob": Shape(),
    "python": Shape({}, frozenset({1, 2, 3})),
}


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the layers; blobs are stepped over."""
    report = GraphFindings(artifact)
    for found in walk_messages(artifact.source, _SHAPES, "network"):
        context.budget.check_time()
        if isinstance(found, Leaf):
            what = f"field {found.number} of a {found.shape}"
            yield from report.carried(found.at, found.length, found.head, what)
        elif found.shape == "python":
            target = ".".join(filter(None, (found.text(1), found.text(2))))
            line = f"a layer is the Python class {quoted(target)}"
            yield from report.tell("GRA006", f"class {target}", line, at=found.at)
