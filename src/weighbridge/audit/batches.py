"""From the entries of a source to batches of whole repositories that have work left.

The listing passes by once. Entries of finished repositories are dropped; the others wait until all
files of theirs have come, so that a repository is scanned and judged while its bytes are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from weighbridge.audit.grouping import MOST_TOGETHER
from weighbridge.audit.store import RepositoryRow, Store
from weighbridge.fetchers.interface import Entry, Problem

_PORTION: Final = 1000


@dataclass(slots=True)
class Gathered:
    """Entries of one repository, by name in the source.

    `is_whole` is false for a part of a repository that is too large to be held, and for one whose
    files did not all come.
    """

    repository: RepositoryRow
    entries: dict[str, Entry] = field(default_factory=dict)
    is_whole: bool = False


class Gathering:
    """Puts the entries of a source together."""

    def __init__(
        self,
        store: Store,
        source_id: str,
        *,
        left: Mapping[str, int],
        rows: Iterable[RepositoryRow],
        batch_files: int,
    ) -> None:
        self._batch_files = batch_files
        self._store = store
        self._source_id = source_id
        self._left = left
        self._rows = {row.id: row for row in rows if row.id in left}
        self._open: dict[str, Gathered] = {}

    def batches(self, items: Iterable[Entry | Problem]) -> Iterator[list[Gathered]]:
        """Yield repositories, several small ones together, as soon as they are complete."""
        batch: list[Gathered] = []
        weight = 0
        for gathered in self._gathered(iter(items)):
            batch.append(gathered)
            weight += max(1, min(self._left[gathered.repository.id], len(gathered.entries)))
            if weight >= self._batch_files:
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch

    def _gathered(self, items: Iterator[Entry | Problem]) -> Iterator[Gathered]:
        while portion := list(islice(items, _PORTION)):
            entries = {item.name: item for item in portion if isinstance(item, Entry)}
            homes = self._store.homes(self._source_id, entries)
            for name, entry in entries.items():
                row = self._rows.get(homes.get(name, ""))
                if row is not None:
                    yield from self._add(row, entry)
        yield from self._open.values()
        self._open.clear()

    def _add(self, row: RepositoryRow, entry: Entry) -> Iterator[Gathered]:
        gathered = self._open.setdefault(row.id, Gathered(row))
        gathered.entries[entry.name] = entry
        if row.files > MOST_TOGETHER:
            if len(gathered.entries) >= self._batch_files:
                yield self._open.pop(row.id)
        elif len(gathered.entries) == row.files:
            gathered.is_whole = True
            yield self._open.pop(row.id)
