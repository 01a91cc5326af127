"""Scan a folder of real files in process, and say of each what the gate would say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules

RULES = load_rules(signatures_dir() / "rules")
KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
RECOGNISED = "PKL025"
"""The one finding (info) that every file with a class of a known library has."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one file gave."""

    name: str
    findings: tuple[Finding, ...]
    rows: tuple[Coverage, ...]

    @property
    def outcome(self) -> Outcome:
        """The outcome of the file's own row, the worst of those nested in it."""
        worst = [row.outcome for row in self.rows if not row.outcome.is_complete]
        (own,) = [row for row in self.rows if len(row.path) == 1]
        return worst[0] if worst else own.outcome

    @property
    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings}

    @property
    def nested(self) -> set[str]:
        """Names of what lies directly in the file and has a row of its own."""
        return {row.path[1] for row in self.rows if len(row.path) == 2}


def scan_file(path: Path, name: str) -> Scanned:
    events: list[Fact] = []
    source = LocalFile(path)
    try:
        inspect_tree(Artifact((name,), source), Context(Budget(Limits()), KNOWLEDGE), events.append)
    finally:
        source.close()
    findings = tuple(event for event in events if isinstance(event, Finding))
    return Scanned(name, findings, tuple(event for event in events if isinstance(event, Coverage)))


def scan_folder(folder: Path) -> list[Scanned]:
    """Scan every file below a folder, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [scan_file(path, str(path.relative_to(folder))) for path in files]


def complaints(scanned: Iterable[Scanned], *, expected: frozenset[str] = frozenset()) -> list[str]:
    """Return a line for each finding that is not expected, and for each file not read to its end.

    Args:
        scanned: files that real writers made.
        expected: further rules that are right for these files; never one of medium or above.
    """
    accepted = expected | {RECOGNISED}
    assert all(RULES[rule].severity < Severity.MEDIUM for rule in accepted)
    lines = []
    for file in scanned:
        for finding in file.findings:
            if finding.rule not in accepted:
                severity = RULES[finding.rule].severity.word
                evidence = " / ".join(finding.evidence.split("\n"))[:300]
                lines.append(
                    f"{finding.artifact}: {finding.rule} {severity} {finding.subject}: {evidence}"
                )
        lines += [
            f"{row.artifact}: {row.outcome} {row.detail}"
            for row in file.rows
            if not row.outcome.is_complete
        ]
        if sum(len(row.path) == 1 for row in file.rows) != 1:
            lines.append(f"{file.name}: not one row for the file itself")
    return lines


def figures(scanned: Iterable[Scanned]) -> str:
    """Return the counts that README.md shows: files, findings by severity, files not complete."""
    files = list(scanned)
    by_severity = Counter(
        RULES[finding.rule].severity.word for file in files for finding in file.findings
    )
    incomplete = sum(any(not row.outcome.is_complete for row in file.rows) for file in files)
    words = " | ".join(str(by_severity[word]) for word in ("critical", "high", "medium", "low", "info"))
    return f"{len(files)} | {words} | {incomplete}"
