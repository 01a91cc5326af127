"""Compare what other engines say with what we found.

Laws: every finding of ours comes out as it went in; an objection that is graver than what we
found on the same artifact becomes a finding; an engine that should have looked and did not leaves
a coverage row that makes the verdict INCOMPLETE; a skip does neither, and is no clean bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from weighbridge.core.finding import Finding, Rule, Severity
from weighbridge.core.report import OPINION, Coverage, Opinion, OpinionState, Outcome
from weighbridge.engine.panel import Weighed
from weighbridge.opinions.interface import EngineName, Examination, Objection, Stance

AGREES_FROM = Severity.MEDIUM
"""Below this a finding of ours is an oddity, and does not count as an objection."""

_Place = tuple[EngineName, str, str, tuple[str, ...]]


def weigh(
    examinations: Sequence[Examination],
    findings: tuple[Finding, ...],
    *,
    rules: Mapping[str, Rule],
    versions: Mapping[EngineName, str | None],
) -> Weighed:
    """Give each examination its state, and add the findings and gaps that come of them.

    Args:
        examinations: in any order.
        findings: ours.
        rules: every rule that a finding or an objection may name; severities are the rules' own,
            not the policy's.
        versions: of the engines that are there.
    """
    ordered = sorted(examinations, key=lambda one: (one.path, list(EngineName).index(one.engine)))
    worst = _worst(findings, rules)
    nearer = _nearer(ordered)
    added = [finding for one in ordered for finding in _added(one, worst.get(one.path), rules, nearer)]
    return Weighed(
        findings=(*findings, *added),
        coverage=tuple(row for one in ordered for row in _gap(one)),
        opinions=tuple(_opinion(one, worst.get(one.path), versions.get(one.engine)) for one in ordered),
    )


def _worst(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> dict[tuple[str, ...], Severity]:
    """The gravest finding on each artifact and all that is nested in it."""
    worst: dict[tuple[str, ...], Severity] = {}
    for finding in findings:
        severity = rules[finding.rule].severity
        for depth in range(1, len(finding.path) + 1):
            path = finding.path[:depth]
            worst[path] = max(severity, worst.get(path, severity))
    return worst


def _nearer(examinations: Iterable[Examination]) -> set[_Place]:
    """Containers of artifacts that have an objection: the same one on a container says nothing new."""
    return {
        (one.engine, objection.rule, objection.subject, one.path[:depth])
        for one in examinations
        for objection in one.result.objections
        for depth in range(1, len(one.path))
    }


def _added(
    one: Examination, ours: Severity | None, rules: Mapping[str, Rule], nearer: set[_Place]
) -> Iterator[Finding]:
    for objection in one.result.objections:
        if (one.engine, objection.rule, objection.subject, one.path) in nearer:
            continue
        if ours is None or ours < AGREES_FROM or rules[objection.rule].severity > ours:
            yield _finding(one, objection)


def _finding(one: Examination, objection: Objection) -> Finding:
    return Finding(
        rule=objection.rule,
        path=one.path,
        subject=objection.subject,
        evidence=objection.evidence,
        offset=objection.offset,
        length=objection.length,
    )


def _gap(one: Examination) -> Iterator[Coverage]:
    outcome = _outcome(one.result.stance)
    if outcome is not None:
        yield Coverage(path=one.path, format=OPINION, outcome=outcome, detail=one.result.reason)


def _outcome(stance: Stance) -> Outcome | None:
    match stance:
        case Stance.OBJECTS | Stance.NO_OBJECTION | Stance.SKIPPED:
            return None
        case Stance.LIMITED:
            return Outcome.LIMITED
        case Stance.FAILED:
            return Outcome.FAILED
        case Stance.UNAVAILABLE:
            return Outcome.UNSUPPORTED
        case _:
            assert_never(stance)


def _opinion(one: Examination, ours: Severity | None, version: str | None) -> Opinion:
    state, reason = _state(one, ours)
    return Opinion(
        engine=one.engine,
        version=version,
        path=one.path,
        state=state,
        reason=reason,
        objections=tuple(objection.subject for objection in one.result.objections),
        evidence=one.result.evidence,
    )


def _state(one: Examination, ours: Severity | None) -> tuple[OpinionState, str]:
    we_object = ours is not None and ours >= AGREES_FROM
    match one.result.stance:
        case Stance.OBJECTS if we_object:
            return OpinionState.AGREED, f"{one.engine} objects too"
        case Stance.OBJECTS:
            return (
                OpinionState.DISAGREED,
                f"{one.engine} objects where we found nothing at medium or above",
            )
        case Stance.NO_OBJECTION if we_object:
            return OpinionState.DISAGREED, f"{one.engine} does not object; what we found stays"
        case Stance.NO_OBJECTION:
            return OpinionState.AGREED, f"{one.engine} does not object either"
        case Stance.SKIPPED:
            return OpinionState.SKIPPED, one.result.reason
        case Stance.LIMITED | Stance.FAILED:
            return OpinionState.FAILED, one.result.reason
        case Stance.UNAVAILABLE:
            return OpinionState.UNAVAILABLE, one.result.reason
