"""Turn what a parser of weights found odd into findings: one for each kind, with its examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, Kind, quoted

_EXAMPLES = 5
_RELATED = 20
_HOLES = 256


def anomaly_findings(
    artifact: Artifact, anomalies: Iterable[Anomaly[Kind]], rules: Mapping[Kind, str]
) -> Iterator[Finding]:
    """Yield one finding for each kind, in the order of first appearance.

    Args:
        artifact: where the anomalies are.
        anomalies: a thousand tensors with the same fault are one thing to tell.
        rules: rule id of every kind.
    """
    groups: dict[Kind, list[Anomaly[Kind]]] = {}
    for anomaly in anomalies:
        groups.setdefault(anomaly.kind, []).append(anomaly)
    for kind, group in groups.items():
        first = group[0]
        yield Finding(
            rule=rules[kind],
            path=artifact.path,
            subject=" ".join(filter(None, (kind.value, first.subject[:200]))),
            evidence=_evidence(group),
            offset=first.offset,
            route=f"tensor {quoted(first.subject)}" if first.subject else "",
            related=tuple(quoted(other.subject) for other in group[1 : 1 + _RELATED] if other.subject),
        )


def _evidence(group: list[Anomaly[Kind]]) -> str:
    lines = [anomaly.detail for anomaly in group[:_EXAMPLES]]
    if len(group) > _EXAMPLES:
        lines.append(f"and {len(group) - _EXAMPLES:,} more of this kind")
    return "\n".join(lines)


def malformed_finding(artifact: Artifact, error: Malformed, rule: str) -> Finding:
    """Return the finding that says why a header can't be read at all."""
    subject = "malformed header"
    return Finding(
        rule=rule, path=artifact.path, subject=subject, evidence=error.reason, offset=error.offset
    )


def unclaimed_artifacts(artifact: Artifact, ranges: Iterable[tuple[int, int]]) -> Iterator[Artifact]:
    """Yield the bytes that no tensor claims as nested artifacts, for the engine to identify.

    The range that reaches the end of the file is `trailing`, the others are `hole-1`, `hole-2`.

    Raises:
        LimitReached: after the tail and the first 256 holes, when there are more.
    """
    holes: list[tuple[int, int]] = []
    for begin, end in ranges:
        if end < artifact.source.size:
            holes.append((begin, end))
        elif begin < end:
            yield artifact.nested("trailing", SliceSource(artifact.source, begin, end - begin))
    for number, (begin, end) in enumerate(holes[:_HOLES], start=1):
        yield artifact.nested(f"hole-{number}", SliceSource(artifact.source, begin, end - begin))
    if len(holes) > _HOLES:
        raise LimitReached(f"{len(holes):,} holes between tensors; the first {_HOLES} were looked at")
