"""What a policy makes of stored reports, as text: a line for each target, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.policy.rehearsal import Outcome
from weighbridge.reporters.words import count, printable, shortened

_SHOWN = 5
_WIDTH = 100


def render(outcomes: Sequence[Outcome]) -> str:
    """Return the text, with a line break at its end."""
    lines = [line for outcome in outcomes for line in _lines(outcome)]
    return "\n".join((*lines, "", _summary(outcomes))) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    word = outcome.verdict.value.upper()
    yield f"{word:<11} {printable(outcome.target)}  ·  {printable(str(outcome.case.report))}"
    for judged in outcome.counting[:_SHOWN]:
        evidence = next(iter(judged.finding.evidence.splitlines()), "")
        said = shortened(printable(f"{judged.finding.artifact}: {evidence}"), _WIDTH)
        yield f"{'':<11} {judged.finding.rule} {judged.severity.word}  {said}"
    more = len(outcome.counting) - _SHOWN
    if more > 0:
        yield f"{'':<11} and {count(more, 'more finding')}"
    if outcome.decision is None:
        yield f"{'':<11} the target was not reached that day"
    elif outcome.decision.suppressed:
        yield f"{'':<11} accepted: {count(len(outcome.decision.suppressed), 'finding')}"
    for note in outcome.decision.notes if outcome.decision is not None else ():
        yield f"{'':<11} note: {printable(note)}"
    for objection in outcome.objections:
        yield f"{'':<11} NOT AS EXPECTED: {objection}  ({printable(outcome.case.where)})"


def _summary(outcomes: Sequence[Outcome]) -> str:
    expected = [one for one in outcomes if one.case.verdict is not None]
    wrong = sum(bool(one.objections) for one in expected)
    if not expected:
        return f"{count(len(outcomes), 'target')} judged from stored reports; nothing was scanned."
    return f"{count(len(expected), 'case')}, {wrong} not as expected; nothing was scanned."
