"""What was found in one target: one article for each rule, most severe first, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from weighbridge.atlas import ExplainedRule, MitigationSource, TechniqueInContext
from weighbridge.core.finding import Finding, Relation, Severity
from weighbridge.core.repository import WHOLE
from weighbridge.reporters.html.markup import (
    Markup,
    atlas_link,
    element,
    fragment,
    lines,
    name,
    section,
    severity_label,
    table,
)
from weighbridge.reporters.html.selection import ShownGroup, head
from weighbridge.reporters.words import count, printable, shortened

_INDEXED = 8
"""Rules above which a table of them comes first."""
_PLACES = 20
_EVIDENCE_LINES = 30
_LINE_CHARACTERS = 600
_RELATED = 12
_MITIGATIONS = 6


def findings_section(
    groups: Sequence[ShownGroup], *, level: int, anchor: str, filter_form: Markup | None
) -> Markup:
    """All rules that fired, under a form to filter them by; or a sentence that none did."""
    total = sum(len(shown.group.findings) for shown in groups)
    told = [shown for shown in groups if shown.shown]
    untold = sum(shown.cut for shown in groups if not shown.shown)
    body = (
        [_article(shown, level=level + 1, anchor=anchor) for shown in told]
        if groups
        else [element("p", "No rule fired.", class_="quiet")]
    )
    if len(told) > _INDEXED:
        body.insert(0, _index(told, anchor))
    if untold:
        more = (
            f"{count(untold, 'more finding')} of lower severity, of {len(groups) - len(told):,} rules,"
        )
        body.append(_cut(f"{more} would make this page too long: --format json has all of them."))
    note = f"{total:,} by {count(len(groups), 'rule')}" if total else None
    return section("Findings", filter_form, *body, level=level, anchor=anchor, note=note)


def _index(told: Sequence[ShownGroup], anchor: str) -> Markup:
    """One line for each rule, to go on from: a page of hundreds is not read from its top."""
    body = [
        element(
            "tr",
            element("th", severity_label(shown.group.severity.word), scope="row"),
            element("td", element("a", shown.group.meaning.rule.title, href=f"#{_id(shown, anchor)}")),
            element("td", shown.group.meaning.rule.id, class_="id"),
            element("td", f"{len(shown.group.findings):,}", class_="number"),
            data_rule=_id(shown, anchor),
        )
        for shown in told
    ]
    return table(
        *("Severity", "What", "Rule", "Findings"),
        body=[element("tbody", *body)],
        caption="Rules that fired",
        class_="index",
        box="scroll tall",
    )


def _id(shown: ShownGroup, anchor: str) -> str:
    return f"{anchor}-{shown.group.meaning.rule.id}"


def _cut(sentence: str) -> Markup:
    return element("p", sentence, class_="cut")


def _article(shown: ShownGroup, *, level: int, anchor: str) -> Markup:
    rule, severity = shown.group.meaning.rule, shown.group.severity
    heading = element(
        "header",
        severity_label(severity.word),
        element(f"h{level}", rule.title),
        element("span", rule.id, class_="id rule-id"),
    )
    cut = (
        _cut(f"And {count(shown.cut, 'more finding')} of this rule: --format json has all of them.")
        if shown.cut
        else None
    )
    return element(
        "article",
        heading,
        element("p", " ".join(rule.why.split()), class_="why"),
        element("ul", *_subjects(shown.shown), class_="seen-in"),
        cut,
        element("dl", *_meaning(shown.group.meaning), class_="facts"),
        id=_id(shown, anchor),
        class_=f"rule {severity.word}",
        data_severity=severity.word,
    )


def _subjects(findings: Sequence[Finding]) -> Iterator[Markup]:
    """Findings with the same subject and evidence share one item: their places, then the evidence."""
    by_subject: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_subject.setdefault((finding.subject, finding.evidence), []).append(finding)
    for members in by_subject.values():
        yield _subject(members)


def _subject(members: Sequence[Finding]) -> Markup:
    shown, cut = head(members, _PLACES)
    places = [element("p", *_place(finding), class_="place") for finding in shown]
    if cut:
        places.append(_cut(f"and in {count(cut, 'more place')}"))
    return element(
        "li", *places, _evidence(members[0].evidence), _related(members[0].related), class_="seen"
    )


def _place(finding: Finding) -> Iterator[Markup | str]:
    if finding.path in ((), (WHOLE,)):
        yield "the target as a whole"
    for depth, part in enumerate(finding.path if finding.path != (WHOLE,) else ()):
        if depth:
            yield element("span", " › ", class_="into")
        yield name(part)
    details = [f"byte {finding.offset:,}"] if finding.offset is not None else []
    if finding.route:
        details.append(printable(shortened(finding.route, 120)))
    if details:
        yield element("span", " ", element("bdi", " · ".join(details)), class_="at")


def _evidence(evidence: str) -> Markup | None:
    rows = evidence.splitlines()
    if not rows:
        return None
    shown, cut = head(rows, _EVIDENCE_LINES)
    text = [printable(shortened(line, _LINE_CHARACTERS)) for line in shown]
    more = [f"… {count(cut, 'more line')}"] if cut else []
    return element("pre", element("code", lines([*text, *more])))


def _related(related: Sequence[str]) -> Markup | None:
    if not related:
        return None
    shown, cut = head(related, _RELATED)
    words = [fragment(", " if number else "", name(one, most=120)) for number, one in enumerate(shown)]
    return element("p", "with ", *words, f" and {cut:,} more" if cut else None, class_="related")


def _meaning(meaning: ExplainedRule) -> Iterator[Markup]:
    rule = meaning.rule
    yield _fact("Do", element("p", " ".join(rule.remediation.split())))
    for relation, techniques in _by_relation(meaning):
        if techniques:
            yield _fact(relation.capitalize(), element("ul", *map(_technique, techniques)))
    if meaning.mitigations:
        yield _fact("Helps", element("p", *_mitigations(meaning)))
    yield _fact("Phase", element("p", " · ".join((rule.phase, *rule.cwe))))
    if rule.references:
        links = (element("li", _reference(address)) for address in rule.references)
        yield _fact("Sources", element("ul", *links, class_="sources"))


def _fact(label: str, body: Markup) -> Markup:
    return fragment(element("dt", label), element("dd", body))


def _by_relation(meaning: ExplainedRule) -> Iterable[tuple[str, tuple[TechniqueInContext, ...]]]:
    if meaning.rule.relation is Relation.EXPOSES:
        return ((Relation.EXPOSES.value, (*meaning.techniques, *meaning.exposes)),)
    return (
        (Relation.EVIDENCES.value, meaning.techniques),
        (Relation.EXPOSES.value, meaning.exposes),
    )


def _technique(technique: TechniqueInContext) -> Markup:
    tactics = element("span", f" {', '.join(technique.tactics)}", class_="quiet")
    return element("li", atlas_link(technique.id), f" {technique.full_name}", tactics)


def _mitigations(meaning: ExplainedRule) -> Iterator[Markup | str]:
    shown, cut = head(meaning.mitigations, _MITIGATIONS)
    for number, mitigation in enumerate(shown):
        curated = " (ours)" if mitigation.source is MitigationSource.CURATED else ""
        yield fragment(
            " · " if number else "", atlas_link(mitigation.id), f" {mitigation.name}{curated}"
        )
    if cut:
        yield f" · {cut} more"


def _reference(address: str) -> Markup | str:
    if not address.startswith("https://"):
        return address
    return element("a", address.removeprefix("https://"), href=address, rel="noreferrer")


def severities_shown(groups: Iterable[ShownGroup]) -> list[Severity]:
    """The severities that a filter can choose from, most severe first."""
    return sorted({shown.group.severity for shown in groups if shown.shown}, reverse=True)
