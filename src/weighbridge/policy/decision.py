"""Decide: what the user's policy makes of a report. The only place with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from weighbridge.core.finding import Finding, Rule, Severity
from weighbridge.core.report import Coverage, Outcome, Report, Verdict
from weighbridge.errors import UsageError
from weighbridge.policy.suppression import Suppression

Sha256Of = Callable[[str], str | None]
"""Gives the sha256 (lower-case hex) of a top-level file by its name, or None when not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFinding:
    """A finding that counts, with the severity that counts."""

    finding: Finding
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedFinding:
    """A finding that the user has decided to accept; it stays visible."""

    finding: Finding
    severity: Severity
    suppression: Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy makes of one report.

    Attributes:
        active: in the report's order.
        gaps: rows that keep the report from being complete, whether or not the policy allows that.
        notes: sentences that the reader needs beside the verdict (an expired suppression).
        fail_on: the severity at which the gate closes, for words such as `nothing at or above`.
    """

    verdict: Verdict
    active: tuple[JudgedFinding, ...]
    suppressed: tuple[SuppressedFinding, ...]
    gaps: tuple[Coverage, ...]
    notes: tuple[str, ...]
    fail_on: Severity


def _no_digest(_name: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The user's own configuration. `notes` are sentences about the configuration itself."""

    fail_on: Severity = Severity.HIGH
    allow_incomplete: bool = False
    allow_opaque: bool = True
    suppressions: tuple[Suppression, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def needs_sha256(self, path: tuple[str, ...], rule: str) -> bool:
        """True when a suppression could apply if the digest of the file `path[0]` were known."""
        return any(entry.sha256 and entry.covers(path, rule) for entry in self.suppressions)

    def severity_of(self, rule: Rule) -> Severity:
        return self.severities.get(rule.id, rule.severity)

    def decide(
        self,
        report: Report,
        rules: Mapping[str, Rule],
        *,
        sha256_of: Sha256Of = _no_digest,
        today: date | None = None,
    ) -> Decision:
        """Judge a report.

        FAIL when an active finding is at or above `fail_on`; otherwise INCOMPLETE when something
        could not be looked at and the user has not allowed that; otherwise PASS.

        Args:
            report: the facts.
            rules: every rule that a finding may name.
            sha256_of: digests that the caller has itself computed or verified; asked only for
                files for which `needs_sha256` holds.
            today: the day for expiry; by default today's, in UTC.

        Raises:
            UsageError: a finding names a rule that `rules` does not hold.
        """
        day = today or datetime.now(UTC).date()
        active: list[JudgedFinding] = []
        suppressed: list[SuppressedFinding] = []
        notes = dict.fromkeys(self.notes)
        for finding in report.findings:
            severity = self.severity_of(_rule_of(finding, rules))
            covering = [entry for entry in self.suppressions if entry.covers(finding.path, finding.rule)]
            objections = {entry: _objection(entry, finding, sha256_of, day) for entry in covering}
            accepting = [entry for entry, objection in objections.items() if objection is None]
            if accepting:
                suppressed.append(
                    SuppressedFinding(finding=finding, severity=severity, suppression=accepting[0])
                )
            else:
                active.append(JudgedFinding(finding=finding, severity=severity))
                notes.update(dict.fromkeys(objection for objection in objections.values() if objection))
        gaps = tuple(row for row in report.coverage if self._leaves_open(row))
        return Decision(
            verdict=self._verdict(active, gaps),
            active=tuple(active),
            suppressed=tuple(suppressed),
            gaps=gaps,
            notes=tuple(notes),
            fail_on=self.fail_on,
        )

    def _verdict(self, active: Iterable[JudgedFinding], gaps: Collection[Coverage]) -> Verdict:
        if any(judged.severity >= self.fail_on for judged in active):
            return Verdict.FAIL
        return Verdict.INCOMPLETE if gaps and not self.allow_incomplete else Verdict.PASS

    def _leaves_open(self, row: Coverage) -> bool:
        if row.outcome is Outcome.OPAQUE:
            return not self.allow_opaque and row.format == "unknown"
        return not row.outcome.is_complete


def exit_code(verdicts: Iterable[Verdict | None]) -> int:
    """Return the exit code for all targets: 1 beats 2 beats 3 beats 0.

    Args:
        verdicts: one for each target; None for a target that could not be reached at all.
    """
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return 1
    if None in seen or not seen:
        return 2
    return 3 if Verdict.INCOMPLETE in seen else 0


def _rule_of(finding: Finding, rules: Mapping[str, Rule]) -> Rule:
    try:
        return rules[finding.rule]
    except KeyError:
        raise UsageError(
            f"a finding names the rule {finding.rule}, which the signatures do not hold; "
            "program and signatures do not belong together: reinstall weighbridge"
        ) from None


def _objection(entry: Suppression, finding: Finding, sha256_of: Sha256Of, day: date) -> str | None:
    """Say why a suppression that covers a finding does not count, or None when it does."""
    what = f"the suppression of {entry.rule} for {entry.artifact}"
    if day > entry.expires:
        return f"{what} expired on {entry.expires.isoformat()} and no longer counts"
    if entry.sha256 is None:
        return None
    actual = sha256_of(finding.path[0])
    if actual is None:
        return f"{what} names a sha256, and that of the file is not known, so it does not count"
    if actual != entry.sha256:
        return f"{what} does not count: the file's sha256 is another one, {actual[:12]}…"
    return None
