"""Choose what a page shows when there is too much: the most severe first, the rest is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from weighbridge.core.finding import Finding, Severity
from weighbridge.reporters.interface import Run, Scanned
from weighbridge.reporters.paragraphs import Group, grouped

_T = TypeVar("_T")

FINDINGS = 2000
"""Findings on one page."""
FINDINGS_OF_RULE = 50
"""Findings of one rule in one target."""
FILES = 3000
"""Rows of files on one page."""
TARGETS = 200
"""Targets that are told in full; the table of targets has all, up to `TARGET_ROWS`."""
TARGET_ROWS = 2000
GAPS = 100
"""Reasons why something was not looked at, for each target."""
NAMES = 50
"""Artifacts of one reason."""
OPINIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownGroup:
    """Findings of one rule in one target: some of them, and how many more there are."""

    group: Group
    shown: tuple[Finding, ...]

    @property
    def cut(self) -> int:
        return len(self.group.findings) - len(self.shown)


def shown_groups(run: Run) -> dict[int, tuple[ShownGroup, ...]]:
    """Number of the target -> its rules, most severe first, within the bounds of a page.

    What is severe in the last target comes before what is not in the first.
    """
    groups = [
        (number, group)
        for number, result in enumerate(run.results[:TARGETS])
        if isinstance(result, Scanned)
        for group in grouped(result.findings)
    ]
    left = FINDINGS
    chosen: dict[int, list[ShownGroup]] = {}
    for number, group in sorted(groups, key=lambda item: -item[1].severity):
        shown = group.findings[: min(FINDINGS_OF_RULE, left)]
        left -= len(shown)
        chosen.setdefault(number, []).append(ShownGroup(group=group, shown=shown))
    return {number: tuple(of_target) for number, of_target in chosen.items()}


def worst_by_path(result: Scanned) -> dict[tuple[str, ...], Severity]:
    """Path of a file or member -> worst severity of what was found in it and in what it holds."""
    worst: dict[tuple[str, ...], Severity] = {}
    for found in result.findings:
        path = found.finding.path
        for depth in range(1, len(path) + 1):
            known = worst.get(path[:depth], Severity.INFO)
            worst[path[:depth]] = max(known, found.severity)
    return worst


def members_by_file(result: Scanned) -> Counter[str]:
    """Name of a file -> artifacts inside of it."""
    return Counter(row.path[0] for row in result.report.coverage if len(row.path) > 1)


def head(items: Sequence[_T], most: int) -> tuple[Sequence[_T], int]:
    """The first ones, and how many more there are; one more than the bound is let through."""
    if len(items) <= most + 1:
        return items, 0
    return items[:most], len(items) - most
