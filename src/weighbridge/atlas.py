"""Join findings to MITRE ATLAS: which techniques, with which tactics, and what helps against them.

A mitigation is `atlas` when the release links it to one of the rule's techniques (or to that
technique's parent: ATLAS does not inherit its links), and `curated` when only our rule names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.finding import Finding, Relation, Rule, Severity
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import AtlasRelease, Edge, Mitigation, Technique


class MitigationSource(StrEnum):
    """Who says that a mitigation helps."""

    ATLAS = "atlas"
    CURATED = "curated"


@dataclass(frozen=True, slots=True, kw_only=True)
class TechniqueInContext:
    """A technique with the names that a reader needs beside its id.

    `name` is ATLAS's own short one (`Embed Malware`), `full_name` has the parent's in front.
    """

    id: str
    name: str
    full_name: str
    tactics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedMitigation:
    """A mitigation and why it is named here.

    Attributes:
        techniques: those of the rule's techniques that ATLAS links to it; empty when curated.
        sentence: how it helps, in ATLAS's words; empty when ATLAS gives none.
    """

    id: str
    name: str
    source: MitigationSource
    techniques: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRule:
    """A rule in ATLAS's terms. The same for each of its findings.

    `mitigations` answer `techniques`. First come those that ATLAS links to the most of them by
    links of their own, then those that our rule names too, then those linked through parents.
    """

    rule: Rule
    techniques: tuple[TechniqueInContext, ...]
    exposes: tuple[TechniqueInContext, ...]
    mitigations: tuple[LinkedMitigation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFinding:
    """A finding with all that a reader needs to act on it.

    `severity` is the one that counts: the rule's, or what the user's policy makes of it.
    """

    finding: Finding
    severity: Severity
    meaning: ExplainedRule

    @property
    def rule(self) -> Rule:
        return self.meaning.rule

    @property
    def relation(self) -> Relation:
        return self.meaning.rule.relation


def explain_findings(
    judged: Iterable[tuple[Finding, Severity]], rules: Mapping[str, Rule], release: AtlasRelease
) -> Iterator[ExplainedFinding]:
    """Explain findings in their order, looking each rule up once.

    Raises:
        UsageError: a finding names a rule that `rules` does not hold.
    """
    meanings: dict[str, ExplainedRule] = {}
    for finding, severity in judged:
        if finding.rule not in meanings:
            meanings[finding.rule] = explain_rule(rule_of(finding, rules), release)
        yield ExplainedFinding(finding=finding, severity=severity, meaning=meanings[finding.rule])


def explain_finding(
    finding: Finding, rule: Rule, release: AtlasRelease, *, severity: Severity | None = None
) -> ExplainedFinding:
    """Explain one finding; without a severity of the policy's, the rule's own holds."""
    return ExplainedFinding(
        finding=finding,
        severity=rule.severity if severity is None else severity,
        meaning=explain_rule(rule, release),
    )


def rule_of(finding: Finding, rules: Mapping[str, Rule]) -> Rule:
    """Return the rule of a finding.

    Raises:
        UsageError: there is none: program and signatures do not belong together.
    """
    try:
        return rules[finding.rule]
    except KeyError:
        raise UsageError(
            f"the signatures hold no rule {finding.rule}, which a finding names; "
            "program and signatures do not belong together: reinstall weighbridge"
        ) from None


def explain_rule(rule: Rule, release: AtlasRelease) -> ExplainedRule:
    """Join a rule to the release. Ids that the release does not know are shown as they are."""
    return ExplainedRule(
        rule=rule,
        techniques=tuple(_in_context(technique_id, release) for technique_id in rule.techniques),
        exposes=tuple(_in_context(technique_id, release) for technique_id in rule.exposes),
        mitigations=_mitigations(rule, release),
    )


def _in_context(technique_id: str, release: AtlasRelease) -> TechniqueInContext:
    technique = release.technique(technique_id)
    if technique is None:
        return TechniqueInContext(id=technique_id, name=technique_id, full_name=technique_id, tactics=())
    return TechniqueInContext(
        id=technique.id,
        name=technique.name,
        full_name=release.full_name(technique),
        tactics=release.tactic_names(technique),
    )


def _mitigations(rule: Rule, release: AtlasRelease) -> tuple[LinkedMitigation, ...]:
    techniques = [release.technique(technique_id) for technique_id in rule.techniques]
    edges: dict[str, list[tuple[Technique, Edge]]] = {}
    for technique in filter(None, techniques):
        for edge in release.edges_to(technique):
            edges.setdefault(edge.mitigation, []).append((technique, edge))
    linked = [_linked(release.mitigations[key], pairs) for key, pairs in edges.items()]
    own = Counter(
        edge.mitigation for pairs in edges.values() for row, edge in pairs if _is_own(row, edge)
    )
    linked.sort(key=lambda row: (-own[row.id], row.id not in rule.mitigations, -len(row.techniques)))
    curated = (
        _curated(release.mitigations[key])
        for key in dict.fromkeys(rule.mitigations)
        if key not in edges and key in release.mitigations
    )
    return (*linked, *curated)


def _is_own(technique: Technique, edge: Edge) -> bool:
    return edge.technique == technique.id


def _linked(mitigation: Mitigation, pairs: list[tuple[Technique, Edge]]) -> LinkedMitigation:
    return LinkedMitigation(
        id=mitigation.id,
        name=mitigation.name,
        source=MitigationSource.ATLAS,
        techniques=tuple(dict.fromkeys(technique.id for technique, _ in pairs)),
        sentence=next((edge.sentence for _, edge in pairs if edge.sentence), ""),
    )


def _curated(mitigation: Mitigation) -> LinkedMitigation:
    return LinkedMitigation(
        id=mitigation.id,
        name=mitigation.name,
        source=MitigationSource.CURATED,
        techniques=(),
        sentence="",
    )
