"""GGUF headers that native loaders have broken on, and bytes that no tensor claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding, unclaimed_artifacts
from weighbridge.analyzers.carried_texts import carried
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.errors import Malformed
from weighbridge.formats.weights.gguf import GgufArray, GgufHeader, parse_gguf
from weighbridge.formats.weights.gguf_layout import GgufAnomaly

RULES: Final[Mapping[GgufAnomaly, str]] = {
    GgufAnomaly.ABSURD_COUNT: "GGF002",
    GgufAnomaly.ABSURD_LENGTH: "GGF002",
    GgufAnomaly.UNKNOWN_VALUE_TYPE: "GGF003",
    GgufAnomaly.ABSURD_TENSOR_TYPE: "GGF003",
    GgufAnomaly.DEEP_ARRAY: "GGF003",
    GgufAnomaly.TOO_MANY_DIMS: "GGF004",
    GgufAnomaly.SIZE_OVERFLOW: "GGF004",
    GgufAnomaly.OFFSET_OUTSIDE: "GGF005",
    GgufAnomaly.BAD_ALIGNMENT: "GGF006",
    GgufAnomaly.VOCABULARY_SHORT: "GGF007",
    GgufAnomaly.OVERLAP: "GGF008",
    GgufAnomaly.GAP: "GGF008",
    GgufAnomaly.UNALIGNED: "GGF008",
    GgufAnomaly.BROKEN_ROW: "GGF008",
    GgufAnomaly.DUPLICATE_KEY: "GGF009",
    GgufAnomaly.DUPLICATE_TENSOR: "GGF009",
    GgufAnomaly.MANY_DIMS: "GGF010",
    GgufAnomaly.NESTED_ARRAY: "GGF010",
    GgufAnomaly.EMPTY_KEY: "GGF010",
    GgufAnomaly.INVALID_UTF8: "GGF010",
    GgufAnomaly.VOCABULARY_LONG: "GGF010",
    GgufAnomaly.UNKNOWN_TENSOR_TYPE: "GGF011",
    GgufAnomaly.TRAILING: "GGF012",
    GgufAnomaly.TRUNCATED: "GGF013",
}

_MAGIC_BYTES = 4
_CARRIED = "GGF015"
_OF_THE_TOKENIZER = "tokenizer."
"""Words of a vocabulary are pieces of programs, and templates are programs: judged elsewhere."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge header and layout; hand on what lies outside the tensors."""
    try:
        header = parse_gguf(artifact.source, context.budget.limits)
    except Malformed as error:
        yield malformed_finding(artifact, error, "GGF001")
        yield from unclaimed_artifacts(artifact, [(_MAGIC_BYTES, artifact.source.size)])
        raise
    yield from anomaly_findings(artifact, header.anomalies, RULES)
    yield from carried(artifact, _texts(header), rule=_CARRIED)
    yield from unclaimed_artifacts(artifact, header.unclaimed)


def _texts(header: GgufHeader) -> Iterator[tuple[str, str]]:
    """Strings that the writer of the file chose, and the elements of short lists."""
    for entry in header.metadata:
        if entry.key.startswith(_OF_THE_TOKENIZER):
            continue
        if isinstance(entry.value, str):
            yield entry.key, entry.value
        elif isinstance(entry.value, GgufArray):
            yield from ((entry.key, text) for text in entry.value.strings)
