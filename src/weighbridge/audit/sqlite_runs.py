"""Runs, examiners and sources in SQLite; see `store.Store`."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.audit.keys import Examiner
from weighbridge.audit.sqlite_base import Connected
from weighbridge.audit.store import (
    Counters,
    RunRow,
    ScanState,
    SourceRow,
    SourceState,
    SourceTotals,
)
from weighbridge.audit.stored_events import (
    of_number,
    of_optional_text,
    of_text,
    to_text,
)


class RunTables(Connected):
    """Who audited what, when, and how far that is."""

    def begin_run(self, examiner: Examiner, *, started: str, place: str) -> int:
        with self.transaction():
            self.db.execute(
                "INSERT INTO examiner (id, tool_version, signatures_version, limits) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (
                    examiner.id,
                    examiner.tool_version,
                    examiner.signatures_version,
                    examiner.limits_text,
                ),
            )
            run_id = 1 + of_number(self.one("SELECT COALESCE(MAX(id), 0) FROM run"))
            self.db.execute(
                "INSERT INTO run (id, started, state, place, examiner_id) VALUES (?, ?, ?, ?, ?)",
                (run_id, started, "running", to_text(place), examiner.id),
            )
            self.db.execute(
                "UPDATE run SET state = 'broken off' WHERE state = 'running' AND id < ?", (run_id,)
            )
            self.db.execute(
                "UPDATE scan SET state = ?, lease_run = NULL, lease_until = NULL WHERE state = ?",
                (ScanState.PENDING, ScanState.LEASED),
            )
        return run_id

    def count(self, run_id: int, counters: Counters) -> None:
        with self.transaction():
            self.db.execute(
                "UPDATE run SET listed = ?, scanned = ?, reused = ?, judged = ?, requests = ?, "
                "bytes_received = ?, seconds = ? WHERE id = ?",
                (
                    counters.listed,
                    counters.scanned,
                    counters.reused,
                    counters.judged,
                    counters.requests,
                    counters.bytes_received,
                    counters.seconds,
                    run_id,
                ),
            )

    def end_run(self, run_id: int, *, finished: str, state: str) -> None:
        with self.transaction():
            self.db.execute(
                "UPDATE run SET finished = ?, state = ? WHERE id = ?", (finished, state, run_id)
            )

    def runs(self, limit: int) -> Sequence[RunRow]:
        rows = self.db.execute(
            "SELECT id, started, finished, state, place, examiner_id, listed, scanned, reused, judged, "
            "requests, bytes_received, seconds FROM run ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return tuple(
            RunRow(
                id=of_number(row[0]),
                started=of_text(row[1]),
                finished=of_optional_text(row[2]),
                state=of_text(row[3]),
                place=of_text(row[4]),
                examiner_id=of_text(row[5]),
                counters=Counters(
                    listed=of_number(row[6]),
                    scanned=of_number(row[7]),
                    reused=of_number(row[8]),
                    judged=of_number(row[9]),
                    requests=of_number(row[10]),
                    bytes_received=of_number(row[11]),
                    seconds=float(row[12]),
                ),
            )
            for row in rows
        )

    def put_source(self, row: SourceRow) -> None:
        with self.transaction():
            self.db.execute(
                "INSERT INTO source (id, target, state, detail, run_id, examiner_id, origin) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "target = excluded.target, state = excluded.state, detail = excluded.detail, "
                "run_id = excluded.run_id, examiner_id = excluded.examiner_id, "
                "origin = COALESCE(excluded.origin, source.origin)",
                (
                    row.id,
                    to_text(row.target),
                    row.state,
                    to_text(row.detail),
                    row.run_id,
                    row.examiner_id,
                    row.origin,
                ),
            )

    def sources(self) -> Sequence[SourceRow]:
        rows = self.db.execute(
            "SELECT id, target, state, detail, run_id, examiner_id, origin FROM source ORDER BY target"
        )
        return tuple(
            SourceRow(
                id=of_text(row[0]),
                target=of_text(row[1]),
                state=SourceState(of_text(row[2])),
                detail=of_text(row[3]),
                run_id=of_number(row[4]),
                examiner_id=of_text(row[5]),
                origin=of_optional_text(row[6]),
            )
            for row in rows
        )

    def examiner_of(self, examiner_id: str) -> tuple[str, str]:
        row = self.db.execute(
            "SELECT tool_version, signatures_version FROM examiner WHERE id = ?", (examiner_id,)
        ).fetchone()
        return of_text(row[0]), of_text(row[1])

    def totals(self, source_id: str, examiner_id: str) -> SourceTotals:
        states = self.db.execute(
            "SELECT COALESCE(s.state, 'new'), COUNT(*) FROM location l LEFT JOIN scan s "
            "ON s.subject_id = l.artifact_id AND s.examiner_id = ? "
            "WHERE l.source_id = ? AND l.gone_run IS NULL GROUP BY 1",
            (examiner_id, source_id),
        )
        counted = {of_text(row[0]): of_number(row[1]) for row in states}
        gone = "SELECT COUNT(*) FROM location WHERE source_id = ? AND gone_run IS NOT NULL"
        kept = "SELECT COUNT(*) FROM repository WHERE source_id = ? AND gone_run IS NULL"
        return SourceTotals(
            repositories=of_number(self.one(kept, source_id)),
            files=sum(counted.values()),
            gone=of_number(self.one(gone, source_id)),
            states=counted,
        )
