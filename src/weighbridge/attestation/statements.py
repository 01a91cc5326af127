"""What we state about a scan: in-toto statements, one with what was found, one more when it passed.

Source: in-toto Attestation Framework, Statement v1, and the predicates vulns/v0.2 and svr/v0.2,
github.com/in-toto/attestation/tree/main/spec.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from weighbridge.core.report import Report, ScannedFile, Verdict
from weighbridge.errors import UsageError
from weighbridge.reporters.interface import Scanned
from weighbridge.reporters.json_text import Json

STATEMENT = "https://in-toto.io/Statement/v1"
FOUND = "https://in-toto.io/attestation/vulns/v0.2"
PASSED = "https://in-toto.io/attestation/svr/v0.2"
PASS_PROPERTY = "WEIGHBRIDGE_POLICY_PASSED"
COMPLETE_PROPERTY = "WEIGHBRIDGE_ALL_LOADABLE_BYTES_READ"

_UNSIGNED_FILES = ("model.sig",)
_NAMED = 5


class Subject(StrEnum):
    """What a statement is about."""

    FILES = "files"
    """Each file, by its digest."""
    MODEL = "model"
    """The whole, by the root digest of OpenSSF Model Signing over all files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The circumstances of a scan that statements tell.

    Attributes:
        policy: sha256 (hex) of the policy that decided.
        released: the day on which the signatures came out.
    """

    started: datetime
    finished: datetime
    tool_version: str
    signatures_version: str
    released: date
    policy: str


def statements(result: Scanned, subject: Subject, scan: Scan) -> tuple[dict[str, Json], ...]:
    """Return the statements for one target; the second only on a pass.

    Raises:
        UsageError: the digest of a file is not known.
    """
    files = _digests(result.report)
    predicates = {FOUND: _found(result, scan)}
    if result.verdict is Verdict.PASS:
        predicates[PASSED] = _passed(result, scan)
    return tuple(
        _statement(kind, predicate, files, result.report if subject is Subject.MODEL else None)
        for kind, predicate in predicates.items()
    )


def _statement(
    kind: str, predicate: dict[str, Json], files: list[Json], whole: Report | None
) -> dict[str, Json]:
    """State something of files, or of a whole: its root binds no names, so they stand beside it."""
    subjects = files
    if whole is not None:
        subjects = [{"name": whole.target, "digest": {"sha256": model_root(whole.files)}}]
        predicate = {**predicate, "files": files}
    return {"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": predicate}


def _digests(report: Report) -> list[Json]:
    missing = [file.name for file in report.files if file.sha256 is None]
    if missing or not report.files:
        named = ", ".join(repr(name) for name in missing[:_NAMED])
        what = f"the registry states no sha256 of {named}" if missing else "the target holds no file"
        raise UsageError(f"can't attest {report.target[:200]!r}: {what}; pull it, and attest the folder")
    return [{"name": file.name, "digest": {"sha256": file.sha256}} for file in report.files]


def model_root(files: Sequence[ScannedFile]) -> str:
    """Return the digest of a model as OpenSSF Model Signing forms it.

    It is the sha256 over the digests of all files in the order of their names, without the
    signature itself.
    """
    root = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        if file.name not in _UNSIGNED_FILES and file.sha256 is not None:
            root.update(bytes.fromhex(file.sha256))
    return root.hexdigest()


def _found(result: Scanned, scan: Scan) -> dict[str, Json]:
    return {
        "scanner": {
            "uri": f"pkg:pypi/weighbridge@{scan.tool_version}",
            "version": scan.tool_version,
            "db": {
                "uri": f"pkg:pypi/weighbridge@{scan.tool_version}#signatures",
                "version": scan.signatures_version,
                "lastUpdate": f"{scan.released.isoformat()}T00:00:00Z",
            },
            "result": [
                {
                    "id": one.rule.id,
                    "severity": [{"method": "weighbridge", "score": one.severity.word}],
                    "annotations": [
                        {"artifact": one.finding.artifact},
                        {"fingerprint": one.finding.fingerprint},
                        {"techniques": [technique.id for technique in one.meaning.techniques]},
                    ],
                }
                for one in result.findings
            ],
        },
        "metadata": {
            "scanStartedOn": moment(scan.started),
            "scanFinishedOn": moment(scan.finished),
        },
    }


def _passed(result: Scanned, scan: Scan) -> dict[str, Json]:
    properties: list[Json] = [PASS_PROPERTY]
    if not result.decision.gaps:
        properties.append(COMPLETE_PROPERTY)
    return {
        "verifier": {
            "id": f"pkg:pypi/weighbridge@{scan.tool_version}",
            "policies": [{"name": "weighbridge policy", "digest": {"sha256": scan.policy}}],
        },
        "timeCreated": moment(scan.finished),
        "properties": properties,
    }


def moment(when: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
