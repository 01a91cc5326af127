"""Arrow files and streams: extension types, buffers outside of their message, then the cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.datasets.arrow_extensions import inspect_schema
from weighbridge.analyzers.datasets.columnar_cells import inspect_arrow_cells
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.datasets.arrow_ipc import FEATHER_MAGIC, IpcAnomaly, walk_ipc
from weighbridge.formats.kinds import Format

RULES: Final[Mapping[IpcAnomaly, str]] = {
    IpcAnomaly.BUFFER_OUTSIDE: "DST009",
    IpcAnomaly.NEGATIVE: "DST009",
    IpcAnomaly.BLOCK_OUTSIDE: "DST011",
    IpcAnomaly.BAD_MESSAGE: "DST011",
    IpcAnomaly.NO_FOOTER: "DST011",
    IpcAnomaly.CUT: "DST011",
}
_UNSAFE: Final = frozenset({IpcAnomaly.BUFFER_OUTSIDE, IpcAnomaly.NEGATIVE})


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge schemas and messages; search the cells of a file that holds together."""
    if bytes(artifact.source.read_at(0, 4)) == FEATHER_MAGIC:
        detail = "Feather version 1: columns of numbers and text without extension types; not read"
        yield _row(artifact, Outcome.OPAQUE, detail)
        return
    contents = walk_ipc(artifact.source)
    for schema in contents.schemas:
        yield from inspect_schema(artifact, schema, Format.ARROW)
    yield from anomaly_findings(artifact, contents.anomalies, RULES)
    if any(anomaly.kind in _UNSAFE for anomaly in contents.anomalies):
        yield _row(artifact, Outcome.FAILED, "its values can't be read safely")
        return
    yield from inspect_arrow_cells(artifact, contents.rows, context)


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.ARROW, outcome=outcome, detail=detail)
