"""Model files of before GGUF: sizes and counts that native loaders believe."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.weights.gguf import RULES
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format
from weighbridge.formats.weights.ggml import parse_ggml

_OLD = "GGF014"


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Walk the file, and say that its loaders check nothing."""
    file = parse_ggml(artifact.source, context.budget)
    evidence = f"{file.kind}, {file.layout or 'a layout of its own'}, {file.tensors:,} tensors"
    yield Finding(rule=_OLD, path=artifact.path, subject=file.kind, evidence=evidence, offset=0)
    yield from anomaly_findings(artifact, file.anomalies, RULES)
    if file.layout is None:
        detail = "GGML of a program that we do not know: numbers, which only that program reads"
        yield Coverage(path=artifact.path, format=Format.GGML, outcome=Outcome.OPAQUE, detail=detail)
