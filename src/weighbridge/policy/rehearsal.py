"""Try a policy on stored reports: what would it have decided, and is that what its owner expects?

cases.toml
    [[case]]
    report = "dirty.json"            # counts from the folder of this file
    target = "models/x.pt"           # optional; without it every target of the report
    verdict = "fail"                 # pass | fail | incomplete
    because = ["PKL002"]             # optional: rules that must be among those that count
    today = 2026-11-30               # optional: the day for waivers and ages
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from weighbridge.core.finding import Rule
from weighbridge.core.report import Report, Verdict
from weighbridge.errors import UsageError
from weighbridge.knowledge.table import Table
from weighbridge.policy.decision import Decision, JudgedFinding, Policy
from weighbridge.policy.source_rule import LOCAL
from weighbridge.policy.stored_report import read_report

_KEYS = frozenset({"report", "target", "verdict", "because", "today"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a policy is expected to make of one stored report."""

    report: Path
    where: str
    target: str | None = None
    verdict: Verdict | None = None
    because: tuple[str, ...] = ()
    today: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the policy makes of one target of one stored report.

    Attributes:
        decision: None when the target was not reached that day.
        objections: in what it is not as the case expects; empty when it is, or expects nothing.
    """

    case: Case
    target: str
    decision: Decision | None
    objections: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict if self.decision is not None else Verdict.INCOMPLETE

    @property
    def counting(self) -> tuple[JudgedFinding, ...]:
        """The findings that close the gate."""
        if self.decision is None or self.decision.verdict is not Verdict.FAIL:
            return ()
        line = self.decision.fail_on
        policy = (one for one in self.decision.active if one.finding.rule.startswith("POL"))
        high = (one for one in self.decision.active if one.severity >= line)
        return tuple(dict.fromkeys((*policy, *high)))


def cases_of(path: Path) -> tuple[Case, ...]:
    """Read a file of cases; a report is one case that expects nothing.

    Raises:
        UsageError: the file is unreadable, or holds a key or a word that does not exist.
    """
    if path.suffix.lower() != ".toml":
        return (Case(report=path, where=str(path)),)
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"can't read the cases {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the cases {path} are not valid TOML: {error}") from error
    root = Table.of(loaded, str(path))
    root.reject_unknown({"case"})
    cases = tuple(_case(table, path.parent) for table in root.tables("case"))
    if not cases:
        raise UsageError(f"{path} holds no [[case]]")
    return cases


def _case(table: Table, folder: Path) -> Case:
    table.reject_unknown(_KEYS)
    word = table.text("verdict")
    words = {verdict.value: verdict for verdict in Verdict}
    if word not in words:
        raise UsageError(f"{table.where}: 'verdict' must be one of {', '.join(words)}, not {word!r}")
    return Case(
        report=folder / table.text("report"),
        where=table.where,
        target=table.optional_text("target"),
        verdict=words[word],
        because=table.texts("because"),
        today=table.day("today") if "today" in table.values else None,
    )


def rehearse(cases: Sequence[Case], policy: Policy, rules: Mapping[str, Rule]) -> Iterator[Outcome]:
    """Yield what the policy makes of each target of each case.

    Digests of suppressions are held against those that the report states for its files.

    Raises:
        UsageError: a report is unreadable, or holds no such target.
    """
    for case in cases:
        stored = read_report(case.report)
        met = False
        for report in stored.reports:
            if case.target in (None, report.target):
                met = True
                _check_rules(report, rules, case)
                digests = _own_digests(report)
                decision = policy.decide(report, rules, sha256_of=digests.get, today=case.today)
                yield _outcome(case, report.target, decision)
        for target in stored.unreachable:
            if case.target in (None, target):
                met = True
                yield _outcome(case, target, None)
        if not met:
            what = f"no target {case.target!r}" if case.target is not None else "no target"
            raise UsageError(f"{case.where}: {case.report} holds {what}")


def _own_digests(report: Report) -> Mapping[str, str | None]:
    """Those that a scan would hold a waiver against too: what a registry states is not one of them."""
    return {file.name: file.sha256 for file in report.files} if report.origin.kind == LOCAL else {}


def _check_rules(report: Report, rules: Mapping[str, Rule], case: Case) -> None:
    unknown = sorted({finding.rule for finding in report.findings} - set(rules))
    if unknown:
        raise UsageError(
            f"{case.report} tells of the rule {unknown[0][:60]!r}, which is not known here: a newer "
            "weighbridge wrote it, or none did; update weighbridge"
        )


def _outcome(case: Case, target: str, decision: Decision | None) -> Outcome:
    verdict = decision.verdict if decision is not None else Verdict.INCOMPLETE
    objections: list[str] = []
    if case.verdict is not None and verdict is not case.verdict:
        objections.append(f"expected {case.verdict.value}")
    active = {one.finding.rule for one in decision.active} if decision is not None else set()
    missing = [rule for rule in case.because if rule not in active]
    if missing:
        objections.append(f"expected because of {', '.join(missing)}")
    return Outcome(case=case, target=target, decision=decision, objections=tuple(objections))
