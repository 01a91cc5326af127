"""NumPy arrays: numbers need no look, objects are a pickle behind a header."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.weights.npy import MAGIC, NpyAnomaly, NpyHeader, parse_npy

RULES: Final[Mapping[NpyAnomaly, str]] = {
    NpyAnomaly.LONG_HEADER: "NPY002",
    NpyAnomaly.NOT_LITERAL: "NPY002",
    NpyAnomaly.WRONG_KEYS: "NPY002",
    NpyAnomaly.DUPLICATE_KEY: "NPY002",
    NpyAnomaly.BAD_SHAPE: "NPY002",
    NpyAnomaly.OVERFLOW: "NPY002",
    NpyAnomaly.UNKNOWN_DTYPE: "NPY003",
    NpyAnomaly.TRUNCATED: "NPY005",
}


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the header of each array in the file; hand on pickles and what can't be an array."""
    try:
        header = parse_npy(artifact.source)
    except Malformed as error:
        yield malformed_finding(artifact, error, "NPY002")
        raise
    end = yield from _inspect_array(artifact, header)
    while end is not None and end < artifact.source.size:
        context.budget.enter(1)
        following = _following_array(artifact, end)
        if following is None:
            yield from _trailing(artifact, end)
            return
        end = yield from _inspect_array(artifact, following)


def _following_array(artifact: Artifact, offset: int) -> NpyHeader | None:
    """Return the next array: `numpy.save` may be called several times on one file."""
    if artifact.source.read_at(offset, len(MAGIC)) != MAGIC:
        return None
    try:
        return parse_npy(artifact.source, offset=offset)
    except Malformed:
        return None


def _inspect_array(artifact: Artifact, header: NpyHeader) -> Generator[Event, None, int | None]:
    """Return where the array ends; None when all that follows was handed on."""
    yield from anomaly_findings(artifact, header.anomalies, RULES)
    if header.has_objects:
        yield _objects_finding(artifact, header)
    if header.payload_size is not None:
        return header.payload_offset + header.payload_size
    name = "pickle" if header.has_objects else "payload"
    yield _rest(artifact, name, header.payload_offset)
    return None


def _objects_finding(artifact: Artifact, header: NpyHeader) -> Finding:
    return Finding(
        rule="NPY001",
        path=artifact.path,
        subject="object dtype",
        evidence=f"the payload from byte {header.payload_offset:,} on is a pickle",
        offset=header.payload_offset,
    )


def _trailing(artifact: Artifact, offset: int) -> Iterator[Event]:
    yield Finding(
        rule="NPY004",
        path=artifact.path,
        subject="trailing bytes",
        evidence=f"{artifact.source.size - offset:,} bytes follow the array",
        offset=offset,
    )
    yield _rest(artifact, "trailing", offset)


def _rest(artifact: Artifact, name: str, offset: int) -> Artifact:
    size = artifact.source.size - offset
    return artifact.nested(name, SliceSource(artifact.source, offset, size))
