"""The ATLAS matrix with the cells that a run lights, and the mitigations by phase of the lifecycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from weighbridge.atlas import MitigationSource
from weighbridge.core.finding import Relation
from weighbridge.knowledge.atlas_release import AtlasRelease, Tactic, Technique
from weighbridge.reporters.atlas_matrix import CalledMitigation, LitTechnique
from weighbridge.reporters.html.markup import (
    Markup,
    atlas_link,
    element,
    section,
    severity_label,
    table,
)
from weighbridge.reporters.html.selection import head
from weighbridge.reporters.words import count

_IDS = 12
_PHASES = {
    "Design/Setup": ("Business and Data Understanding", "Data Preparation"),
    "Model Development and Evaluation": ("AI Model Engineering", "AI Model Evaluation"),
    "Operations": ("Deployment", "Monitoring and Maintenance"),
}
"""MLOps phases, and ATLAS's own phases of the lifecycle that belong to each."""


def matrix_section(lit: Mapping[str, LitTechnique], release: AtlasRelease) -> Markup:
    """All tactics as columns, each technique in its place, lit ones marked, and a table of these."""
    evidenced = sum(entry.is_evidenced for entry in lit.values())
    said = (
        f"{count(evidenced, 'technique')} evidenced: the bytes show what an adversary did. "
        f"{len(lit) - evidenced:,} exposed to: they show a weakness that one could use."
        if lit
        else "No finding of this run evidences a technique or exposes to one."
    )
    columns = [_column(tactic, lit, release) for tactic in release.tactics.values()]
    grid = element("div", *columns, class_="matrix")
    legend = element(
        "p",
        element("span", "evidences", class_="key strong"),
        " ",
        element("span", "exposes", class_="key weak"),
        " in the colour of the worst finding; techniques in grey are not touched.",
        class_="legend",
    )
    narrow = element("p", "On a narrow page only the lit techniques stand here.", class_="narrow-only")
    drawn = _lit_table(lit) if lit else None
    return section(
        "MITRE ATLAS",
        element("p", said),
        legend,
        narrow,
        grid,
        drawn,
        level=2,
        anchor="atlas",
        note=release.label,
    )


def _column(tactic: Tactic, lit: Mapping[str, LitTechnique], release: AtlasRelease) -> Markup:
    own = [one for one in release.techniques.values() if tactic.id in one.tactics]
    parents = [one for one in own if one.parent is None]
    children: dict[str, list[Technique]] = {}
    for one in own:
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one)
    cells = [cell for parent in parents for cell in _cells(parent, children.get(parent.id, ()), lit)]
    number = sum(one.id in lit for one in own)
    heading = element("h3", tactic.name, element("small", f"{number} of {len(own)}"))
    return element(
        "section", heading, element("ul", *cells), class_="tactic" if number else "tactic dark"
    )


def _cells(
    parent: Technique, children: Sequence[Technique], lit: Mapping[str, LitTechnique]
) -> Iterator[Markup]:
    yield _cell(parent, lit.get(parent.id), class_="")
    for child in children:
        if child.id in lit:
            yield _cell(child, lit[child.id], class_=" sub")


def _cell(technique: Technique, entry: LitTechnique | None, *, class_: str) -> Markup:
    if entry is None:
        return element("li", technique.name, class_=f"off{class_}")
    strength = "strong" if entry.is_evidenced else "weak"
    word = Relation.EVIDENCES if entry.is_evidenced else Relation.EXPOSES
    return element(
        "li",
        element("a", technique.name, href=f"#{technique.id}"),
        element("small", f"{word.value}, {count(entry.findings, 'finding')}"),
        class_=f"{strength} {entry.worst.word}{class_}",
    )


def _lit_table(lit: Mapping[str, LitTechnique]) -> Markup:
    body = [
        element(
            "tr",
            element("th", atlas_link(entry.technique.id), scope="row", id=entry.technique.id),
            element("td", entry.technique.full_name),
            element("td", ", ".join(entry.technique.tactics) or "not in this release"),
            element("td", f"{entry.evidenced:,}" if entry.evidenced else "", class_="number"),
            element("td", f"{entry.exposed:,}" if entry.exposed else "", class_="number"),
            element("td", severity_label(entry.worst.word)),
            element("td", _some(list(entry.rules)), class_="id"),
        )
        for entry in lit.values()
    ]
    return table(
        *("Id", "Technique", "Tactics", "Evidences", "Exposes", "Worst", "Rules"),
        body=[element("tbody", *body)],
        caption="Techniques of this run",
    )


def mitigations_section(called: Mapping[str, CalledMitigation], release: AtlasRelease) -> Markup | None:
    """Which mitigation belongs to which phase, then how each helps; None without findings."""
    if not called:
        return None
    phases = [_phase(phase, stages, called, release) for phase, stages in _PHASES.items()]
    body = [_mitigation_row(entry) for entry in called.values()]
    how = table(
        *("Id", "Mitigation", "How it helps", "Against", "Findings"),
        body=[element("tbody", *body)],
        caption="How each mitigation helps",
        class_="prose",
    )
    return section(
        "Mitigations",
        element("div", *phases, class_="phases"),
        how,
        level=2,
        anchor="mitigations",
        note=f"{len(called):,}",
    )


def _phase(
    phase: str,
    stages: tuple[str, ...],
    called: Mapping[str, CalledMitigation],
    release: AtlasRelease,
) -> Markup:
    items = [
        element("li", element("a", key, href=f"#{key}", class_="id"), f" {entry.mitigation.name}")
        for key, entry in called.items()
        if key in release.mitigations and set(stages) & set(release.mitigations[key].phases)
    ]
    return element(
        "section",
        element("h3", phase),
        element("p", " · ".join(stages), class_="quiet"),
        element("ul", *items) if items else element("p", "None.", class_="quiet"),
    )


def _mitigation_row(entry: CalledMitigation) -> Markup:
    mitigation = entry.mitigation
    curated = mitigation.source is MitigationSource.CURATED
    source = (
        "Our own advice; ATLAS does not link it." if curated else "ATLAS links it without a sentence."
    )
    return element(
        "tr",
        element("th", atlas_link(mitigation.id), scope="row", id=mitigation.id),
        element("td", mitigation.name),
        element("td", " ".join(mitigation.sentence.split()) or source),
        element("td", _some(list(entry.techniques) or list(entry.rules)), class_="id"),
        element("td", f"{entry.findings:,}", class_="number"),
    )


def _some(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    shown, cut = head(ids, _IDS)
    return ", ".join(shown) + (f" and {cut:,} more" if cut else "")
