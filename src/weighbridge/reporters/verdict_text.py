"""Say in sentences what a verdict means for one target, how much was read, and how to scan it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.finding import Severity
from weighbridge.core.report import OPINION, Verdict
from weighbridge.core.repository import WHOLE
from weighbridge.policy.source_rule import POLICY_RULES
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.words import count, duration, printable, shortened, size


def verdict_word(result: TargetResult) -> str:
    """`FAIL`, `PASS`, `INCOMPLETE`, or `CAN'T READ`."""
    return "CAN'T READ" if isinstance(result, Unreachable) else result.verdict.value.upper()


def verdict_sentence(result: Scanned) -> str:
    """What the verdict means here, in our words only."""
    nothing = f"Nothing found at or above {result.decision.fail_on.word}"
    match result.verdict:
        case Verdict.FAIL:
            return _closing(result)
        case Verdict.INCOMPLETE if all(row.format == OPINION for row in result.decision.gaps):
            return f"{nothing}, but not every opinion that was asked for was given."
        case Verdict.INCOMPLETE:
            return f"{nothing}, but not everything could be read."
        case Verdict.PASS if not result.report.coverage:
            return "There is nothing to look at: the target holds no file."
        case Verdict.PASS if result.decision.gaps:
            return f"{nothing} in what could be read; the policy accepts the rest unread."
        case Verdict.PASS:
            return f"Looked at everything that a loader would run. {nothing}."
        case _:
            assert_never(result.verdict)


def closes_the_gate(found: ExplainedFinding, result: Scanned) -> bool:
    """True for a finding at or above the line, and for what the policy itself forbids."""
    return found.severity >= result.decision.fail_on or found.rule.id in POLICY_RULES


def _closing(result: Scanned) -> str:
    severe = sum(found.severity >= result.decision.fail_on for found in result.findings)
    forbidden = sum(found.rule.id in POLICY_RULES for found in result.findings)
    above = f"{count(severe, 'finding')} at or above {result.decision.fail_on.word}"
    if not forbidden:
        return f"{above}."
    breach = f"{count(forbidden, 'thing')} that the policy forbids"
    return f"{above}, {breach}." if severe else f"{breach[0].upper()}{breach[1:]}."


def volume(result: Scanned) -> str:
    """`12 files, 6.2 GB`."""
    files = {row.path[0]: row.size_bytes or 0 for row in result.report.coverage if len(row.path) == 1}
    files.pop(WHOLE, None)
    return f"{count(len(files), 'file')}, {size(sum(files.values()))}"


def cost(result: Scanned) -> str:
    """`read 412 kB in 14 requests, 1.8 s`."""
    report = result.report
    if report.traffic.requests:
        read = size(report.traffic.bytes_received)
        return f"read {read} in {count(report.traffic.requests, 'request')}, {duration(report.seconds)}"
    read = size(sum(row.bytes_read for row in report.coverage if len(row.path) == 1))
    return f"read {read}, {duration(report.seconds)}"


def severity_counts(severities: Iterable[Severity]) -> Iterator[tuple[Severity, int]]:
    """How many of each, the most severe first, none that is not there."""
    numbers = Counter(severities)
    for level in sorted(numbers, reverse=True):
        yield level, numbers[level]


def shown_target(target: str) -> str:
    """The target as it was typed, harmless and not too long."""
    return printable(shortened(target, 300))


def command(run: Run, result: TargetResult) -> str:
    """The command line that scans the same bytes again, as far as a line of text can name them."""
    target, fail_on = result.target, ""
    if isinstance(result, Scanned):
        origin = result.report.origin
        if origin.kind == "huggingface" and origin.revision is not None:
            target = origin.location
        fail_on = f" --fail-on {result.decision.fail_on.word}"
    return f"weighbridge scan{fail_on} {shlex.quote(printable(target))}"
