"""A baseline: the findings of an earlier report, which a gate knows already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from weighbridge.core.finding import Finding
from weighbridge.policy.stored_report import StoredRun, read_report
from weighbridge.policy.suppression import Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Findings that count as known while the user names this report as the baseline.

    Attributes:
        known: fingerprint and evidence of each: a payload that changes its words is new.
        name: of the report's file.
        taken: the day of the report.
    """

    known: frozenset[tuple[str, str]]
    name: str
    taken: date

    def covers(self, finding: Finding) -> bool:
        return (finding.fingerprint, finding.evidence) in self.known

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

    Raises:
        UsageError: the file is unreadable, or is no report.
    """
    stored = read_report(path)
    return Baseline(known=_known(stored), name=path.name, taken=stored.started.date())


def _known(stored: StoredRun) -> frozenset[tuple[str, str]]:
    return frozenset(
        (finding.fingerprint, finding.evidence)
        for report in stored.reports
        for finding in report.findings
    )
