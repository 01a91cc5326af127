"""Lay the findings of a scan beside the steps of an ATLAS case study.

A step is seen when a finding's rule names the step's technique. That says that the artifact could
serve such a case, never that the case has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from weighbridge.core.finding import Finding, Relation, Rule, Severity
from weighbridge.knowledge.atlas_cases import CaseStep, CaseStudy
from weighbridge.knowledge.atlas_release import AtlasRelease, Technique


class Sight(Enum):
    """What an artifact shows of a step."""

    EVIDENCED = "evidenced"
    """A finding evidences the technique: the bytes show what an adversary did."""
    EXPOSED = "exposed"
    """A finding exposes its user to the technique."""
    NOT_SEEN = "not seen here"
    """Some rule could show it, and none of this target's findings does."""
    NOT_VISIBLE = "not visible in an artifact"
    """No rule names the technique: it happens elsewhere."""

    @property
    def is_seen(self) -> bool:
        return self in (Sight.EVIDENCED, Sight.EXPOSED)


@dataclass(frozen=True, slots=True)
class SeenStep:
    """One step, and the findings that show it, the worst first."""

    step: CaseStep
    technique: Technique | None
    sight: Sight
    findings: tuple[Finding, ...] = ()


def chain(
    case: CaseStudy, findings: Sequence[Finding], rules: Mapping[str, Rule], release: AtlasRelease
) -> tuple[SeenStep, ...]:
    """Return the steps of a case in its order, each with what shows it."""
    return tuple(_seen(step, findings, rules, release) for step in case.steps)


def visible(case: CaseStudy, rules: Mapping[str, Rule], release: AtlasRelease) -> int:
    """Count the steps that some rule could show."""
    return sum(one.sight is not Sight.NOT_VISIBLE for one in chain(case, (), rules, release))


def _seen(
    step: CaseStep, findings: Sequence[Finding], rules: Mapping[str, Rule], release: AtlasRelease
) -> SeenStep:
    technique = release.technique(step.technique)
    if technique is None:
        return SeenStep(step, None, Sight.NOT_VISIBLE)
    wanted = {technique.id, *((technique.parent,) if technique.parent else ())}
    children = {one.id for one in release.techniques.values() if one.parent == technique.id}
    evidencing, exposing = {technique.id, *children}, wanted | children
    known = [(one, rules[one.rule]) for one in findings if one.rule in rules]
    for sight, shown in (
        (Sight.EVIDENCED, [one for one, rule in known if evidencing & _evidenced(rule, release)]),
        (Sight.EXPOSED, [one for one, rule in known if exposing & _named(rule, release)]),
    ):
        if shown:
            return SeenStep(step, technique, sight, _worst_first(shown, rules))
    could = any(exposing & _named(rule, release) for rule in rules.values())
    return SeenStep(step, technique, Sight.NOT_SEEN if could else Sight.NOT_VISIBLE)


def _evidenced(rule: Rule, release: AtlasRelease) -> frozenset[str]:
    if rule.relation is not Relation.EVIDENCES or rule.severity <= Severity.LOW:
        return frozenset()
    return _current(rule.techniques, release)


def _named(rule: Rule, release: AtlasRelease) -> frozenset[str]:
    """Info findings describe a file: they are no step of anything."""
    if rule.severity is Severity.INFO:
        return frozenset()
    return _current((*rule.techniques, *rule.exposes), release)


def _current(ids: Iterable[str], release: AtlasRelease) -> frozenset[str]:
    return frozenset(release.retired.get(one, one) for one in ids)


def _worst_first(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> tuple[Finding, ...]:
    """Of several findings of a rule in one place the first stands for all."""
    once = {(one.rule, one.path): one for one in reversed(findings)}
    return tuple(sorted(once.values(), key=lambda one: (-rules[one.rule].severity, one.path, one.rule)))
