"""Tell a person how far we looked: what is missing and what to do, and on demand every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weighbridge.core.report import OPINION, REPOSITORY, Coverage, Outcome
from weighbridge.reporters.page import COLUMN, Page
from weighbridge.reporters.words import count, printable, shortened, size

_GAPS = 10
_ROWS = 2000
_KINDS = 4
_NAME_CHARACTERS = 120


def write_gaps(page: Page, rows: Sequence[Coverage], *, verbose: bool) -> None:
    """List what could not be looked at, by us and then by other engines that were asked."""
    for title, is_opinion in (("Could not be read:", False), ("Second opinions not given:", True)):
        chosen = [row for row in rows if (row.format == OPINION) is is_opinion]
        if chosen:
            _write_reasons(page, title, chosen, verbose=verbose)


def _write_reasons(page: Page, title: str, rows: Sequence[Coverage], *, verbose: bool) -> None:
    """Artifacts with the same reason share one entry."""
    by_reason: dict[tuple[Outcome, str], list[Coverage]] = {}
    for row in rows:
        by_reason.setdefault((row.outcome, row.detail), []).append(row)
    page.prose(title)
    reasons = list(by_reason.items())
    shown = len(reasons) if verbose or len(reasons) == _GAPS + 1 else _GAPS
    for (outcome, detail), members in reasons[:shown]:
        page.prose(_names(members), indent=2)
        page.prose(printable(f"{outcome.value}: {detail}" if detail else outcome.value), indent=6)
    if len(reasons) > shown:
        rest = sum(len(members) for _, members in reasons[shown:])
        page.prose(f"and {count(rest, 'more artifact')} (--verbose)", indent=2)


def _names(rows: Sequence[Coverage]) -> str:
    first = printable(shortened(rows[0].artifact, _NAME_CHARACTERS))
    return first if len(rows) == 1 else f"{first} and {len(rows) - 1:,} more"


def write_looked_at(page: Page, rows: Sequence[Coverage]) -> None:
    """`Looked at 12 of 12 files · 340 members inside · 2 opaque ...`: we ourselves, not others."""
    rows = [row for row in rows if row.format not in (OPINION, REPOSITORY)]
    files = {row.path[0] for row in rows if row.path}
    open_files = {row.path[0] for row in rows if row.path and not row.outcome.is_complete}
    members = sum(len(row.path) > 1 for row in rows)
    parts = [f"{len(files - open_files):,} of {count(len(files), 'file')}"]
    if members:
        parts.append(f"{count(members, 'member')} inside")
    opaque = Counter(row.format for row in rows if row.outcome is Outcome.OPAQUE)
    if opaque:
        parts.append(f"{opaque.total():,} opaque, run by no loader: {_kinds(opaque)}")
    page.flow("Looked at", parts)


def _kinds(formats: Counter[str]) -> str:
    """`40 text, 10 image, 3 others`: the most frequent formats by their coverage words."""
    shown = [f"{times:,} {printable(name)}" for name, times in formats.most_common(_KINDS)]
    rest = formats.total() - sum(times for _, times in formats.most_common(_KINDS))
    return ", ".join([*shown, *([count(rest, "other")] if rest else [])])


def write_all_rows(page: Page, rows: Sequence[Coverage]) -> None:
    """A line for each artifact: how far we got, what it is, how large, its name."""
    page.prose(f"Coverage of {count(len(rows), 'artifact')}:")
    for row in rows[:_ROWS]:
        size_text = "" if row.size_bytes is None else size(row.size_bytes)
        label = f"  {row.outcome.value:11} {printable(row.format):15} {size_text:>9}  "
        name = printable(shortened(row.artifact, _NAME_CHARACTERS))
        page.hanging(label, name, hang=len(label))
        if row.detail:
            page.prose(printable(row.detail), indent=COLUMN + 4)
    if len(rows) > _ROWS:
        page.prose(f"and {len(rows) - _ROWS:,} more; --format json has them all", indent=2)
    totals = Counter(row.outcome for row in rows)
    words = (f"{totals[outcome]:,} {outcome.value}" for outcome in Outcome if totals[outcome])
    page.prose(f"In sum {', '.join(words)}.")
