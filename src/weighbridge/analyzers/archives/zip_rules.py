"""Which rule tells each oddity of a zip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weighbridge.analyzers.inspection import Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.zip_anomalies import ZipAnomaly, ZipAnomalyKind
from weighbridge.formats.kinds import Format

RULES: Mapping[ZipAnomalyKind, str | None] = {
    ZipAnomalyKind.NAMES_DIFFER: "ZIP001",
    ZipAnomalyKind.DUPLICATE_NAME: "ZIP003",
    ZipAnomalyKind.OVERLAP: "ZIP004",
    ZipAnomalyKind.METHODS_DIFFER: "ZIP007",
    ZipAnomalyKind.SIZES_DIFFER: "ZIP007",
    ZipAnomalyKind.SEVERAL_DIRECTORIES: "ZIP008",
    ZipAnomalyKind.HIDDEN_MEMBER: "ZIP009",
    ZipAnomalyKind.PREFIX: "ZIP010",
    ZipAnomalyKind.TRAILING: "ZIP011",
    ZipAnomalyKind.GAP: "ZIP012",
    ZipAnomalyKind.COUNT_DIFFERS: "ZIP013",
    ZipAnomalyKind.DISK_NUMBER: "ZIP013",
    ZipAnomalyKind.BROKEN_DIRECTORY: "ZIP013",
    ZipAnomalyKind.NUL_IN_NAME: "ZIP014",
    ZipAnomalyKind.FILE_NAMED_AS_DIRECTORY: "ZIP014",
    ZipAnomalyKind.UNICODE_NAME_DIFFERS: "ZIP015",
    ZipAnomalyKind.OFFSET_OUTSIDE: "ZIP016",
    ZipAnomalyKind.NO_LOCAL_HEADER: "ZIP016",
    ZipAnomalyKind.CRCS_DIFFER: "ZIP017",
    ZipAnomalyKind.FLAGS_DIFFER: "ZIP017",
    ZipAnomalyKind.BACKSLASH_IN_NAME: "ZIP018",
    # A cut archive is told by its coverage row; it is no sign of anything else.
    ZipAnomalyKind.NO_DIRECTORY: None,
}
"""The rule that reports each anomaly; None for what coverage alone reports."""

_UNREADABLE = frozenset({ZipAnomalyKind.OFFSET_OUTSIDE, ZipAnomalyKind.NO_LOCAL_HEADER})


def report_zip_anomaly(artifact: Artifact, anomaly: ZipAnomaly) -> Iterator[Event]:
    """Yield the finding for an anomaly, and a coverage row for a member that can't be found."""
    rule = RULES[anomaly.kind]
    detail = f" ({anomaly.detail})" if anomaly.detail else ""
    name = f"{quoted(anomaly.member)}: " if anomaly.member is not None else ""
    if rule is not None:
        yield Finding(
            rule=rule,
            path=artifact.path,
            subject=anomaly.kind.name.lower() if anomaly.member is None else anomaly.member,
            evidence=f"{name}{anomaly.kind.value}{detail}",
            offset=anomaly.offset,
            length=anomaly.length,
        )
    if anomaly.kind in _UNREADABLE and anomaly.member is not None:
        yield Coverage(
            path=(*artifact.path, anomaly.member),
            format=Format.UNKNOWN,
            outcome=Outcome.FAILED,
            detail=anomaly.kind.value,
        )
