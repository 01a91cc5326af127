"""Judge the compiled code that a pickle carries, by what it names and calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.pickle.code import embedded_code
from weighbridge.analyzers.pickle.code_judgement import (
    JudgedCode,
    code_coverage,
    code_findings,
    harmless_code,
    judge_code,
    title_of,
    unread_code,
)
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Outcome
from weighbridge.formats.pickle.trace import Stream

__all__ = ["MAX_CODES", "JudgedCode", "code_objects", "judge_code"]

MAX_CODES = 500
"""Code objects of one artifact that are judged."""


def code_objects(artifact: Artifact, streams: Sequence[Stream], context: Context) -> Iterator[Event]:
    """Yield what the code objects of a pickle can do; one finding for each rule and function."""
    harmless: list[JudgedCode] = []
    seen: set[tuple[str, str]] = set()
    for count, embedded in enumerate(embedded_code(streams, context)):
        if count >= MAX_CODES:
            yield code_coverage(artifact, Outcome.LIMITED, f"more than {MAX_CODES:,} code objects")
            break
        if embedded.code is None:
            yield from unread_code(artifact, embedded)
            continue
        judged = judge_code(embedded, embedded.code, context.callables)
        if not judged.facts.is_complete:
            yield code_coverage(
                artifact, Outcome.LIMITED, f"the instructions of {title_of(judged)} were read in part"
            )
        findings = list(code_findings(artifact, judged))
        if not findings:
            harmless.append(judged)
        for finding in findings:
            if (finding.rule, finding.subject) not in seen:
                seen.add((finding.rule, finding.subject))
                yield finding
    if harmless:
        yield harmless_code(artifact, harmless)
