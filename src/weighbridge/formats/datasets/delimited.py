"""Split CSV and TSV into cells, bounded, whatever is in them.

Quotes may hold line ends. A quote that never closes would swallow the rest of the file: from where
the swallowing began, lines are then split at the delimiter alone.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.source_file import text_lines

_LARGEST_CELL: Final = 4 * 1024 * 1024
_DELIMITERS: Final = ",\t;|"
_SNIFFED_LINES: Final = 20
_LEAST_LINES: Final = 3
_MAX_CELLS: Final = 100_000


@dataclass(slots=True)
class TableFacts:
    """What was odd in the rows so far.

    Attributes:
        widths: number of rows by number of cells, at most 1,000 different ones.
        with_nul: rows that hold a NUL character.
        unclosed: quotes that did not close within 4 Mi characters.
    """

    rows: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    with_nul: int = 0
    unclosed: int = 0


def sniff_delimiter(head: str) -> str | None:
    """Return the delimiter that the first whole lines agree on; None when the text is no table."""
    lines = [line for line in head.splitlines()[:_SNIFFED_LINES] if line.strip()]
    if len(lines) < _LEAST_LINES:
        return None
    lines = lines[:-1] if len(lines) < _SNIFFED_LINES and not head.endswith("\n") else lines
    csv.field_size_limit(_LARGEST_CELL)
    for delimiter in _DELIMITERS:
        widths = _widths(lines, delimiter)
        if len(widths) == 1 and widths.pop() >= 2:
            return delimiter
    return None


def _widths(lines: list[str], delimiter: str) -> set[int]:
    """Cells of each row; none when the lines are no table of that kind."""
    try:
        return {len(row) for row in csv.reader(lines, delimiter=delimiter)}
    except csv.Error:
        return set()


def read_rows(source: ByteSource, delimiter: str, stop: int, facts: TableFacts) -> Iterator[list[str]]:
    """Yield the rows that begin before `stop`, each cut after 100,000 cells; fill in `facts`."""
    csv.field_size_limit(_LARGEST_CELL)
    lines = _Remembering(text_lines(source, stop))
    while True:
        try:
            for row in csv.reader(lines, delimiter=delimiter):
                lines.forget()
                _note(row, facts)
                yield row[:_MAX_CELLS]
            return
        except csv.Error:
            facts.unclosed += 1
            yield from _unquoted(lines.take_back(), delimiter, facts)


def _unquoted(lines: list[str], delimiter: str, facts: TableFacts) -> Iterator[list[str]]:
    for line in lines:
        row = line.rstrip("\r\n").split(delimiter)
        _note(row, facts)
        yield row[:_MAX_CELLS]


def _note(row: list[str], facts: TableFacts) -> None:
    facts.rows += 1
    if len(facts.widths) < 1_000 or len(row) in facts.widths:
        facts.widths[len(row)] += 1
    if any("\0" in cell for cell in row):
        facts.with_nul += 1


class _Remembering:
    """Lines, of which those of the row at hand can be had again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._kept.append(line)
        return line

    def forget(self) -> None:
        self._kept.clear()

    def take_back(self) -> list[str]:
        kept, self._kept = self._kept, []
        return kept
