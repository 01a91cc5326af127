"""Mobile modules as a flatbuffer: the same operators and classes as in TorchScript, by table."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.anomalies import malformed_finding
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.torch.operators import class_findings, operator_findings
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.errors import Malformed
from weighbridge.formats.torch.mobile import parse_mobile

_MALFORMED = "TOR063"


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge what the module names, and hand on the files that it carries."""
    try:
        module = parse_mobile(artifact.source, context.budget)
    except Malformed as error:
        yield malformed_finding(artifact, error, _MALFORMED)
        raise
    yield from operator_findings(artifact, module.operators)
    yield from class_findings(artifact, module.classes)
    for carried in module.files:
        source = SliceSource(artifact.source, carried.start, carried.size)
        yield artifact.nested(carried.name or "extra file", source)
