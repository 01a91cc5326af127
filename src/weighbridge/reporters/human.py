"""What a person reads on a terminal: the verdict first, then why, then what was not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import assert_never

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.finding import Severity
from weighbridge.core.report import OPINION, Outcome, Verdict
from weighbridge.core.repository import WHOLE
from weighbridge.reporters.coverage_text import write_all_rows, write_gaps, write_looked_at
from weighbridge.reporters.interface import AcceptedFinding, Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.opinion_text import write_opinions
from weighbridge.reporters.page import BOLD, Page, severity_style
from weighbridge.reporters.paragraphs import grouped, write_group
from weighbridge.reporters.words import count, duration, printable, shortened, size

_TARGET_CHARACTERS = 160
_ACCEPTED = 10


def render(run: Run, *, width: int, colour: bool, verbose: bool) -> str:
    """Return the text of a run.

    Args:
        run: what to tell.
        width: of the terminal, in columns; lines end at 120 at the latest.
        colour: with ANSI colours for severities; otherwise the same text without.
        verbose: also what is of low or no severity, every place, and a row for each artifact.
    """
    page = Page(width=width, colour=colour)
    for number, result in enumerate(run.results):
        if number:
            page.blank()
        _write_result(page, result, verbose=verbose)
    if len(run.results) > 1:
        page.blank()
        page.prose(f"{_totals(run.results)}. Exit {run.exit_code}.")
    elif run.exit_code > 1:
        page.prose(f"Exit {run.exit_code}.")
    return page.render()


def _write_result(page: Page, result: TargetResult, *, verbose: bool) -> None:
    match result:
        case Unreachable():
            _write_unreachable(page, result)
        case Scanned():
            _write_scanned(page, result, verbose=verbose)
        case _:
            assert_never(result)


def _write_unreachable(page: Page, result: Unreachable) -> None:
    page.spans(("CAN'T READ  ", BOLD), (_shown_target(result.target), ""))
    for line in result.error.splitlines():
        page.prose(printable(line))


def _write_scanned(page: Page, result: Scanned, *, verbose: bool) -> None:
    _write_header(page, result)
    shown, hidden = _split(result, verbose=verbose)
    _write_summary(page, result)
    for group in grouped(shown):
        page.blank()
        advice = _advice(result, group.severity)
        write_group(page, group, advice=advice, verbose=verbose)
    gaps = result.decision.gaps
    if gaps:
        page.blank()
        write_gaps(page, gaps, verbose=verbose)
        if result.verdict is Verdict.INCOMPLETE:
            page.prose("--allow-incomplete accepts this.")
    if shown or gaps:
        page.blank()
    _write_footer(page, result, shown=shown, hidden=hidden, verbose=verbose)
    if verbose:
        page.blank()
        write_all_rows(page, result.report.coverage)


def _write_header(page: Page, result: Scanned) -> None:
    word = result.verdict.value.upper()
    facts = "  ·  ".join(_facts(result))
    title = _shown_target(result.target) + _pinned(result)
    parts = ((word, _verdict_style(result)), ("  ", ""), (title, BOLD))
    if len(word) + len(title) + len(facts) + 7 <= page.width:
        page.spans(*parts, (f"  ·  {facts}", ""))
    else:
        page.spans(*parts)
        page.prose(facts, indent=len(word) + 2)


def _verdict_style(result: Scanned) -> str:
    match result.verdict:
        case Verdict.FAIL:
            return severity_style(result.findings[0].severity)
        case Verdict.PASS | Verdict.INCOMPLETE:
            return BOLD
        case _:
            assert_never(result.verdict)


def _pinned(result: Scanned) -> str:
    revision = result.report.origin.revision
    if revision is None or revision in result.target:
        return ""
    return f" @ {printable(revision.removeprefix('sha256:')[:7])}"


def _facts(result: Scanned) -> Iterable[str]:
    """Yield `12 files, 6.2 GB` and `read 412 kB in 14 requests, 1.8 s`."""
    report = result.report
    if "store" in report.origin.facts:
        yield f"from the local store {printable(report.origin.facts['store'])}"
    files = [row for row in report.coverage if len(row.path) == 1]
    number = len({row.path[:1] for row in report.coverage} - {(WHOLE,)})
    total = size(sum(row.size_bytes or 0 for row in files))
    yield total if number == 1 else f"{count(number, 'file')}, {total}"
    if report.traffic.requests:
        read = size(report.traffic.bytes_received)
        yield f"read {read} in {count(report.traffic.requests, 'request')}, {duration(report.seconds)}"
    else:
        yield f"read {size(sum(row.bytes_read for row in files))}, {duration(report.seconds)}"


def _split(
    result: Scanned, *, verbose: bool
) -> tuple[tuple[ExplainedFinding, ...], tuple[ExplainedFinding, ...]]:
    """Separate findings to tell from those to count: nothing that closes the gate is only counted."""
    threshold = Severity.INFO if verbose else min(Severity.MEDIUM, result.decision.fail_on)
    shown = tuple(found for found in result.findings if found.severity >= threshold)
    return shown, result.findings[len(shown) :]


def _write_summary(page: Page, result: Scanned) -> None:
    """Say in a sentence what PASS and INCOMPLETE mean here; FAIL speaks for itself."""
    nothing = f"Nothing found at or above {result.decision.fail_on.word}"
    match result.verdict:
        case Verdict.FAIL:
            return
        case Verdict.INCOMPLETE if all(row.format == OPINION for row in result.decision.gaps):
            page.prose(f"{nothing}, but not every opinion that was asked for was given.")
        case Verdict.INCOMPLETE:
            page.prose(f"{nothing}, but not everything could be read.")
        case Verdict.PASS if not result.report.coverage:
            page.prose("There is nothing to look at: the target holds no file.")
        case Verdict.PASS if result.decision.gaps:
            page.prose(f"{nothing} in what could be read; the policy accepts the rest unread.")
        case Verdict.PASS:
            page.prose(f"Looked at everything that a loader would run. {nothing}.")
        case _:
            assert_never(result.verdict)


def _advice(result: Scanned, severity: Severity) -> str:
    """Point to weights in safetensors without a finding, when there are some."""
    if severity < Severity.HIGH:
        return ""
    accused = {found.finding.path[:1] for found in result.findings}
    accused |= {entry.explained.finding.path[:1] for entry in result.accepted}
    spotless = [
        row.path[0]
        for row in result.report.coverage
        if row.format == "safetensors"
        and len(row.path) == 1
        and row.outcome is Outcome.ANALYZED
        and row.path not in accused
    ]
    if not spotless:
        return ""
    first = printable(shortened(spotless[0], 80))
    if len(spotless) == 1:
        return f"{first} of the same target has no finding."
    return f"{first} and {len(spotless) - 1} more in safetensors of the same target have no finding."


def _write_footer(
    page: Page,
    result: Scanned,
    *,
    shown: Sequence[ExplainedFinding],
    hidden: Sequence[ExplainedFinding],
    verbose: bool,
) -> None:
    if hidden:
        page.row("Also", f"{_severity_counts(hidden)} (--verbose)")
    _write_accepted(page, result.accepted)
    for note in result.decision.notes:
        page.row("Note", printable(note))
    if result.report.origin.registry_verdicts:
        verdicts = result.report.origin.registry_verdicts.items()
        page.flow("Registry", [f"{printable(name)} {printable(word)}" for name, word in verdicts])
    if shown or result.decision.gaps or len(result.report.coverage) > 1:
        write_looked_at(page, result.report.coverage)
    write_opinions(page, result.report.opinions, verbose=verbose)
    if shown:
        rules = dict.fromkeys(found.rule.id for found in shown)
        page.row("Why", f"weighbridge explain {next(iter(rules))}")


def _severity_counts(findings: Sequence[ExplainedFinding]) -> str:
    numbers = Counter(found.severity for found in findings)
    return ", ".join(f"{numbers[level]:,} {level.word}" for level in sorted(numbers, reverse=True))


def _write_accepted(page: Page, accepted: Sequence[AcceptedFinding]) -> None:
    numbers = Counter(entry.suppression for entry in accepted)
    for position, (entry, number) in enumerate(numbers.items()):
        if position == _ACCEPTED:
            page.row("", f"and {count(len(numbers) - _ACCEPTED, 'more suppression')}")
            return
        by = f"{printable(entry.owner)}, {entry.lasts}" if entry.owner else entry.lasts
        page.row(
            "Accepted" if position == 0 else "",
            f"{entry.rule} in {printable(entry.artifact)}, {count(number, 'finding')}: "
            f"{printable(entry.reason)} ({by})",
        )


def _shown_target(target: str) -> str:
    return printable(shortened(target, _TARGET_CHARACTERS))


def _totals(results: Sequence[TargetResult]) -> str:
    verdicts = Counter(
        "could not be read" if isinstance(result, Unreachable) else result.verdict.value
        for result in results
    )
    words = [word for word in ("fail", "could not be read", "incomplete", "pass") if verdicts[word]]
    parts = [f"{verdicts[word]:,} {word}" for word in words]
    return f"{count(len(results), 'target')}: {', '.join(parts)}"
