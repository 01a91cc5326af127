"""The verdict, which comes first: of the run, of each target, with the facts beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from weighbridge.core.finding import Severity
from weighbridge.reporters.atlas_matrix import active_findings
from weighbridge.reporters.html.markup import (
    Child,
    Markup,
    element,
    fragment,
    name,
    severity_label,
    table,
)
from weighbridge.reporters.html.selection import TARGET_ROWS, TARGETS
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.verdict_text import (
    cost,
    severity_counts,
    verdict_sentence,
    verdict_word,
    volume,
)
from weighbridge.reporters.words import count

_LICENCES = 3


def number_of_targets(run: Run) -> str:
    """`5 targets`."""
    return count(len(run.results), "target")


def run_word(run: Run) -> str:
    """`FAIL`, `PASS`, `INCOMPLETE`; of a single target also `CAN'T READ`."""
    return verdict_word(run.results[0]) if len(run.results) == 1 else run.verdict.value.upper()


def summary_section(run: Run) -> Markup:
    """The verdict, before anything else."""
    word = element("span", run_word(run), class_=f"verdict {_tone(run)}")
    if len(run.results) == 1:
        title = element("h1", word, " ", name(run.results[0].target))
        return element("section", title, *lead(run.results[0]), class_="summary")
    title = element("h1", word, " ", number_of_targets(run))
    total = element("p", *_counts([found.severity for found in active_findings(run)]), class_="counts")
    return element("section", title, total, _targets_table(run), class_="summary")


def _tone(run: Run) -> str:
    """The colour of the verdict: that of the worst finding when it fails."""
    worst = max((found.severity for found in active_findings(run)), default=Severity.INFO)
    return worst.word if run.exit_code == 1 else "plain"


def lead(result: TargetResult) -> Iterator[Child]:
    """A sentence on the verdict and the facts of one target."""
    match result:
        case Unreachable():
            yield element("p", element("bdi", " ".join(result.error.split())), class_="lead")
        case Scanned():
            yield element("p", verdict_sentence(result), class_="lead")
            severities = [found.severity for found in result.findings]
            if severities:
                yield element("p", *_counts(severities), class_="counts")
            yield element("p", *_facts(result), class_="quiet")
        case _:
            assert_never(result)


def _counts(severities: Sequence[Severity]) -> Iterator[Markup]:
    for level, number in severity_counts(severities):
        label = severity_label(level.word)
        yield element("span", element("b", f"{number:,}"), " ", label, class_="tally")


def _facts(result: Scanned) -> Iterator[Child]:
    origin = result.report.origin
    yield f"{volume(result)} · {cost(result)}"
    if origin.revision is not None:
        yield " · revision "
        yield name(origin.revision, most=80)
    for said in dict.fromkeys(one.licence for one in result.report.licences[:_LICENCES]):
        yield " · licence "
        yield name(said, most=60)
    yield f" · fails at {result.decision.fail_on.word} and above"


def _targets_table(run: Run) -> Markup:
    body = [_target_row(number, one) for number, one in enumerate(run.results[:TARGET_ROWS])]
    drawn = table(
        *("Target", "Verdict", "Worst", "Findings", "Not looked at"),
        body=[element("tbody", *body)],
        caption="Targets of this run",
        class_="from4",
    )
    cut = len(run.results) - len(body)
    if not cut:
        return drawn
    more = f"And {count(cut, 'more target')}: --format json has all of them."
    return fragment(drawn, element("p", more, class_="cut"))


def _target_row(number: int, result: TargetResult) -> Markup:
    label: Child = name(result.target)
    if number < TARGETS:
        label = element("a", label, href=f"#t{number}")
    cells: list[Child] = ["", "", ""]
    if isinstance(result, Scanned):
        worst = max((found.severity for found in result.findings), default=None)
        cells[0] = severity_label(worst.word) if worst is not None else ""
        gaps = sum(not row.outcome.is_complete for row in result.report.coverage)
        cells[1:] = [f"{len(result.findings):,}", f"{gaps:,}"]
    return element(
        "tr",
        element("th", label, scope="row"),
        element("td", verdict_word(result)),
        *(element("td", cell) for cell in cells),
    )


def target_title(result: TargetResult) -> Markup:
    worst = max((found.severity for found in getattr(result, "findings", ())), default=Severity.INFO)
    tone = worst.word if verdict_word(result) == "FAIL" else "plain"
    word = element("span", verdict_word(result), class_=f"verdict {tone}")
    return fragment(word, " ", name(result.target))
