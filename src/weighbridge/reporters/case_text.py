"""The texts of `weighbridge case`: the list of case studies, and one as a chain of steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from weighbridge.core.finding import Finding, Rule
from weighbridge.knowledge.atlas_cases import CaseStudy
from weighbridge.knowledge.atlas_chain import SeenStep, Sight, visible
from weighbridge.knowledge.atlas_release import AtlasRelease, case_url
from weighbridge.reporters.page import BOLD, COLUMN, Page
from weighbridge.reporters.words import count, first_sentence, printable, shortened

_ID = 12
_SHOWN = 3
_DESCRIPTION = 160
_STYLES = {
    Sight.EVIDENCED: "bold red",
    Sight.EXPOSED: "yellow",
    Sight.NOT_SEEN: "",
    Sight.NOT_VISIBLE: "",
}


def render_cases(
    cases: Mapping[str, CaseStudy],
    *,
    rules: Mapping[str, Rule],
    release: AtlasRelease,
    width: int,
    colour: bool,
) -> str:
    """Return the list of all case studies, a line or two for each."""
    page = Page(width=width, colour=colour)
    for case in cases.values():
        seen = (
            f"{visible(case, rules, release)} of {count(len(case.steps), 'step')} can be seen in files"
        )
        about = f"{case.kind}{f' {case.day.year}' if case.day else ''} · {seen}"
        page.columns((f"{case.id:{_ID}}", ""), body=f"{printable(case.name)} · {about}")
    page.blank()
    page.prose(
        f"{len(cases)} case studies. One step by step: weighbridge case {next(iter(cases), 'ID')}"
    )
    return page.render()


def render_case(
    case: CaseStudy,
    steps: Sequence[SeenStep],
    *,
    target: str | None,
    release: AtlasRelease,
    width: int,
    colour: bool,
) -> str:
    """Return one case as a chain, with what a target shows of each step when there is a target."""
    page = Page(width=width, colour=colour)
    page.spans((case.id, BOLD), (f"  {printable(case.name)}", BOLD))
    when = f"{case.kind} {case.day.isoformat()}" if case.day else case.kind
    page.row("What", f"{when} · {printable(case.target)}" if case.target else when)
    page.row("", shortened(printable(case.summary), 4 * _DESCRIPTION))
    page.row("Source", case.source)
    for reference in (case_url(case.id), *case.references[:_SHOWN]):
        page.row("", reference)
    page.blank()
    for number, step in enumerate(steps, start=1):
        _write_step(page, number, step, release, with_target=target is not None)
    page.blank()
    if target is None:
        page.row("Scan", f"weighbridge case {case.id} TARGET shows which steps a target's files show")
    else:
        page.row("Target", printable(target))
        page.row("Seen", _summary(steps))
        page.row("", "A step is seen when a finding's rule names its technique: the files could serve")
        page.row("", "such a case. It does not say that the case happened.")
    return page.render()


def _write_step(
    page: Page, number: int, seen: SeenStep, release: AtlasRelease, *, with_target: bool
) -> None:
    tactic = release.tactics.get(seen.step.tactic or "")
    technique = seen.technique
    name = release.full_name(technique) if technique is not None else "unknown to this release"
    label = technique.id if technique is not None else seen.step.technique
    page.columns((f"{number:>3}  ", BOLD), (f"{label:15}", ""), body=name)
    indent = COLUMN // 2
    page.prose(tactic.name if tactic is not None else "no tactic", indent=indent)
    words = first_sentence(printable(seen.step.description))
    page.prose(shortened(words, 2 * _DESCRIPTION), indent=indent)
    if not with_target:
        return
    page.prose(_mark(seen), indent=indent, style=_STYLES[seen.sight])
    for finding in seen.findings[1:_SHOWN]:
        page.prose(f"and by {_place(finding)}", indent=indent)


def _mark(seen: SeenStep) -> str:
    if not seen.findings:
        return f"[ ] {seen.sight.value}"
    return f"[x] {seen.sight.value} by {_place(seen.findings[0])}"


def _place(finding: Finding) -> str:
    return f"{finding.rule} at {shortened(printable(finding.artifact), 64)}"


def _summary(steps: Sequence[SeenStep]) -> str:
    counts = Counter(one.sight for one in steps)
    seen = sum(number for sight, number in counts.items() if sight.is_seen)
    parts = [f"{counts[sight]} {sight.value}" for sight in Sight if counts[sight]]
    return f"{seen} of {count(len(steps), 'step')} seen: {', '.join(parts)}"
