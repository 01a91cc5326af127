"""ExecuTorch programs: indexes that runtimes follow unchecked, operators, and backends' programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.torch.operators import operator_findings
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.torch.executorch import (
    Blob,
    ExecutorchAnomaly,
    bundled_program,
    parse_executorch,
)
from weighbridge.knowledge.torch_names import installed_names

RULES: Final[Mapping[ExecutorchAnomaly, str]] = {
    ExecutorchAnomaly.SEGMENT_OVERFLOW: "TOR062",
    ExecutorchAnomaly.OFFSET_OUTSIDE: "TOR062",
    ExecutorchAnomaly.NEGATIVE_SIZE: "TOR061",
    ExecutorchAnomaly.SIZE_OVERFLOW: "TOR061",
    ExecutorchAnomaly.TOO_MANY_DIMS: "TOR061",
    ExecutorchAnomaly.BAD_DIM_ORDER: "TOR061",
    ExecutorchAnomaly.UNKNOWN_SCALAR_TYPE: "TOR061",
    ExecutorchAnomaly.INDEX_OUTSIDE: "TOR060",
    ExecutorchAnomaly.UNKNOWN_INSTRUCTION: "TOR060",
    ExecutorchAnomaly.SEGMENT_OUTSIDE: "TOR063",
}
"""The rule that reports each anomaly."""

_MALFORMED, _OPERATOR, _BACKEND = "TOR063", "TOR064", "TOR065"
_MOST_BLOBS = 64
_CODE = (b"\x7fELF", b"MZ", b"PK\x03\x04", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the tables of a program or tensor file; hand on what it carries for backends."""
    try:
        bundled = bundled_program(artifact.source)
        if bundled is not None:
            yield from _nested(artifact, "program.pte", bundled)
            return
        program = parse_executorch(artifact.source, context.budget)
    except Malformed as error:
        yield malformed_finding(artifact, error, _MALFORMED)
        raise
    yield from anomaly_findings(artifact, program.anomalies, RULES)
    yield from operator_findings(artifact, program.operators, unknown=_OPERATOR)
    known = installed_names().delegates
    unknown = dict.fromkeys(one.name for one in program.delegates if one.name not in known)
    for name in list(unknown)[:_MOST_BLOBS]:
        evidence = f"a program for the backend {quoted(name)}, which is none of ExecuTorch's own"
        yield Finding(rule=_BACKEND, path=artifact.path, subject=name[:200], evidence=evidence)
    yield from _delegates(artifact, program.delegates)
    yield from _data(artifact, program.data)


def _delegates(artifact: Artifact, delegates: tuple[Blob, ...]) -> Iterator[Event]:
    """A backend's program is in a format of its own; what begins like code is looked at."""
    for number, blob in enumerate(delegates[:_MOST_BLOBS]):
        if _begins_code(artifact, blob):
            yield from _nested(artifact, f"delegate {number} {blob.name}", blob)
    if delegates:
        size = sum(blob.size for blob in delegates)
        detail = f"{len(delegates):,} programs of backends, {size:,} bytes, in formats of their own"
        yield Coverage(
            path=(*artifact.path, "delegates"),
            format=Format.TENSOR_BYTES,
            outcome=Outcome.OPAQUE,
            size_bytes=min(size, artifact.source.size),
            detail=detail,
        )
    if len(delegates) > _MOST_BLOBS:
        detail = f"{len(delegates):,} delegates; the first {_MOST_BLOBS} were looked at"
        yield Coverage(
            path=artifact.path, format=Format.EXECUTORCH, outcome=Outcome.LIMITED, detail=detail
        )


def _data(artifact: Artifact, data: tuple[Blob, ...]) -> Iterator[Event]:
    for blob in data[: _MOST_BLOBS * _MOST_BLOBS]:
        if _begins_code(artifact, blob):
            yield from _nested(artifact, f"data {blob.name}", blob)


def _begins_code(artifact: Artifact, blob: Blob) -> bool:
    if blob.size < 4 or blob.start >= artifact.source.size:
        return False
    return bytes(artifact.source.read_at(blob.start, 4)).startswith(_CODE)


def _nested(artifact: Artifact, name: str, blob: Blob) -> Iterator[Event]:
    length = min(blob.size, artifact.source.size - blob.start)
    yield artifact.nested(name[:200], SliceSource(artifact.source, blob.start, length))
