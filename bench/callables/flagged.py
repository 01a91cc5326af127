"""Read from each tool's own output which files it flags, at the bar at which it calls a file bad."""

from __future__ import annotations

import json
import re
from pathlib import Path

from recall import read_report

Flagged = frozenset[str]


def weighbridge(folder: Path, report: Path, log: str) -> Flagged:
    """High or critical: where the default policy fails."""
    return frozenset(name for name, told in read_report(report).items() if told.is_high)


def picklescan(folder: Path, report: Path, log: str) -> Flagged:
    """A dangerous import."""
    pattern = re.compile(re.escape(f"{folder}/") + r"([^:/]+)(?::[^ ]*)?: dangerous import")
    return frozenset(pattern.findall(log))


def modelscan(folder: Path, report: Path, log: str) -> Flagged:
    """An issue of any severity."""
    issues = json.loads(report.read_text(encoding="utf-8"))["issues"]
    return frozenset(re.split(r"[:/]", issue["source"])[0] for issue in issues)


def fickling(folder: Path, report: Path, log: str) -> Flagged:
    """Whatever its command line exits with 1 for: all but `LIKELY_SAFE`."""
    said = json.loads(report.read_text(encoding="utf-8"))
    return frozenset(name for name, word in said.items() if word not in ("LIKELY_SAFE", "ERROR"))


def fickling_unsafe(folder: Path, report: Path, log: str) -> Flagged:
    """`LIKELY_UNSAFE` and worse."""
    said = json.loads(report.read_text(encoding="utf-8"))
    words = ("LIKELY_UNSAFE", "LIKELY_OVERTLY_MALICIOUS", "OVERTLY_MALICIOUS")
    return frozenset(name for name, word in said.items() if word in words)


def modelaudit(folder: Path, report: Path, log: str) -> Flagged:
    """A warning or worse: where it exits with 1."""
    return _modelaudit(folder, report, ("warning", "critical"))


def modelaudit_critical(folder: Path, report: Path, log: str) -> Flagged:
    """Critical issues alone."""
    return _modelaudit(folder, report, ("critical",))


def _modelaudit(folder: Path, report: Path, severities: tuple[str, ...]) -> Flagged:
    pattern = re.compile(re.escape(f"{folder}/") + r"([^:/ ]+)")
    issues = json.loads(report.read_text(encoding="utf-8"))["issues"]
    grave = [issue["location"] or "" for issue in issues if issue["severity"] in severities]
    return frozenset(match.group(1) for location in grave if (match := pattern.match(location)))
