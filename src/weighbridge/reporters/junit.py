"""The run as JUnit XML, for pages of test results: a suite for each target, a case for each file.

failure   a rule at or above the line that the policy draws: a case for each file and rule
error     what could not be looked at, or a target that could not be read at all
skipped   the same, where the policy accepts it unread
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.report import Coverage, Verdict
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.verdict_text import closes_the_gate, severity_counts
from weighbridge.reporters.words import count, printable, shortened

_CASES = 50_000
_PLACES = 20
_EVIDENCE_LINES = 10
_NAME_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One test case. `state` is the name of its element, None when it passes."""

    name: str
    state: str | None = None
    kind: str = ""
    message: str = ""
    text: str = ""


def render(run: Run) -> str:
    """Return the document, with a line break at its end."""
    root = ElementTree.Element("testsuites", {"name": "weighbridge", "time": f"{run.seconds:.3f}"})
    for result in run.results:
        root.append(_suite(run, result))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(run: Run, result: TargetResult) -> ElementTree.Element:
    cases = list(_cases(result))
    kept = cases[:_CASES]
    seconds = result.report.seconds if isinstance(result, Scanned) else 0.0
    states = [case.state for case in kept]
    numbers = {f"{word}s": str(states.count(word)) for word in ("failure", "error")}
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": _text(result.target),
            "tests": str(len(kept)),
            **numbers,
            "skipped": str(states.count("skipped")),
            "time": f"{seconds:.3f}",
            "timestamp": run.started.strftime("%Y-%m-%dT%H:%M:%S"),
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(run, result, cut=len(cases) - len(kept)):
        ElementTree.SubElement(properties, "property", {"name": key, "value": value})
    for case in kept:
        _append(suite, result, case)
    return suite


def _properties(run: Run, result: TargetResult, *, cut: int) -> Iterator[tuple[str, str]]:
    yield "verdict", result.verdict.value
    yield "weighbridge", run.tool_version
    yield "signatures", run.signatures_version
    yield "atlas", run.atlas_label
    if isinstance(result, Scanned):
        for level, number in severity_counts(found.severity for found in result.findings):
            yield f"findings.{level.word}", str(number)
    if cut:
        yield "cases-left-out", f"{cut} that pass; --format json has all"


def _append(suite: ElementTree.Element, result: TargetResult, case: _Case) -> None:
    attributes = {"classname": _text(result.target), "name": _text(case.name), "time": "0"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    if case.state is not None:
        said = {"message": _text(case.message, most=1000)}
        kind = {} if case.state == "skipped" else {"type": case.kind}
        ElementTree.SubElement(element, case.state, said | kind).text = case.text or None


def _text(text: str, *, most: int = _NAME_CHARACTERS) -> str:
    return printable(shortened(text, most))


def _cases(result: TargetResult) -> Iterator[_Case]:
    """What does not pass first, so that a cut leaves it."""
    if isinstance(result, Unreachable):
        yield _Case(name="the target", state="error", kind="unreachable", message=result.error)
        return
    failing = _failing(result)
    for (name, rule), found in failing.items():
        yield _failure(f"{name}: {rule}", found)
    gaps = {gap.path: gap for gap in result.decision.gaps}
    state = "skipped" if result.verdict is Verdict.PASS else "error"
    for gap in gaps.values():
        yield _Case(
            name=gap.artifact,
            state=state,
            kind=gap.outcome.value,
            message=gap.detail or gap.outcome.value,
        )
    told = {name for name, _ in failing} | {path[0] for path in gaps if path}
    yield from (_Case(name=name) for name in _names(result.report.coverage) if name not in told)


def _names(rows: Sequence[Coverage]) -> Sequence[str]:
    return list(dict.fromkeys(row.path[0] for row in rows if len(row.path) == 1))


def _failing(result: Scanned) -> Mapping[tuple[str, str], list[ExplainedFinding]]:
    failing: dict[tuple[str, str], list[ExplainedFinding]] = {}
    for found in result.findings:
        if closes_the_gate(found, result):
            name = found.finding.path[0] if found.finding.path else "the target"
            failing.setdefault((name, found.rule.id), []).append(found)
    return failing


def _failure(name: str, found: Sequence[ExplainedFinding]) -> _Case:
    rule = found[0].rule
    rows = [_line(one) for one in found[:_PLACES]]
    if len(found) > _PLACES:
        rows.append(f"and {count(len(found) - _PLACES, 'more place')}")
    techniques = ", ".join(f"{one.id} {one.full_name}" for one in found[0].meaning.techniques)
    atlas = [f"ATLAS: {rule.relation} {techniques}"] if techniques else []
    return _Case(
        name=name,
        state="failure",
        kind=rule.id,
        message=f"{found[0].severity.word}: {rule.title}",
        text="\n".join((*rows, " ".join(rule.remediation.split()), *atlas)),
    )


def _line(found: ExplainedFinding) -> str:
    finding = found.finding
    place = f" at byte {finding.offset:,}" if finding.offset is not None else ""
    lines = finding.evidence.splitlines()
    shown = [f"    {_text(line)}" for line in lines[:_EVIDENCE_LINES]]
    more = (
        [f"    and {count(len(lines) - _EVIDENCE_LINES, 'more line')}"]
        if lines[_EVIDENCE_LINES:]
        else []
    )
    return "\n".join((f"{_text(finding.artifact)}{place}", *shown, *more))
