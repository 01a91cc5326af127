"""What a safetensors file is in spite of its name: a polyglot, a parser trap, a carrier of code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings, malformed_finding, unclaimed_artifacts
from weighbridge.analyzers.carried_texts import base64_pickles
from weighbridge.analyzers.configuration.hydra_targets import GETTERS, harmful_calls
from weighbridge.analyzers.configuration.target_weights import Weighed, Weight, weigh_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import look_at_metadata
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import decode_python_json
from weighbridge.formats.weights.safetensors import SafetensorsAnomaly, parse_safetensors

RULES: Final[Mapping[SafetensorsAnomaly, str]] = {
    SafetensorsAnomaly.DUPLICATE_KEY: "ST002",
    SafetensorsAnomaly.AFTER_JSON: "ST003",
    SafetensorsAnomaly.LEADING_SPACE: "ST004",
    SafetensorsAnomaly.PADDING: "ST004",
    SafetensorsAnomaly.UNKNOWN_FIELD: "ST004",
    SafetensorsAnomaly.UNUSUAL_SPELLING: "ST004",
    SafetensorsAnomaly.BAD_ENTRY: "ST005",
    SafetensorsAnomaly.LONE_SURROGATE: "ST005",
    SafetensorsAnomaly.METADATA_NOT_TEXT: "ST005",
    SafetensorsAnomaly.UNKNOWN_DTYPE: "ST006",
    SafetensorsAnomaly.SIZE_MISMATCH: "ST007",
    SafetensorsAnomaly.OVERFLOW: "ST007",
    SafetensorsAnomaly.REVERSED: "ST007",
    SafetensorsAnomaly.HOLE: "ST008",
    SafetensorsAnomaly.OVERLAP: "ST008",
    SafetensorsAnomaly.TRAILING: "ST009",
    SafetensorsAnomaly.TRUNCATED: "ST010",
}

_LENGTH_BYTES = 8
_MAX_TARGETS = 1_000
_HYDRA_TARGET = re.compile(r"""_target_["']?\s*[:=]\s*\\?["']?([A-Za-z_][\w.]{0,200})""")
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge header, layout and metadata; hand on what lies outside the tensors."""
    try:
        header = parse_safetensors(artifact.source, context.budget.limits)
    except Malformed as error:
        yield malformed_finding(artifact, error, "ST001")
        yield from unclaimed_artifacts(artifact, [(_LENGTH_BYTES, artifact.source.size)])
        raise
    yield from anomaly_findings(artifact, header.anomalies, RULES)
    yield from look_at_metadata(artifact, header.metadata)
    for key, value in header.metadata:
        yield from _inspect_metadata(artifact, key, value)
        yield from _inspect_targets(artifact, key, value, context)
    yield from unclaimed_artifacts(artifact, header.unclaimed)


def _inspect_metadata(artifact: Artifact, key: str, value: str) -> Iterator[Event]:
    """Training tools write paths, URLs and prompts here: only what is never theirs is told."""
    payloads = tuple(base64_pickles(value))
    if payloads:
        yield _metadata_finding(artifact, "ST011", key, value)
    for number, payload in enumerate(payloads):
        name = f"__metadata__/{key[:200]}" + (f"#{number}" if number else "")
        yield artifact.nested(name, MemorySource(payload))
    script = _SCRIPT.search(value)
    if script is not None:
        yield _metadata_finding(artifact, "ST013", key, value[script.start() :])


def _inspect_targets(artifact: Artifact, key: str, value: str, context: Context) -> Iterator[Event]:
    """Hydra imports each `_target_` and calls it with arguments from the same text."""
    targets = dict.fromkeys(match[1] for match in _HYDRA_TARGET.finditer(value))
    weighed = [weigh_target(target, context.callables) for target in islice(targets, _MAX_TARGETS)]
    told = [one for one in weighed if one.weight >= Weight.REACHES and one.target not in GETTERS]
    if GETTERS & targets.keys():
        told += islice(_fetched(value, context), _MAX_TARGETS)
    for target in dict.fromkeys(one.target for one in told):
        yield _metadata_finding(artifact, "ST012", key, f"_target_: {target}", subject=target)


def _fetched(value: str, context: Context) -> Iterator[Weighed]:
    """What a target that fetches another by its name stands for is said by its argument."""
    try:
        tree = decode_python_json(value).value
    except Malformed:
        return
    yield from harmful_calls(tree, context)


def _metadata_finding(
    artifact: Artifact, rule: str, key: str, text: str, *, subject: str = ""
) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=" ".join(filter(None, (key[:200], subject))),
        evidence=f"__metadata__ {quoted(key)}: {quoted(text)}",
        route=f"/__metadata__/{key[:200]}",
    )
