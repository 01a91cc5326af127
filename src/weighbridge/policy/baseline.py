"""A baseline: the findings of an earlier report, which a gate knows already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Report
from weighbridge.policy.source_rule import LOCAL, without_revision
from weighbridge.policy.stored_report import read_report
from weighbridge.policy.suppression import Suppression

Known = tuple[str, ...]
"""Where a finding is, and what it says: a payload that changes its words is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Findings that count as known while the user names this report as the baseline.

    Attributes:
        known: one of each, and a second one where a file has a second address.
        name: of the report's file.
        taken: the day of the report.
    """

    known: frozenset[Known]
    name: str
    taken: date

    def covers(self, finding: Finding, report: Report) -> bool:
        """True when the same was seen at the same place, whichever revision of it."""
        return not self.known.isdisjoint(_identities(finding, report))

    def acceptance(self, finding: Finding) -> Suppression:
        """Return the entry that a report shows for a known finding; it has no last day."""
        return Suppression(
            rule=finding.rule,
            artifact="**",
            reason=f"known from {self.name} of {self.taken.isoformat()}",
            expires=date.max,
        )


def read_baseline(path: Path) -> Baseline:
    """Read a JSON report as a baseline.

    What a waiver accepted that day is not known by it: else the waiver would have no last day.

    Raises:
        UsageError: the file is unreadable, or is no report.
    """
    stored = read_report(path, with_waived=False)
    known = frozenset(
        identity
        for report in stored.reports
        for finding in report.findings
        for identity in _identities(finding, report)
    )
    return Baseline(known=known, name=path.name, taken=stored.started.date())


def _identities(finding: Finding, report: Report) -> Iterator[Known]:
    name, *inner = finding.path
    for place in _places(report.target, report.origin, name):
        yield (place, finding.rule, *inner, finding.subject, finding.evidence)


def _places(target: str, origin: Origin, name: str) -> Iterator[str]:
    """Yield the addresses of one file: on this machine as it was typed, and where it really is.

    A file that is scanned by itself has the address that it has in a scan of its folder.
    """
    if origin.kind != LOCAL:
        yield f"{without_revision(origin)}/{name}"
        return
    for root in dict.fromkeys((os.path.normpath(target), origin.location)):
        yield root if os.path.basename(root) == name else os.path.join(root, name)
