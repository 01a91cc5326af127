"""The one pass over the cells of every table, and over the strings in images and sound.

Whatever the format, a cell is (column, row, text or bytes). Cells are gathered into blocks; a block
is searched once for the stems of all patterns, for invisible characters and for what a spreadsheet
would compute, and only the cells in which something is found are looked at closer. What is found is
told once for each rule and column, with how often and with five examples.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from weighbridge.analyzers.datasets.cell_pickles import (
    imports_something,
    pickle_in_bytes,
    pickle_in_text,
)
from weighbridge.analyzers.datasets.cell_tests import formula_rule
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import WeighbridgeError
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.hidden_text import Hidden, find_hidden, has_invisible
from weighbridge.knowledge.cell_patterns import CellPattern, Where, installed_cell_patterns
from weighbridge.knowledge.secrets import is_secret, secret_of

Cell: TypeAlias = "tuple[str, int, str | bytes]"
"""Column (names joined by dots), row from 1, value."""

_BLOCK_CHARS: Final = 64 * 1024
_BOUNDARY: Final = "\x1e"
_EXAMPLES: Final = 5
_AROUND: Final = 40
_COLUMNS: Final = 1_000
_OTHER_COLUMNS: Final = "(further columns)"
_NESTED: Final = 100
_DIALOGUE_SHARE: Final = 0.2
_TEXT_PICKLE: Final = frozenset("ci(")
_FORMULA_MARKS: Final = frozenset("=+-@\t\r")
_PICKLED_CELLS, _ROLE_TOKENS, _IN_DIALOGUE = "CEL012", "CEL006", "CEL009"
_HIDDEN_RULES: Final = {
    Hidden.TAGS: "CEL001",
    Hidden.SELECTORS: "CEL002",
    Hidden.ZERO_WIDTH_RUN: "CEL003",
    Hidden.OVERRIDE: "CEL003",
    Hidden.IN_WORD: "CEL004",
    Hidden.STRAY: "CEL004",
}


class Kind(Enum):
    """Where cells come from: what opens them decides what can happen."""

    SPREADSHEET = "rows"
    """CSV and TSV, which people open in a spreadsheet."""
    RECORDS = "records"
    METADATA = "values"
    """Strings of images and sound; they are no table."""


@dataclass(slots=True)
class _Tally:
    """What one rule found in one column."""

    name: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


def inspect_cells(
    artifact: Artifact, cells: Iterable[Cell], context: Context, kind: Kind
) -> Generator[Event, None, bool]:
    """Yield the pickles in the cells as they come, and the findings at the end.

    When the cells end in an error, what was found before it is yielded first.

    Returns:
        True when a cell held a pickle.
    """
    sweep = CellSweep(artifact, kind)
    try:
        for number, cell in enumerate(cells):
            sweep.add(cell)
            if number % 4096 == 0:
                context.budget.check_time()
            if sweep.nested:
                yield from sweep.take_nested()
    except WeighbridgeError:
        yield from sweep.findings()
        raise
    yield from sweep.findings()
    return sweep.has_pickles


class CellSweep:
    """What was found so far in the cells of one artifact."""

    def __init__(self, artifact: Artifact, kind: Kind) -> None:
        self._artifact = artifact
        self._kind = kind
        self._patterns = installed_cell_patterns()
        self._by_stem: dict[str, list[CellPattern]] = {}
        for pattern in self._patterns.patterns:
            for stem in pattern.stems:
                self._by_stem.setdefault(stem, []).append(pattern)
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._counts: dict[str, int] = {}
        self._block: list[tuple[str, int, str]] = []
        self._chars = 0
        self._pickles: set[bytes] = set()
        self._unexamined = 0
        self.nested: list[Artifact] = []

    @property
    def has_pickles(self) -> bool:
        """True when a cell held a pickle: then a loader runs what is in the others."""
        return any(rule == _PICKLED_CELLS for rule, _ in self._tallies)

    def add(self, cell: Cell) -> None:
        """Take one cell."""
        column, row, value = cell
        if column not in self._counts and len(self._counts) >= _COLUMNS:
            column = _OTHER_COLUMNS
        self._counts[column] = self._counts.get(column, 0) + 1
        if isinstance(value, bytes):
            self._add_bytes(column, row, value)
            return
        if value[:2] == "gA" or value[:1] in _TEXT_PICKLE:
            self._pickled(column, row, pickle_in_text(value))
        if value[:1] in _FORMULA_MARKS and len(value) > 2:
            self._formula(column, row, value)
        if value:
            self._block.append((column, row, value))
            self._chars += len(value) + 1
            if self._chars >= _BLOCK_CHARS:
                self._search()

    def take_nested(self) -> list[Artifact]:
        """Return the artifacts that were found since the last time."""
        taken, self.nested = self.nested, []
        return taken

    def findings(self) -> Iterator[Event]:
        """Search what is left and yield all findings. To be called once."""
        self._search()
        yield from self.take_nested()
        dialogues = {column for column in self._counts if self._is_dialogue(column)}
        for (rule, column), tally in self._tallies.items():
            yield self._finding(rule, column, tally, is_dialogue=column in dialogues)
        if self._unexamined:
            detail = (
                f"{self._unexamined:,} pickles in cells were not looked at; the first {_NESTED} were"
            )
            yield Coverage(
                path=self._artifact.path, format="cells", outcome=Outcome.LIMITED, detail=detail
            )

    # Cells of bytes.

    def _add_bytes(self, column: str, row: int, value: bytes) -> None:
        found = pickle_in_bytes(value)
        if found is not None:
            self._pickled(column, row, found)
            return
        if value.isascii() or _is_text(value):
            self.add_text(column, row, value.decode("utf-8", "replace"))

    def add_text(self, column: str, row: int, value: str) -> None:
        """Take the text of a cell of bytes, which no spreadsheet shows."""
        if value:
            self._block.append((column, row, value))
            self._chars += len(value) + 1
            if self._chars >= _BLOCK_CHARS:
                self._search()

    def _pickled(self, column: str, row: int, pickled: bytes | None) -> None:
        if pickled is None:
            return
        self._tally(_PICKLED_CELLS, column, "pickle").add(f"row {row:,}: {len(pickled):,} bytes")
        if not imports_something(pickled):
            return
        digest = hashlib.sha256(pickled).digest()
        if digest in self._pickles:
            return
        if len(self._pickles) >= _NESTED:
            self._unexamined += 1
            return
        self._pickles.add(digest)
        name = f"{column[:100]} row {row}"
        self.nested.append(self._artifact.nested(name, MemorySource(pickled)))

    # Cells of text.

    def _formula(self, column: str, row: int, value: str) -> None:
        if self._kind is Kind.METADATA:
            return
        rule = formula_rule(value, is_spreadsheet=self._kind is Kind.SPREADSHEET)
        if rule is not None:
            self._tally(rule, column, "formula").add(f"row {row:,}: {quoted(value)}")

    def _search(self) -> None:
        """Search the block that was gathered."""
        block, self._block, self._chars = self._block, [], 0
        text = _BOUNDARY.join(value for _, _, value in block)
        found: dict[int, set[str]] = {}
        starts: list[int] = []
        lowered = text.lower()
        for match in self._patterns.stems.finditer(lowered):
            if not starts:
                # Lower case may be longer than the text, so places are counted in it.
                starts = _starts(value.lower() for _, _, value in block)
            found.setdefault(bisect_right(starts, match.start()) - 1, set()).add(match.group())
        for index, stems in found.items():
            if index < len(block):
                self._close_look(*block[index], stems)
        if has_invisible(text):
            for column, row, value in block:
                if has_invisible(value):
                    self._hidden(column, row, value)

    def _close_look(self, column: str, row: int, value: str, stems: set[str]) -> None:
        seen: set[str] = set()
        for stem in sorted(stems):
            for pattern in self._by_stem[stem]:
                if pattern.name not in seen:
                    seen.add(pattern.name)
                    self._try(pattern, column, row, value)

    def _try(self, pattern: CellPattern, column: str, row: int, value: str) -> None:
        if pattern.where is Where.METADATA and self._kind is not Kind.METADATA:
            return
        match = pattern.regex.search(value)
        if match is None:
            return
        if pattern.check is None:
            start, stop = max(0, match.start() - _AROUND), match.end() + _AROUND
            shown = f"row {row:,}: {quoted(value[start:stop])}"
        elif is_secret(secret_of(match), pattern.check, self._patterns.placeholders):
            shown = f"row {row:,}: {pattern.name} (not shown)"
        else:
            return
        self._tally(pattern.rule, column, pattern.name).add(shown)

    def _hidden(self, column: str, row: int, value: str) -> None:
        rules: set[str] = set()
        for hidden in find_hidden(value):
            rule = _HIDDEN_RULES[hidden.kind]
            if rule in rules:
                continue
            rules.add(rule)
            start, stop = max(0, hidden.start - 20), min(hidden.stop, hidden.start + 40) + 20
            spelled = f", which spells {quoted(hidden.text)}" if hidden.text else ""
            example = f"row {row:,}: {value[start:stop]!a}: {hidden.kind}{spelled}"
            self._tally(rule, column, hidden.kind.value).add(example)

    # Findings.

    def _tally(self, rule: str, column: str, name: str) -> _Tally:
        return self._tallies.setdefault((rule, column), _Tally(name))

    def _is_dialogue(self, column: str) -> bool:
        """True when the column holds dialogues: by its name, or because every fifth cell has a role."""
        parts = column.lower().replace("[]", "").split(".")
        if not self._patterns.dialogue_columns.isdisjoint(parts):
            return True
        tokens = self._tallies.get((_ROLE_TOKENS, column))
        return tokens is not None and tokens.count >= max(2, _DIALOGUE_SHARE * self._counts[column])

    def _finding(self, rule: str, column: str, tally: _Tally, *, is_dialogue: bool) -> Finding:
        total = max(self._counts.get(column, 0), tally.count)
        share = f"{tally.count:,} of {total:,} cells ({100 * tally.count / total:.3g} %)"
        lines = [f"{share} of {quoted(column)}: {tally.name}", *tally.examples]
        if rule in (_ROLE_TOKENS, "CEL005") and is_dialogue:
            rule, name = _IN_DIALOGUE, f"{tally.name} in dialogue"
        else:
            name = tally.name
        return Finding(
            rule=rule,
            path=self._artifact.path,
            subject=f"{name} in {column}"[:300],
            evidence="\n".join(lines),
            route=f"column {quoted(column)}",
        )


def _starts(values: Iterable[str]) -> list[int]:
    """Where each value begins in the joined text."""
    starts, at = [], 0
    for value in values:
        starts.append(at)
        at += len(value) + 1
    return starts


def _is_text(value: bytes) -> bool:
    if b"\0" in value[:4096]:
        return False
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
