"""One paragraph for each rule that fired: what, where, why it matters, ATLAS, what to do.

Findings of one rule stand together: what the rule means is said once, then each subject with its
evidence and the first places where it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from weighbridge.atlas import (
    ExplainedFinding,
    ExplainedRule,
    LinkedMitigation,
    MitigationSource,
    TechniqueInContext,
)
from weighbridge.core.finding import Finding, Relation, Severity
from weighbridge.reporters.page import COLUMN, Page
from weighbridge.reporters.words import count, first_sentence, printable, shortened

_SUBJECTS = 5
_PLACES = 3
_EVIDENCE_LINES = 6
_EVIDENCE_ROWS = 3
"""A line of evidence is cut to what fits in this many rows."""
_PATH_CHARACTERS = 160
_MITIGATIONS = 3
_RELATION_WIDTH = 11
_ID_WIDTH = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All findings of one rule in one target; never empty."""

    severity: Severity
    meaning: ExplainedRule
    findings: tuple[Finding, ...]


def grouped(findings: Iterable[ExplainedFinding]) -> tuple[Group, ...]:
    """Group by rule, in the order in which the rules are first met."""
    groups: dict[str, list[ExplainedFinding]] = {}
    for explained in findings:
        groups.setdefault(explained.rule.id, []).append(explained)
    return tuple(
        Group(
            severity=members[0].severity,
            meaning=members[0].meaning,
            findings=tuple(member.finding for member in members),
        )
        for members in groups.values()
    )


def write_group(page: Page, group: Group, *, advice: str, verbose: bool) -> None:
    """Write the paragraph.

    Args:
        page: where to.
        group: what.
        advice: a sentence after the rule's own remediation, or "" for none.
        verbose: every subject and place, and every mitigation.
    """
    rule = group.meaning.rule
    page.heading(group.severity, rule.title, rule.id)
    _write_subjects(page, group.findings, verbose=verbose)
    _write_column(page, rule.why if verbose else first_sentence(rule.why))
    _write_techniques(page, group.meaning)
    page.hanging("  Do", f"{rule.remediation} {advice}".strip(), hang=COLUMN)
    page.flow("", _mitigations(group.meaning.mitigations, verbose=verbose))
    page.flow("  Phase", (rule.phase, *rule.cwe))


def _write_subjects(page: Page, findings: Sequence[Finding], *, verbose: bool) -> None:
    by_subject: dict[str, list[Finding]] = {}
    for finding in findings:
        by_subject.setdefault(finding.subject, []).append(finding)
    subjects = list(by_subject.values())
    shown = len(subjects) if verbose or len(subjects) == _SUBJECTS + 1 else _SUBJECTS
    for place, run in groupby(subjects[:shown], key=_shared_place):
        members = list(run)
        if place is not None and len(members) > 1:
            _write_shared_place(page, [only for (only,) in members])
        else:
            for places in members:
                _write_places(page, places, verbose=verbose)
    if rest := sum(map(len, subjects[shown:])):
        _write_column(page, f"and {count(rest, 'more finding')} of this rule (--verbose)")


def _shared_place(members: Sequence[Finding]) -> tuple[str, ...] | None:
    """The path of a subject that was seen once and takes one line; None for any other."""
    first = members[0]
    is_short = len(members) == 1 and not first.related and "\n" not in first.evidence
    return first.path if is_short and first.offset is not None else None


def _write_shared_place(page: Page, findings: Sequence[Finding]) -> None:
    """Write a path once, and below it a line for each finding: its byte and its evidence."""
    _write_column(page, _artifact(findings[0]))
    labels = [f"at byte {finding.offset:,}" for finding in findings]
    hang = COLUMN + 4 + max(map(len, labels)) + 2
    for label, finding in zip(labels, findings, strict=True):
        text = printable(shortened(finding.evidence, (page.width - hang) * _EVIDENCE_ROWS))
        page.hanging(" " * (COLUMN + 4) + label, text, hang=hang)


def _write_places(page: Page, members: Sequence[Finding], *, verbose: bool) -> None:
    shown = len(members) if verbose or len(members) == _PLACES + 1 else _PLACES
    for finding in members[:shown]:
        _write_column(page, _place(finding))
    if len(members) > shown:
        _write_column(page, f"and in {count(len(members) - shown, 'more place')} (--verbose)")
    _write_evidence(page, members[0], verbose=verbose)
    if members[0].related:
        _write_column(page, f"with {printable(shortened(', '.join(members[0].related), 200))}")


def _place(finding: Finding) -> str:
    details = []
    if finding.offset is not None:
        details.append(f"at byte {finding.offset:,}")
    if finding.route:
        details.append(printable(shortened(finding.route, 80)))
    return f"{_artifact(finding)} {', '.join(details)}".rstrip()


def _artifact(finding: Finding) -> str:
    return printable(shortened(finding.artifact, _PATH_CHARACTERS)) or "the target itself"


def _write_evidence(page: Page, finding: Finding, *, verbose: bool) -> None:
    lines = finding.evidence.splitlines()
    shown = len(lines) if verbose else _EVIDENCE_LINES
    widest = (page.width - COLUMN - 4) * (_EVIDENCE_ROWS if not verbose else 40)
    for line in lines[:shown]:
        page.prose(printable(shortened(line, widest)), indent=COLUMN + 4)
    if len(lines) > shown:
        page.prose(f"… {count(len(lines) - shown, 'more line')}", indent=COLUMN + 4)


def _write_techniques(page: Page, meaning: ExplainedRule) -> None:
    relations: Mapping[str, tuple[TechniqueInContext, ...]] = {
        str(meaning.rule.relation): meaning.techniques,
        str(Relation.EXPOSES): (
            *(meaning.techniques if meaning.rule.relation is Relation.EXPOSES else ()),
            *meaning.exposes,
        ),
    }
    label = "  ATLAS"
    for relation, techniques in relations.items():
        for number, technique in enumerate(techniques):
            verb = relation if number == 0 else ""
            page.flow(
                f"{label:{COLUMN}}{verb:{_RELATION_WIDTH}}{technique.id}",
                filter(None, (technique.full_name, ", ".join(technique.tactics))),
                hang=COLUMN + _RELATION_WIDTH + _ID_WIDTH,
            )
            label = ""


def _mitigations(mitigations: Sequence[LinkedMitigation], *, verbose: bool) -> Iterable[str]:
    shown = len(mitigations) if verbose or len(mitigations) == _MITIGATIONS + 1 else _MITIGATIONS
    for mitigation in mitigations[:shown]:
        curated = " (curated)" if mitigation.source is MitigationSource.CURATED else ""
        yield f"{mitigation.id} {mitigation.name}{curated}"
    if len(mitigations) > shown:
        yield f"{len(mitigations) - shown} more"


def _write_column(page: Page, text: str) -> None:
    page.prose(text, indent=COLUMN)
