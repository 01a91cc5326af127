"""A table of findings and gaps for spreadsheets: one row each, a header first.

Source: RFC 4180. A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula
to a spreadsheet, and names come from whoever made the files: such a cell gets an apostrophe first
(CWE-1236).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from weighbridge.atlas import ExplainedFinding
from weighbridge.reporters.interface import Scanned, TargetResult, Unreachable
from weighbridge.reporters.words import printable

COLUMNS: Final = (
    "target",
    "verdict",
    "artifact",
    "what",
    "severity",
    "rule",
    "title",
    "subject",
    "evidence",
    "offset",
    "techniques",
    "suppressed",
    "sha256",
    "size_bytes",
    "fingerprint",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def lines_of(results: Iterable[TargetResult]) -> Iterator[str]:
    """Yield the table's lines: of each target the findings, suppressed ones too, then the gaps."""
    yield _line(COLUMNS)
    for result in results:
        cells = _unreachable(result) if isinstance(result, Unreachable) else _scanned(result)
        for row in cells:
            yield _line([safe(row.get(column, "")) for column in COLUMNS])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def safe(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    shown = printable(value)
    return f"'{shown}" if value.startswith(_FORMULA) or shown.startswith(_FORMULA) else shown


def _unreachable(result: Unreachable) -> Iterator[Mapping[str, str]]:
    yield {
        "target": result.target,
        "verdict": result.verdict.value,
        "what": "unreachable",
        "evidence": result.error,
    }


def _scanned(result: Scanned) -> Iterator[Mapping[str, str]]:
    common = {"target": result.target, "verdict": result.verdict.value}
    files = {file.name: file for file in result.report.files}

    def of_file(name: str) -> dict[str, str]:
        file = files.get(name)
        if file is None:
            return {}
        size = "" if file.size_bytes is None else str(file.size_bytes)
        return {"sha256": file.sha256 or "", "size_bytes": size}

    for found in result.findings:
        yield {**common, **_finding(found), **of_file(found.finding.path[0])}
    for accepted in result.accepted:
        row = _finding(accepted.explained)
        why = {"suppressed": accepted.suppression.reason}
        yield {**common, **row, **why, **of_file(accepted.explained.finding.path[0])}
    for gap in result.decision.gaps:
        words = {"artifact": gap.artifact, "what": gap.outcome.value, "evidence": gap.detail}
        yield {**common, **words, **of_file(gap.path[0])}


def _finding(explained: ExplainedFinding) -> dict[str, str]:
    found = explained.finding
    return {
        "artifact": found.artifact,
        "what": "finding",
        "severity": explained.severity.word,
        "rule": found.rule,
        "title": explained.rule.title,
        "subject": found.subject,
        "evidence": found.evidence,
        "offset": "" if found.offset is None else str(found.offset),
        "techniques": " ".join(technique.id for technique in explained.meaning.techniques),
        "fingerprint": found.fingerprint,
    }
