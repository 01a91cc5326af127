"""What every reporter gets: one `Run`, judged and explained. A reporter decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from weighbridge.atlas import ExplainedFinding, explain_findings
from weighbridge.core.finding import Rule
from weighbridge.core.report import Report, Verdict
from weighbridge.knowledge.atlas_release import AtlasRelease
from weighbridge.policy import Decision, Suppression, exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFinding:
    """A finding that the user's policy suppresses, and by which entry."""

    explained: ExplainedFinding
    suppression: Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A target that was looked at. `findings` come most severe first, then in the report's order."""

    report: Report
    decision: Decision
    findings: tuple[ExplainedFinding, ...]
    accepted: tuple[AcceptedFinding, ...]

    @property
    def target(self) -> str:
        """As the user typed it, without what is secret in an address."""
        return self.report.target

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """A target that could not be looked at at all. `error` says why and what to do."""

    target: str
    error: str

    @property
    def verdict(self) -> Verdict:
        """Never a pass: nothing could be looked at."""
        return Verdict.INCOMPLETE


TargetResult = Scanned | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One call of the program.

    Attributes:
        started: with a time zone.
        results: one for each target, in the order in which they were typed.
        working_directory: absolute; paths in SARIF are relative to it.
    """

    tool_version: str
    signatures_version: str
    atlas_label: str
    started: datetime
    seconds: float
    results: tuple[TargetResult, ...]
    working_directory: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of all: fail, else incomplete, else pass. A run over nothing is incomplete."""
        verdicts = {result.verdict for result in self.results} or {Verdict.INCOMPLETE}
        order = (Verdict.FAIL, Verdict.INCOMPLETE, Verdict.PASS)
        return next(verdict for verdict in order if verdict in verdicts)

    @property
    def exit_code(self) -> int:
        return exit_code(
            result.verdict if isinstance(result, Scanned) else None for result in self.results
        )


def scanned(
    report: Report, decision: Decision, *, rules: Mapping[str, Rule], release: AtlasRelease
) -> Scanned:
    """Explain what the policy made of a report.

    Raises:
        UsageError: a finding names a rule that `rules` does not hold.
    """
    active = explain_findings(
        ((judged.finding, judged.severity) for judged in decision.active), rules, release
    )
    suppressed = explain_findings(
        ((entry.finding, entry.severity) for entry in decision.suppressed), rules, release
    )
    return Scanned(
        report=report,
        decision=decision,
        findings=tuple(sorted(active, key=lambda explained: -explained.severity)),
        accepted=tuple(
            AcceptedFinding(explained=explained, suppression=entry.suppression)
            for explained, entry in zip(suppressed, decision.suppressed, strict=True)
        ),
    )
