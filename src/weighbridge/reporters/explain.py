"""The texts of `weighbridge explain` and `weighbridge rules`: what an id means and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from weighbridge.atlas import LinkedMitigation, MitigationSource, TechniqueInContext, explain_rule
from weighbridge.core.finding import Relation, Rule
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import (
    AtlasRelease,
    Mitigation,
    Technique,
    mitigation_url,
    technique_url,
)
from weighbridge.reporters.page import BOLD, COLUMN, Page, severity_style

_LABEL = 14
_NEAREST = 5


def explain(
    wanted: str, *, rules: Mapping[str, Rule], release: AtlasRelease, width: int, colour: bool
) -> str:
    """Return the text for the id of a rule, an ATLAS technique or an ATLAS mitigation.

    Case does not matter. A retired technique is explained by its successor.

    Raises:
        UsageError: no such id; the message names the nearest ones.
    """
    page = Page(width=width, colour=colour)
    key = wanted.strip().upper()
    technique = release.technique(key)
    if key in rules:
        _write_rule(page, rules[key], release)
    elif technique is not None:
        _write_technique(page, technique, key, rules=rules, release=release)
    elif key in release.mitigations:
        _write_mitigation(page, release.mitigations[key], rules=rules, release=release)
    else:
        raise UsageError(_unknown(wanted, (*rules, *release.techniques, *release.mitigations)))
    return page.render()


def render_rules(rules: Mapping[str, Rule], *, width: int, colour: bool) -> str:
    """Return the list of all rules, a line or two for each."""
    page = Page(width=width, colour=colour)
    for rule in rules.values():
        label = (f"{rule.id:{COLUMN}}", ""), (f"{rule.severity.word:10}", severity_style(rule.severity))
        page.columns(*label, (f"{rule.relation.value:11}", ""), body=rule.title)
    page.blank()
    page.prose(f"{len(rules)} rules. What one means: weighbridge explain {next(iter(rules), 'ID')}")
    return page.render()


def _unknown(wanted: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(wanted.strip().upper(), list(known), n=_NEAREST, cutoff=0.5)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
    return (
        f"there is no rule, ATLAS technique or mitigation {wanted[:60]!r}{hint}; see: weighbridge rules"
    )


def _write_rule(page: Page, rule: Rule, release: AtlasRelease) -> None:
    meaning = explain_rule(rule, release)
    page.heading(rule.severity, rule.title, rule.id)
    page.blank()
    page.prose(rule.why)
    if rule.example:
        page.blank()
        for line in rule.example.splitlines():
            page.prose(line, indent=4)
    page.blank()
    page.hanging("What to do", rule.remediation, hang=_LABEL)
    page.hanging("Confidence", rule.confidence.word, hang=_LABEL)
    page.hanging("Phase", rule.phase, hang=_LABEL)
    page.flow("CWE", rule.cwe, hang=_LABEL)
    _write_relation(page, rule.relation, meaning.techniques)
    _write_relation(page, Relation.EXPOSES, meaning.exposes)
    _write_links(page, meaning.mitigations)
    if rule.references:
        page.blank()
        page.prose("References", style=BOLD)
        for reference in rule.references:
            page.prose(reference, indent=2)
    _write_attribution(page, release)


def _write_relation(page: Page, relation: Relation, techniques: tuple[TechniqueInContext, ...]) -> None:
    if not techniques:
        return
    page.blank()
    match relation:
        case Relation.EVIDENCES:
            page.prose("Evidences (the bytes show it)", style=BOLD)
        case Relation.EXPOSES:
            page.prose("Exposes (whoever loads the file is open to it)", style=BOLD)
    for technique in techniques:
        tactics = ", ".join(technique.tactics)
        page.flow(f"  {technique.id}", filter(None, (technique.full_name, tactics)), hang=_LABEL + 3)


def _write_links(page: Page, mitigations: tuple[LinkedMitigation, ...]) -> None:
    if not mitigations:
        return
    page.blank()
    page.prose("Mitigations", style=BOLD)
    for row in mitigations:
        curated = " (curated: our choice, ATLAS has no link)"
        mark = curated if row.source is MitigationSource.CURATED else ""
        page.hanging(f"  {row.id}", f"{row.name}{mark}", hang=_LABEL)
        if row.sentence:
            page.prose(row.sentence, indent=_LABEL)


def _write_technique(
    page: Page, technique: Technique, wanted: str, *, rules: Mapping[str, Rule], release: AtlasRelease
) -> None:
    page.spans((f"{technique.id}  {release.full_name(technique)}", BOLD))
    if wanted != technique.id:
        page.prose(f"{wanted} is retired; this is its successor.")
    tactics = release.tactic_names(technique)
    page.flow("Tactics", tactics or ("not known to this release",), hang=_LABEL)
    page.blank()
    page.prose(technique.summary or _no_text(technique.source))
    evidencing = [rule for rule in rules.values() if _evidences(rule, technique, release)]
    exposing = [rule for rule in rules.values() if _exposes(rule, technique, release)]
    _write_rules(page, "Rules whose findings evidence it", evidencing)
    _write_rules(page, "Rules whose findings show exposure to it", exposing)
    edges = {edge.mitigation: edge for edge in reversed(release.edges_to(technique))}
    if edges:
        page.blank()
        page.prose("Mitigations", style=BOLD)
    for key, edge in sorted(edges.items()):
        page.hanging(f"  {key}", release.mitigations[key].name, hang=_LABEL)
        if edge.sentence:
            page.prose(edge.sentence, indent=_LABEL)
    page.blank()
    page.prose(technique_url(technique.id))
    _write_attribution(page, release)


def _write_mitigation(
    page: Page, mitigation: Mitigation, *, rules: Mapping[str, Rule], release: AtlasRelease
) -> None:
    page.spans((f"{mitigation.id}  {mitigation.name}", BOLD))
    page.flow("Category", mitigation.categories, hang=_LABEL)
    page.flow("Phases", mitigation.phases, hang=_LABEL)
    page.blank()
    page.prose(mitigation.summary or _no_text(mitigation.source))
    edges = {edge.technique: edge for edge in release.edges if edge.mitigation == mitigation.id}
    if edges:
        page.blank()
        page.prose("Helps against", style=BOLD)
    for key, edge in sorted(edges.items()):
        page.hanging(f"  {key}", release.full_name(release.techniques[key]), hang=_LABEL + 3)
        if edge.sentence:
            page.prose(edge.sentence, indent=_LABEL + 3)
    curated = [rule for rule in rules.values() if mitigation.id in rule.mitigations]
    _write_rules(page, "Rules that recommend it", curated)
    page.blank()
    page.prose(mitigation_url(mitigation.id))
    _write_attribution(page, release)


def _evidences(rule: Rule, technique: Technique, release: AtlasRelease) -> bool:
    return rule.relation is Relation.EVIDENCES and _names(rule.techniques, technique, release)


def _exposes(rule: Rule, technique: Technique, release: AtlasRelease) -> bool:
    exposed = rule.techniques if rule.relation is Relation.EXPOSES else ()
    return _names((*exposed, *rule.exposes), technique, release)


def _names(ids: Iterable[str], technique: Technique, release: AtlasRelease) -> bool:
    return any(release.technique(key) == technique for key in ids)


def _write_rules(page: Page, title: str, rules: list[Rule]) -> None:
    if not rules:
        return
    page.blank()
    page.prose(title, style=BOLD)
    for rule in rules:
        page.columns(
            (f"  {rule.id:8}", ""),
            (f"{rule.severity.word:10}", severity_style(rule.severity)),
            body=rule.title,
        )


def _no_text(source: str) -> str:
    return f"The text is not part of what we hold ({source}); ATLAS has it at the address below."


def _write_attribution(page: Page, release: AtlasRelease) -> None:
    page.blank()
    page.prose(f"{release.label}. MITRE ATLAS is © MITRE, Apache-2.0.")
