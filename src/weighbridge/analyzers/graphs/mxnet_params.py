"""MXNet parameters: whether the arrays fill their file, and names that are paths."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.graphs.graph_findings import GraphFindings, judge_name
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.graphs.mxnet import walk_params
from weighbridge.formats.weights.weights_fault import WeightsFault


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge headers and names; the arrays' data is stepped over."""
    report = GraphFindings(artifact)
    for found in walk_params(artifact.source):
        context.budget.check_time()
        if isinstance(found, WeightsFault):
            yield from report.tell("GRA011", found.subject, found.detail, at=found.at)
        else:
            yield from judge_name(report, found.name, at=found.at)
