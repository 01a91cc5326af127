"""Decide: what the user's policy makes of a report. The only place with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from weighbridge.core.finding import Finding, Rule, Severity
from weighbridge.core.report import Coverage, Outcome, Report, Verdict
from weighbridge.core.repository import WHOLE
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.errors import UsageError
from weighbridge.policy.baseline import Baseline
from weighbridge.policy.source_rule import (
    AGE,
    POLICY_RULES,
    SOURCE,
    SourceRule,
    allows,
    breaches,
    expected_origin,
)
from weighbridge.policy.suppression import Suppression

_SOON_DAYS = 14

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
    """The user's own configuration.

    Attributes:
        notes: sentences about the configuration itself.
        sources: what is asked of targets by where they come from; every one that fits counts.
        allowed_sources: where targets may come from at all (see `source_rule.fits`); None: anywhere.
        baseline: findings that are known.
        longest_waiver_days: a suppression that lasts longer than this from today does not count.
        signatures_age_days: how old the scanner's own signatures may be.
        signatures_released: the day on which they came out; None when it is not known.
    """

    fail_on: Severity = Severity.HIGH
    allow_incomplete: bool = False
    allow_opaque: bool = True
    suppressions: tuple[Suppression, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[SourceRule, ...] = ()
    allowed_sources: tuple[str, ...] | None = None
    baseline: Baseline | None = None
    longest_waiver_days: int | None = None
    signatures_age_days: int | None = None
    signatures_released: date | None = None

    def needs_sha256(self, path: tuple[str, ...], rule: str) -> bool:
        """True when a suppression could apply if the digest of the file `path[0]` were known."""
        return any(entry.sha256 and entry.covers(path, rule) for entry in self.suppressions)

    def severity_of(self, rule: Rule) -> Severity:
        return self.severities.get(rule.id, rule.severity)

    def trust_for(self, target: str) -> Trust:
        """Return whom the policy trusts to sign this target; `NOBODY` when it asks for no signature.

        Raises:
            UsageError: two of its source rules ask for different signers of one target.
        """
        origin = expected_origin(target)
        asked = {rule.signature for rule in self.sources if rule.applies_to(target, origin)} - {NOBODY}
        if len(asked) > 1:
            raise UsageError(f"the policy asks for signatures of {target[:200]!r} in more than one way")
        return next(iter(asked), NOBODY)

    def decide(
        self,
        report: Report,
        rules: Mapping[str, Rule],
        *,
        sha256_of: Sha256Of = _no_digest,
        today: date | None = None,
    ) -> Decision:
        """Judge a report.

        FAIL when an active finding is at or above `fail_on`, or is what the policy itself forbids;
        otherwise INCOMPLETE when something could not be looked at and the user has not allowed
        that; otherwise PASS.

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
        for finding in (*self._own_findings(report, day), *report.findings):
            severity = self.severity_of(_rule_of(finding, rules))
            entry, objections = self._acceptance(finding, report, sha256_of, day=day)
            if entry is not None:
                suppressed.append(
                    SuppressedFinding(finding=finding, severity=severity, suppression=entry)
                )
            else:
                active.append(JudgedFinding(finding=finding, severity=severity))
                notes.update(dict.fromkeys(objections))
        notes.update(dict.fromkeys(_ending(suppressed, day)))
        gaps = tuple(row for row in report.coverage if self._leaves_open(row))
        fail_on = self._line(report)
        return Decision(
            verdict=self._verdict(active, gaps, fail_on),
            active=tuple(active),
            suppressed=tuple(suppressed),
            gaps=gaps,
            notes=tuple(notes),
            fail_on=fail_on,
        )

    def _own_findings(self, report: Report, day: date) -> Iterator[Finding]:
        """What the policy forbids, whatever the files hold."""
        for rule in self.sources:
            if rule.applies_to(report.target, report.origin):
                yield from breaches(rule, report)
        if self.allowed_sources is not None and not allows(
            self.allowed_sources, report.target, report.origin
        ):
            evidence = f"{report.origin.location}; allowed: {', '.join(self.allowed_sources)}"
            yield Finding(rule=SOURCE, path=(WHOLE,), subject="source", evidence=evidence)
        if self.signatures_age_days is not None:
            yield from _age(self.signatures_age_days, self.signatures_released, day)

    def _acceptance(
        self, finding: Finding, report: Report, sha256_of: Sha256Of, *, day: date
    ) -> tuple[Suppression | None, list[str]]:
        """Return the entry that accepts a finding, or why those that cover it do not count."""
        objections: list[str] = []
        for entry in self.suppressions:
            if entry.covers(finding.path, finding.rule):
                objection = _objection(entry, finding, sha256_of, day) or self._too_long(entry, day)
                if objection is None:
                    return entry, []
                objections.append(objection)
        if self.baseline is not None and self.baseline.covers(finding, report):
            return self.baseline.acceptance(finding), []
        return None, objections

    def _too_long(self, entry: Suppression, day: date) -> str | None:
        longest = self.longest_waiver_days
        if longest is None or (entry.expires - day).days <= longest:
            return None
        return (
            f"the suppression of {entry.rule} for {entry.artifact} lasts until "
            f"{entry.expires.isoformat()}, the policy allows {longest} days, so it does not count"
        )

    def _line(self, report: Report) -> Severity:
        """The severity that fails for this target: the lowest that anything asks for."""
        asked = (
            rule.fail_on
            for rule in self.sources
            if rule.fail_on is not None and rule.applies_to(report.target, report.origin)
        )
        return min((self.fail_on, *asked))

    def _verdict(
        self, active: Iterable[JudgedFinding], gaps: Collection[Coverage], fail_on: Severity
    ) -> Verdict:
        if any(judged.severity >= fail_on or self._forbids(judged) for judged in active):
            return Verdict.FAIL
        return Verdict.INCOMPLETE if gaps and not self.allow_incomplete else Verdict.PASS

    def _forbids(self, judged: JudgedFinding) -> bool:
        """True for what the policy itself forbids, unless it gives that another severity."""
        rule = judged.finding.rule
        return rule in POLICY_RULES and rule not in self.severities

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


def _age(longest_days: int, released: date | None, day: date) -> Iterator[Finding]:
    if released is not None and (day - released).days <= longest_days:
        return
    said = (
        f"they came out on {released.isoformat()}" if released is not None else "their day is not known"
    )
    evidence = f"{said}, the policy allows {longest_days} days"
    yield Finding(rule=AGE, path=(WHOLE,), subject="signatures", evidence=evidence)


def _ending(accepted: Iterable[SuppressedFinding], day: date) -> Iterator[str]:
    """Say which of the entries in use will soon count no longer."""
    for one in accepted:
        entry = one.suppression
        left = (entry.expires - day).days
        if left <= _SOON_DAYS:
            when = (
                "today"
                if left == 0
                else f"on {entry.expires.isoformat()}, in {left} day{'s' if left > 1 else ''}"
            )
            owner = f" ({entry.owner})" if entry.owner else ""
            yield f"the suppression of {entry.rule} for {entry.artifact}{owner} ends {when}"


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
