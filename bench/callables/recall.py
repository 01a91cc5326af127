"""Measure recall and false positives of one report over the generated sets.

    weighbridge scan bench/work/callables/recall -o recall.json      (likewise benign)
    python bench/callables/recall.py bench/work/callables recall.json benign.json

Prints recall at high or above for each form with every miss, and the benign files by severity.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SEVERITIES = ("critical", "high", "medium", "low", "info", "nothing")
_FORMS = ("imported", "called", "aliased", "dotted")


@dataclass(frozen=True, slots=True)
class Told:
    """What weighbridge says of one file.

    Attributes:
        severity: the highest, or `nothing`.
        findings: `SEVERITY RULE SUBJECT`, the gravest first.
        is_complete: every part of the file was read.
    """

    severity: str
    findings: tuple[str, ...]
    is_complete: bool

    @property
    def is_high(self) -> bool:
        return self.severity in ("critical", "high")


def read_report(report: Path) -> dict[str, Told]:
    """Return what a JSON report of a folder says, by file name."""
    target = json.loads(report.read_text(encoding="utf-8"))["targets"][0]
    lines: dict[str, list[tuple[int, str]]] = {}
    complete: dict[str, bool] = {}
    for row in target["coverage"]:
        name = row["path"][0]
        complete[name] = complete.get(name, True) and row["outcome"] in ("analyzed", "opaque")
    for finding in target["findings"]:
        rank = SEVERITIES.index(finding["severity"])
        line = f"{finding['severity']} {finding['rule']} {finding['subject']}"
        lines.setdefault(finding["path"][0], []).append((rank, line))
    told = {}
    for name, is_complete in complete.items():
        found = sorted(lines.get(name, []))
        severity = SEVERITIES[found[0][0]] if found else "nothing"
        told[name] = Told(severity, tuple(line for _, line in found), is_complete)
    return told


@dataclass(frozen=True, slots=True)
class Recall:
    """Of `total` files of a form, `caught` are high or above."""

    form: str
    total: int
    caught: int
    misses: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.caught / max(1, self.total)


def recall_by_form(index: dict[str, dict[str, str]], told: dict[str, Told]) -> list[Recall]:
    """Judge the dangerous set; a file that the report does not know is a miss."""
    outcomes = []
    for form in _FORMS:
        names = [name for name, row in index.items() if row["form"] == form]
        missed = [name for name in names if name not in told or not told[name].is_high]
        words = tuple(f"{index[name]['row']} ({_said(told.get(name))})" for name in missed)
        outcomes.append(Recall(form, len(names), len(names) - len(missed), words))
    return outcomes


def by_severity(told: dict[str, Told]) -> Counter[str]:
    """How many files have this as their gravest finding."""
    return Counter(entry.severity for entry in told.values())


def _said(told: Told | None) -> str:
    if told is None:
        return "not in the report"
    return told.findings[0] if told.findings else "nothing"


def main() -> None:
    folder, recall, benign = (Path(argument) for argument in sys.argv[1:])
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    for outcome in recall_by_form(index["recall"], read_report(recall)):
        print(f"{outcome.form}: {outcome.caught} of {outcome.total}, {outcome.share:.2%}")
        for miss in outcome.misses:
            print(f"  missed: {miss}")
    told = read_report(benign)
    counts = by_severity(told)
    print("benign: " + ", ".join(f"{counts[word]} {word}" for word in SEVERITIES))
    print(f"  not read to the end: {sum(not entry.is_complete for entry in told.values())}")
    for name, entry in told.items():
        if entry.severity not in ("info", "nothing"):
            print(f"  {name}: {entry.findings[0]}")


if __name__ == "__main__":
    main()
