"""Checkpoints of TensorFlow: an index that contradicts itself. The tensors beside it are never read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.tensorflow.checkpoint_index import IndexAnomaly, parse_index

RULES: Final[Mapping[IndexAnomaly, str]] = dict.fromkeys(IndexAnomaly, "TFG026")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the index of a checkpoint."""
    try:
        index = parse_index(artifact.source, context.budget.limits)
    except Malformed as error:
        yield malformed_finding(artifact, error, "TFG026")
        raise
    yield from anomaly_findings(artifact, index.anomalies, RULES)
    if index.is_compressed:
        yield Coverage(
            path=artifact.path,
            format=Format.CHECKPOINT_INDEX,
            outcome=Outcome.OPAQUE,
            detail="the index is compressed, as TensorFlow does not write it; it names tensors only",
        )
    elif index.holds_tensors:
        yield Coverage(
            path=artifact.path,
            format=Format.CHECKPOINT_INDEX,
            outcome=Outcome.OPAQUE,
            detail="a checkpoint of the first version: tensors, which nothing runs",
        )
