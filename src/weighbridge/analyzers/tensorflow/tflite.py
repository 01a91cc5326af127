"""TFLite models: operators that are not TFLite's own, what they touch, and offsets that lead astray."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tensorflow.carried import begins_like_a_format
from weighbridge.analyzers.tensorflow.deeds import PLACES
from weighbridge.analyzers.tensorflow.paths import Place, Target, target_of
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tensorflow.tflite import CustomUse, TfliteModel, parse_tflite
from weighbridge.formats.tensorflow.tflite_layout import TfliteAnomaly
from weighbridge.formats.tensorflow.values import Value
from weighbridge.knowledge.tensorflow_ops import Access, Deed, OpRow, TensorFlowOps, installed_ops

RULES: Final[Mapping[TfliteAnomaly, str]] = {
    TfliteAnomaly.INDEX_OUTSIDE: "TFL004",
    TfliteAnomaly.BUFFER_OUTSIDE: "TFL006",
    TfliteAnomaly.SHAPE_OVERFLOW: "TFL005",
    TfliteAnomaly.NEGATIVE_DIMENSION: "TFL005",
    TfliteAnomaly.BUFFER_SIZE: "TFL005",
    TfliteAnomaly.UNKNOWN_TYPE: "TFL005",
    TfliteAnomaly.QUANTIZATION: "TFL005",
}
_FLEX = "Flex"
_PEEK_BYTES = 64
_HARMLESS = frozenset({Deed.CLUSTER, Deed.PRINTS, Deed.DEBUG})
_ALONE = frozenset({Deed.PYTHON, Deed.NETWORK, Deed.WRITES})
"""What is worth an alarm without a place."""
_SERIOUS = frozenset({"TFG002", "TFG003", "TFG006", "TFG007"})
_ACTIVE = re.compile(
    r"<\s*script|javascript:|data:text/html|\$\(|`[^`]+`|\b(?:curl|wget)\b.{0,200}\||powershell", re.I
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge operators, texts and layout; hand on what metadata carries."""
    model = parse_tflite(artifact.source)
    ops = installed_ops()
    yield from _custom(artifact, model, ops)
    yield from _flex(artifact, model, ops)
    yield from anomaly_findings(artifact, model.anomalies, RULES)
    yield from _texts(artifact, model)
    yield from _external(artifact, model)
    for number, (_, span) in enumerate(model.metadata):
        if begins_like_a_format(
            bytes(artifact.source.read_at(span.start, min(_PEEK_BYTES, span.length)))
        ):
            yield artifact.nested(
                f"metadata-{number}", SliceSource(artifact.source, span.start, span.length)
            )
    if model.broken is not None:
        if isinstance(model.broken, Malformed):
            yield _finding(
                artifact, "TFL006", "malformed model", model.broken.reason, model.broken.offset
            )
        raise model.broken


def _custom(artifact: Artifact, model: TfliteModel, ops: TensorFlowOps) -> Iterator[Finding]:
    for code in dict.fromkeys(model.custom_codes):
        name = code.removeprefix(_FLEX)
        if code.startswith(_FLEX) and (name in ops.rows or ops.is_of_tensorflow(name)):
            continue
        at = next((use.at for use in model.uses if use.code == code), None)
        library = ops.lite.get(code) or ops.libraries.get(name)
        # What a converter leaves as it was, with allow_custom_ops, has TensorFlow's own name.
        if library is None and ops.is_of_tensorflow(code):
            library = "TensorFlow, which a converter left as it is"
        said = f"is of {library}" if library else "is of no library that is known"
        rule = "TFL007" if library else "TFL001"
        yield _finding(artifact, rule, f"operator {code[:200]}", f"{quoted(code)} {said}", at)


def _flex(artifact: Artifact, model: TfliteModel, ops: TensorFlowOps) -> Iterator[Finding]:
    """Operations of TensorFlow that a TFLite model brings with it, judged by TensorFlow's table."""
    told: set[tuple[str, str]] = set()
    for use in model.uses:
        name = use.code.removeprefix(_FLEX)
        row = ops.rows.get(name)
        if row is None or row.deed in _HARMLESS:
            continue
        rule, target = _judged(use, row, ops)
        shown = "" if target is None else f" {target.shown}"
        if (rule, name + shown) not in told:
            told.add((rule, name + shown))
            why = f"{row.why}" if target is None or not target.why else target.why
            evidence = f"{use.code}{':' + shown if shown else ''} in subgraph {use.subgraph}; {why}"
            yield _finding(artifact, rule, name + shown, evidence, use.at)


def _judged(use: CustomUse, row: OpRow, ops: TensorFlowOps) -> tuple[str, Target | None]:
    """The rule of one operation, and the worst place that it names as a constant."""
    access = Access.WRITES if row.deed.value.startswith("writes") else Access.READS
    named = [use.inputs[position] for position in row.inputs if position < len(use.inputs)]
    for texts in named:
        target = target_of(Value(texts), access, ops)
        if texts and (row.deed is Deed.NETWORK or PLACES.get((row.deed, target.place)) in _SERIOUS):
            return "TFL002", target
        if texts and target.place is not Place.OPEN:
            return "TFL003", target
    return ("TFL002" if row.deed in _ALONE else "TFL003"), None


def _texts(artifact: Artifact, model: TfliteModel) -> Iterator[Finding]:
    for place, text in model.texts:
        match = _ACTIVE.search(text)
        if match is not None:
            around = text[max(0, match.start() - 40) : match.end() + 80]
            yield _finding(artifact, "TFL008", f"{place} {match[0][:40]}", f"{place}: {around!r}", None)


def _external(artifact: Artifact, model: TfliteModel) -> Iterator[Finding]:
    for name in model.external:
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            yield _finding(artifact, "TFL009", f"external {name[:200]}", quoted(name), None)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, at: int | None) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, offset=at)
