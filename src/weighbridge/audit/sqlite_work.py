"""The work table and the facts in SQLite; see `store.Store`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.audit.sqlite_base import Connected, marks, portions
from weighbridge.audit.sqlite_facts import delete_events, insert_events, select_events
from weighbridge.audit.store import (
    FileRow,
    Kind,
    Saved,
    ScanRow,
    ScanState,
)
from weighbridge.audit.stored_events import (
    of_number,
    of_optional_number,
    of_optional_text,
    of_text,
    to_text,
)
from weighbridge.engine.wire import Event

_OPEN_STATES: Final = ", ".join(
    f"'{state}'" for state in (ScanState.PENDING, ScanState.LEASED, ScanState.UNREAD)
)


class WorkTables(Connected):
    """What is to be scanned, who has it, and what came of it."""

    def unfinished(self, source_id: str, examiner_id: str) -> Mapping[str, int]:
        unjudged = self.db.execute(
            "SELECT r.id, 0 FROM repository r LEFT JOIN scan s ON s.subject_id = r.id "
            "AND s.examiner_id = ? WHERE r.source_id = ? AND r.gone_run IS NULL "
            f"AND (s.id IS NULL OR s.manifest <> r.manifest OR s.state IN ({_OPEN_STATES}))",
            (examiner_id, source_id),
        )
        unscanned = self.db.execute(
            "SELECT l.repository_id, COUNT(*) FROM location l LEFT JOIN scan s "
            "ON s.subject_id = l.artifact_id AND s.examiner_id = ? "
            "WHERE l.source_id = ? AND l.gone_run IS NULL "
            f"AND (s.id IS NULL OR s.state IN ({_OPEN_STATES})) GROUP BY l.repository_id",
            (examiner_id, source_id),
        )
        return {of_text(row[0]): of_number(row[1]) for rows in (unjudged, unscanned) for row in rows}

    def files(
        self, repository_id: str, examiner_id: str, names: Sequence[str] | None = None
    ) -> Sequence[FileRow]:
        if names is None:
            return tuple(self._files(repository_id, examiner_id, "", ()))
        found: list[FileRow] = []
        for portion in portions([to_text(name) for name in names]):
            chosen = f"AND l.name IN ({marks(portion)})"
            found += self._files(repository_id, examiner_id, chosen, portion)
        return tuple(found)

    def _files(
        self, repository_id: str, examiner_id: str, chosen: str, names: Sequence[str]
    ) -> Iterator[FileRow]:
        rows = self.db.execute(
            "SELECT l.name, l.size_bytes, l.sha256, l.stamp, l.artifact_id, s.id, s.state, s.attempts "
            "FROM location l LEFT JOIN scan s ON s.subject_id = l.artifact_id AND s.examiner_id = ? "
            f"WHERE l.repository_id = ? AND l.gone_run IS NULL {chosen} ORDER BY l.name",
            (examiner_id, repository_id, *names),
        )
        for row in rows:
            yield FileRow(
                name=of_text(row[0]),
                size_bytes=of_optional_number(row[1]),
                sha256=of_optional_text(row[2]),
                stamp=of_text(row[3]),
                artifact_id=of_text(row[4]),
                scan_id=of_optional_text(row[5]),
                state=ScanState(of_text(row[6])) if row[6] is not None else None,
                attempts=of_number(row[7] or 0),
            )

    def scan(self, scan_id: str) -> ScanRow | None:
        row = self.db.execute(
            "SELECT id, kind, subject_id, examiner_id, manifest, state, attempts FROM scan WHERE id = ?",
            (scan_id,),
        ).fetchone()
        if row is None:
            return None
        return ScanRow(
            id=of_text(row[0]),
            kind=Kind(of_text(row[1])),
            subject_id=of_text(row[2]),
            examiner_id=of_text(row[3]),
            manifest=of_text(row[4]),
            state=ScanState(of_text(row[5])),
            attempts=of_number(row[6]),
        )

    def lease(self, rows: Sequence[ScanRow], *, run_id: int, until: str) -> None:
        with self.transaction():
            self.db.executemany(
                "INSERT INTO scan (id, kind, subject_id, examiner_id, manifest, state, attempts, "
                "lease_run, lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET manifest = excluded.manifest, state = excluded.state, "
                "attempts = excluded.attempts, lease_run = excluded.lease_run, "
                "lease_until = excluded.lease_until",
                (
                    (
                        row.id,
                        row.kind,
                        row.subject_id,
                        row.examiner_id,
                        row.manifest,
                        ScanState.LEASED,
                        row.attempts + 1,
                        run_id,
                        until,
                    )
                    for row in rows
                ),
            )

    def release(self, scan_ids: Sequence[str]) -> None:
        with self.transaction():
            self.db.executemany(
                "UPDATE scan SET state = ?, attempts = attempts - 1, lease_run = NULL, "
                "lease_until = NULL WHERE id = ? AND state = ?",
                ((ScanState.PENDING, one, ScanState.LEASED) for one in scan_ids),
            )

    def save(self, results: Sequence[Saved], *, finished: str) -> None:
        with self.transaction():
            delete_events(self.db, [result.scan_id for result in results])
            insert_events(self.db, results)
            self.db.executemany(
                "UPDATE scan SET state = ?, finished = ?, lease_run = NULL, lease_until = NULL, "
                "attempts = CASE WHEN ? THEN 0 ELSE attempts END WHERE id = ?",
                (
                    (
                        result.state,
                        finished,
                        int(result.state in (ScanState.DONE, ScanState.UNREAD)),
                        result.scan_id,
                    )
                    for result in results
                ),
            )

    def retry_set_aside(self) -> int:
        with self.transaction():
            return self.db.execute(
                "UPDATE scan SET state = ?, attempts = 0 WHERE state = ?",
                (ScanState.PENDING, ScanState.SET_ASIDE),
            ).rowcount

    def events(self, scan_ids: Sequence[str]) -> Mapping[str, tuple[Event, ...]]:
        return select_events(self.db, scan_ids)
