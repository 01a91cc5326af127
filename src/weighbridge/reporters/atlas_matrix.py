"""Count what a run says of MITRE ATLAS: which techniques, how strongly, by which rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.atlas import ExplainedFinding, ExplainedRule, LinkedMitigation, TechniqueInContext
from weighbridge.core.finding import Relation, Severity
from weighbridge.reporters.interface import Run, Scanned


@dataclass(slots=True, kw_only=True)
class LitTechnique:
    """One technique that findings of a run evidence or expose to; accepted findings do not count.

    Attributes:
        evidenced: findings whose bytes show it.
        exposed: findings that show a weakness which it could use.
        worst: of all these findings.
        rules: their ids, in the order in which they were met.
    """

    technique: TechniqueInContext
    evidenced: int = 0
    exposed: int = 0
    worst: Severity = Severity.INFO
    rules: dict[str, None] = field(default_factory=dict)

    @property
    def is_evidenced(self) -> bool:
        return self.evidenced > 0

    @property
    def findings(self) -> int:
        return self.evidenced + self.exposed


@dataclass(slots=True, kw_only=True)
class CalledMitigation:
    """One mitigation that rules of a run call for, and how many findings it answers."""

    mitigation: LinkedMitigation
    findings: int = 0
    techniques: dict[str, None] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)


def active_findings(run: Run) -> Iterator[ExplainedFinding]:
    """Every finding of a run that counts."""
    for result in run.results:
        if isinstance(result, Scanned):
            yield from result.findings


def lit_techniques(run: Run) -> Mapping[str, LitTechnique]:
    """Technique id -> what the run says of it: evidenced ones first, then the most frequent."""
    lit: dict[str, LitTechnique] = {}
    for explained in active_findings(run):
        for technique, relation in _related(explained.meaning):
            entry = lit.setdefault(technique.id, LitTechnique(technique=technique))
            if relation is Relation.EVIDENCES:
                entry.evidenced += 1
            else:
                entry.exposed += 1
            entry.worst = max(entry.worst, explained.severity)
            entry.rules[explained.rule.id] = None
    ordered = sorted(
        lit.items(), key=lambda item: (not item[1].is_evidenced, -item[1].findings, item[0])
    )
    return dict(ordered)


def _related(meaning: ExplainedRule) -> Iterator[tuple[TechniqueInContext, Relation]]:
    """Each technique of a rule once, by its stronger relation."""
    own = {technique.id for technique in meaning.techniques}
    for technique in meaning.techniques:
        yield technique, meaning.rule.relation
    for technique in meaning.exposes:
        if technique.id not in own:
            yield technique, Relation.EXPOSES


def called_mitigations(run: Run) -> Mapping[str, CalledMitigation]:
    """Mitigation id -> what it answers: those that answer the most findings first."""
    called: dict[str, CalledMitigation] = {}
    for explained in active_findings(run):
        for mitigation in explained.meaning.mitigations:
            entry = called.setdefault(mitigation.id, CalledMitigation(mitigation=mitigation))
            if not entry.mitigation.sentence and mitigation.sentence:
                entry.mitigation = mitigation
            entry.findings += 1
            entry.techniques.update(dict.fromkeys(mitigation.techniques))
            entry.rules[explained.rule.id] = None
    return dict(sorted(called.items(), key=lambda item: (-item[1].findings, item[0])))
