"""What scans gave, in three tables of one shape: findings, coverage, and all else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.audit.store import Saved
from weighbridge.audit.stored_events import (
    COVERAGE_COLUMNS,
    FINDING_COLUMNS,
    REMARK_COLUMNS,
    Row,
    Value,
    coverage_of,
    coverage_row,
    finding_of,
    finding_row,
    of_number,
    of_text,
    remark_of,
    remark_row,
)
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage
from weighbridge.engine.wire import Event

_PORTION: Final = 500


@dataclass(frozen=True, slots=True)
class _Table:
    """One table, and how its rows become events."""

    name: str
    columns: str
    of: Callable[[Row], Event]


_FINDING = _Table("finding", FINDING_COLUMNS, finding_of)
_COVERAGE = _Table("coverage", COVERAGE_COLUMNS, coverage_of)
_REMARK = _Table("remark", REMARK_COLUMNS, remark_of)
_TABLES: Final = (_FINDING, _COVERAGE, _REMARK)


def delete_events(db: sqlite3.Connection, scan_ids: Sequence[str]) -> None:
    """Forget what earlier tries gave."""
    for table in _TABLES:
        db.executemany(f"DELETE FROM {table.name} WHERE scan_id = ?", ((one,) for one in scan_ids))


def insert_events(db: sqlite3.Connection, results: Sequence[Saved]) -> None:
    """Write what scans gave. Positions keep the order over all tables."""
    rows: dict[str, list[tuple[Value, ...]]] = {table.name: [] for table in _TABLES}
    for result in results:
        for position, event in enumerate(result.events):
            table, values = _stored(event)
            rows[table.name].append((result.scan_id, position, *values))
    for table in _TABLES:
        marks = ", ".join("?" * (2 + len(table.columns.split(","))))
        db.executemany(
            f"INSERT INTO {table.name} (scan_id, position, {table.columns}) VALUES ({marks})",
            rows[table.name],
        )


def _stored(event: Event) -> tuple[_Table, tuple[Value, ...]]:
    match event:
        case Finding():
            return _FINDING, finding_row(event)
        case Coverage():
            return _COVERAGE, coverage_row(event)
        case _:
            return _REMARK, remark_row(event)


def select_events(db: sqlite3.Connection, scan_ids: Sequence[str]) -> Mapping[str, tuple[Event, ...]]:
    """Return what scans gave, each in its order."""
    found: dict[str, list[tuple[int, Event]]] = {one: [] for one in scan_ids}
    for table in _TABLES:
        for scan_id, position, event in _rows(db, table, list(found)):
            found[scan_id].append((position, event))
    return {
        scan_id: tuple(event for _, event in sorted(pairs, key=lambda pair: pair[0]))
        for scan_id, pairs in found.items()
    }


def _rows(
    db: sqlite3.Connection, table: _Table, scan_ids: Sequence[str]
) -> Iterator[tuple[str, int, Event]]:
    for start in range(0, len(scan_ids), _PORTION):
        portion = scan_ids[start : start + _PORTION]
        marks = ", ".join("?" * len(portion))
        rows = db.execute(
            f"SELECT scan_id, position, {table.columns} FROM {table.name} WHERE scan_id IN ({marks})",
            portion,
        )
        for row in rows:
            yield of_text(row[0]), of_number(row[1]), table.of(row[2:])
