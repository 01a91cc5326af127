"""The run as Markdown for the summary of a step in GitHub Actions, which takes 1 MiB at most.

The verdict first, then a table of findings, ATLAS, what to do, and what was not looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.report import Coverage, Outcome, Verdict
from weighbridge.core.repository import WHOLE
from weighbridge.knowledge.atlas_release import technique_url
from weighbridge.reporters.atlas_matrix import LitTechnique, lit_techniques
from weighbridge.reporters.interface import AcceptedFinding, Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.markdown_text import (
    Bounds,
    block,
    cell_code,
    cells,
    code,
    plain,
    table,
    within,
)
from weighbridge.reporters.paragraphs import Group, grouped
from weighbridge.reporters.verdict_text import (
    closes_the_gate,
    cost,
    severity_counts,
    verdict_sentence,
    verdict_word,
    volume,
)
from weighbridge.reporters.words import count, duration, first_sentence

_TARGETS = 40
"""Targets that are told in full; the table of targets has more."""
_TARGET_ROWS = Bounds(rows=500, text_bytes=100_000)
_FINDINGS = Bounds(rows=100, text_bytes=200_000)
_ADVICE = Bounds(rows=30, text_bytes=200_000)
_GAPS = Bounds(rows=50, text_bytes=60_000)
_ACCEPTED = Bounds(rows=50, text_bytes=60_000)
_NOTES = Bounds(rows=50, text_bytes=30_000)
_ALL_TARGETS = Bounds(rows=_TARGETS * 8, text_bytes=800_000)
"""Paragraphs of all targets together: with the tables of targets and of ATLAS, below 1 MiB."""
_EVIDENCE_LINES = 8
_EVIDENCE_CHARACTERS = 300
_NAMES = 5


def render(run: Run) -> str:
    """Return the text, below 1 MiB whatever the run holds, with a line break at its end."""
    parts = [*_opening(run), *_all_targets(run), *_atlas(run), _closing(run)]
    return "\n\n".join(parts) + "\n"


def _opening(run: Run) -> Iterator[str]:
    if len(run.results) == 1:
        yield _heading(run.results[0], level=2)
        return
    total = Counter(verdict_word(result) for result in run.results)
    said = ", ".join(f"{number:,} {word}" for word, number in total.items())
    yield f"## {run.verdict.value.upper()}: {count(len(run.results), 'target')}"
    yield plain(said) if said else "No target was given."
    rows, cut = within([_target_row(result) for result in run.results], _TARGET_ROWS)
    if rows:
        yield table(("Verdict", "Target", "Findings", "Not looked at"), rows)
    if cut:
        yield _cut(f"{count(cut, 'more target')}")


def _heading(result: TargetResult, *, level: int) -> str:
    return f"{'#' * level} {plain(verdict_word(result))}: {code(result.target)}"


def _cut(what: str) -> str:
    return f"And {what}: `--format json` has everything."


def _target_row(result: TargetResult) -> str:
    word = plain(verdict_word(result))
    if isinstance(result, Unreachable):
        return cells(word, cell_code(result.target), "", "everything")
    gaps = f"{len(result.decision.gaps):,}" if result.decision.gaps else ""
    return cells(word, cell_code(result.target), _counts(result), gaps)


def _counts(result: Scanned) -> str:
    severities = (found.severity for found in result.findings)
    return ", ".join(f"{number:,} {level.word}" for level, number in severity_counts(severities))


def _all_targets(run: Run) -> Iterator[str]:
    is_only = len(run.results) == 1
    parts: list[str] = []
    for result in run.results[:_TARGETS]:
        parts += [] if is_only else [_heading(result, level=3)]
        parts += _target(result)
    kept, cut = within(parts, _ALL_TARGETS)
    yield from kept
    if cut or len(run.results) > _TARGETS:
        yield _cut("more that would make this summary too long")


def _target(result: TargetResult) -> Iterator[str]:
    match result:
        case Unreachable():
            yield code(" ".join(result.error.split()), most=1000)
        case Scanned():
            yield plain(verdict_sentence(result))
            yield plain(" · ".join(filter(None, (_counts(result), volume(result), cost(result)))))
            yield from _findings(result.findings)
            yield from _what_to_do(result)
            yield from _gaps(result)
            yield from _accepted(result.accepted)
            yield from _notes(result.decision.notes)
        case _:
            assert_never(result)


def _findings(findings: Sequence[ExplainedFinding]) -> Iterator[str]:
    """A row for each finding; those that say the same of the same place share one."""
    same = Counter((found.rule.id, found.finding.path, found.finding.subject) for found in findings)
    first: dict[tuple[str, tuple[str, ...], str], ExplainedFinding] = {}
    for found in findings:
        first.setdefault((found.rule.id, found.finding.path, found.finding.subject), found)
    rows, cut = within([_finding_row(found, same[key]) for key, found in first.items()], _FINDINGS)
    if rows:
        yield table(("Severity", "Rule", "Where", "What", "Seen"), rows)
    if cut:
        yield _cut(f"{count(cut, 'more row')} of findings")


def _finding_row(found: ExplainedFinding, times: int) -> str:
    what = f"{plain(found.rule.title)}: {cell_code(found.finding.subject, most=120)}"
    seen = f"{times:,} times" if times > 1 else "once"
    return cells(found.severity.word, found.rule.id, _place(found.finding.path), what, seen)


def _place(path: tuple[str, ...]) -> str:
    return cell_code("!/".join(path)) if path not in ((), (WHOLE,)) else "the target as a whole"


def _what_to_do(result: Scanned) -> Iterator[str]:
    """For each rule that closes the gate: why, the evidence of one finding, and what to do."""
    telling = grouped(found for found in result.findings if closes_the_gate(found, result))
    rows, cut = within([_advice(group) for group in telling], _ADVICE)
    if rows:
        yield f"**What to do**\n\n{chr(10).join(rows)}"
    if cut:
        yield _cut(count(cut, "more rule"))


def _advice(group: Group) -> str:
    rule, finding = group.meaning.rule, group.findings[0]
    lines = finding.evidence.splitlines()
    shown = block(lines[:_EVIDENCE_LINES], most=_EVIDENCE_CHARACTERS) if lines else ""
    inside = "\n".join(f"  {line}" for line in shown.splitlines())
    said = f"- **{rule.id}** {plain(first_sentence(rule.why))} {plain(rule.remediation)}"
    mitigations = ", ".join(f"{one.id} {plain(one.name)}" for one in group.meaning.mitigations[:3])
    helps = f" ATLAS: {mitigations}." if mitigations else ""
    return f"{said}{helps}\n\n{inside}" if inside else f"{said}{helps}"


def _gaps(result: Scanned) -> Iterator[str]:
    by_reason: dict[tuple[Outcome, str], list[Coverage]] = {}
    for gap in result.decision.gaps:
        by_reason.setdefault((gap.outcome, gap.detail), []).append(gap)
    lines = [_gap(outcome, detail, rows) for (outcome, detail), rows in by_reason.items()]
    rows, cut = within(lines, _GAPS)
    if rows:
        yield f"**What was not looked at**\n\n{chr(10).join(rows)}"
    if cut:
        yield _cut(count(cut, "more reason"))
    if result.verdict is Verdict.INCOMPLETE:
        yield "`--allow-incomplete` accepts this."


def _gap(outcome: Outcome, detail: str, rows: Sequence[Coverage]) -> str:
    names = ", ".join(code(row.artifact) for row in rows[:_NAMES])
    more = f" and {len(rows) - _NAMES:,} more" if len(rows) > _NAMES else ""
    reason = f": {code(detail, most=400)}" if detail else ""
    return f"- {names}{more} {outcome.value}{reason}"


def _accepted(accepted: Iterable[AcceptedFinding]) -> Iterator[str]:
    numbers = Counter(entry.suppression for entry in accepted)
    lines = [
        cells(
            *(entry.rule, cell_code(entry.artifact), f"{number:,}", cell_code(entry.reason)),
            *(cell_code(entry.owner) if entry.owner else "", entry.lasts),
        )
        for entry, number in numbers.items()
    ]
    rows, cut = within(lines, _ACCEPTED)
    if rows:
        columns = ("Rule", "Where", "Findings", "Reason", "Owner", "Lasts")
        yield f"**Accepted by the policy**\n\n{table(columns, rows)}"
    if cut:
        yield _cut(count(cut, "more suppression"))


def _notes(notes: Sequence[str]) -> Iterator[str]:
    rows, cut = within([f"- Note: {code(note, most=400)}" for note in notes], _NOTES)
    if rows:
        yield "\n".join(rows)
    if cut:
        yield _cut(count(cut, "more note"))


def _atlas(run: Run) -> Iterator[str]:
    lit = lit_techniques(run)
    if lit:
        columns = ("Technique", "Name", "Tactics", "Evidences", "Exposes", "Rules")
        rows = [_technique_row(entry) for entry in lit.values()]
        yield f"### MITRE ATLAS\n\n{table(columns, rows)}"
        yield (
            "A finding *evidences* a technique when the bytes show what an adversary did, and *exposes* "
            "you to one when they show a weakness."
        )


def _technique_row(entry: LitTechnique) -> str:
    technique = entry.technique
    return cells(
        f"[{technique.id}]({technique_url(technique.id)})",
        plain(technique.full_name),
        plain(", ".join(technique.tactics)),
        f"{entry.evidenced:,}" if entry.evidenced else "",
        f"{entry.exposed:,}" if entry.exposed else "",
        ", ".join(list(entry.rules)[:20]) + (" and more" if len(entry.rules) > 20 else ""),
    )


def _closing(run: Run) -> str:
    return plain(
        f"weighbridge {run.tool_version}, signatures {run.signatures_version}, {run.atlas_label}, "
        f"{duration(run.seconds)}, exit code {run.exit_code}"
    )
