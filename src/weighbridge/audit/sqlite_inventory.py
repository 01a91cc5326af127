"""What lies where, in SQLite; see `store.Store`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from weighbridge.audit.sqlite_base import PAGE, Connected, marks, portions
from weighbridge.audit.store import (
    LocationRow,
    Placed,
    ProblemRow,
    RepositoryRow,
)
from weighbridge.audit.stored_events import (
    of_number,
    of_optional_number,
    of_optional_text,
    of_text,
    to_text,
)

_LOCATION: Final = "name, size_bytes, stamp, content, provenance, sha256"


class InventoryTables(Connected):
    """Locations, problems and the repositories that they make up."""

    def known(self, source_id: str, names: Collection[str]) -> Mapping[str, LocationRow]:
        found: dict[str, LocationRow] = {}
        for portion in portions([to_text(name) for name in names]):
            rows = self.db.execute(
                f"SELECT {_LOCATION} FROM location WHERE source_id = ? AND gone_run IS NULL "
                f"AND name IN ({marks(portion)})",
                (source_id, *portion),
            )
            found.update((one.name, one) for one in map(_location_of, rows))
        return found

    def saw(self, source_id: str, run_id: int, names: Sequence[str]) -> None:
        with self.transaction():
            for portion in portions([to_text(name) for name in names]):
                self.db.execute(
                    "UPDATE location SET seen_run = ? "
                    f"WHERE source_id = ? AND name IN ({marks(portion)})",
                    (run_id, source_id, *portion),
                )

    def placed(self, source_id: str) -> str:
        return of_text(self.one("SELECT placed FROM source WHERE id = ?", source_id))

    def put_locations(self, source_id: str, run_id: int, rows: Sequence[LocationRow]) -> None:
        with self.transaction():
            self.db.execute("UPDATE source SET placed = '' WHERE id = ?", (source_id,))
            self.db.executemany(
                "INSERT INTO location (source_id, name, size_bytes, stamp, content, provenance, sha256, "
                "seen_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, name) DO UPDATE SET "
                "size_bytes = excluded.size_bytes, stamp = excluded.stamp, content = excluded.content, "
                "provenance = excluded.provenance, sha256 = excluded.sha256, "
                "seen_run = excluded.seen_run, gone_run = NULL",
                (
                    (
                        source_id,
                        to_text(row.name),
                        row.size_bytes,
                        to_text(row.stamp),
                        row.content,
                        row.provenance,
                        row.sha256,
                        run_id,
                    )
                    for row in rows
                ),
            )

    def put_problems(self, source_id: str, run_id: int, rows: Sequence[ProblemRow]) -> None:
        with self.transaction():
            self.db.executemany(
                "INSERT INTO problem (source_id, name, kind, detail, seen_run) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (source_id, name) DO UPDATE SET kind = excluded.kind, "
                "detail = excluded.detail, seen_run = excluded.seen_run, gone_run = NULL",
                ((source_id, to_text(row.name), row.kind, to_text(row.detail), run_id) for row in rows),
            )

    def sweep(self, source_id: str, run_id: int) -> int:
        unseen = "SET gone_run = ? WHERE source_id = ? AND seen_run < ? AND gone_run IS NULL"
        with self.transaction():
            self.db.execute(f"UPDATE problem {unseen}", (run_id, source_id, run_id))
            gone = self.db.execute(f"UPDATE location {unseen}", (run_id, source_id, run_id)).rowcount
            if gone:
                self.db.execute("UPDATE source SET placed = '' WHERE id = ?", (source_id,))
        return gone

    def live(self, source_id: str) -> Iterator[LocationRow]:
        last = ""
        while True:  # page by page: who reads may write between two pages
            rows = self.db.execute(
                f"SELECT {_LOCATION} FROM location WHERE source_id = ? AND gone_run IS NULL "
                "AND name > ? ORDER BY name LIMIT ?",
                (source_id, last, PAGE),
            ).fetchall()
            if not rows:
                return
            yield from map(_location_of, rows)
            last = str(rows[-1][0])

    def place(self, source_id: str, rows: Iterable[Placed]) -> None:
        rows = iter(rows)
        while portion := list(islice(rows, PAGE)):
            with self.transaction():
                self._place(source_id, portion)

    def _place(self, source_id: str, rows: Sequence[Placed]) -> None:
        self.db.executemany(
            "INSERT INTO artifact (id, name, content, provenance, size_bytes) "
            "SELECT ?, ?, content, provenance, size_bytes FROM location "
            "WHERE source_id = ? AND name = ? ON CONFLICT (id) DO NOTHING",
            ((row.artifact_id, to_text(row.told_name), source_id, to_text(row.name)) for row in rows),
        )
        self.db.executemany(
            "UPDATE location SET repository_id = ?, artifact_id = ? WHERE source_id = ? AND name = ?",
            ((row.repository_id, row.artifact_id, source_id, to_text(row.name)) for row in rows),
        )

    def manifests(self, source_id: str) -> Iterator[tuple[str, str, str]]:
        rows = self.db.execute(
            "SELECT repository_id, name, artifact_id FROM location "
            "WHERE source_id = ? AND gone_run IS NULL ORDER BY repository_id, name",
            (source_id,),
        )
        for repository, name, artifact in rows:
            yield of_text(repository), of_text(name), of_text(artifact)

    def put_repositories(
        self, source_id: str, run_id: int, rows: Sequence[RepositoryRow], *, placed: str
    ) -> None:
        with self.transaction():
            self.db.execute("UPDATE source SET placed = ? WHERE id = ?", (placed, source_id))
            self.db.execute(
                "UPDATE repository SET gone_run = ? WHERE source_id = ? AND gone_run IS NULL",
                (run_id, source_id),
            )
            self.db.executemany(
                "INSERT INTO repository (id, source_id, root, files, manifest) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET files = excluded.files, manifest = excluded.manifest, "
                "gone_run = NULL",
                ((row.id, source_id, to_text(row.root), row.files, row.manifest) for row in rows),
            )

    def repositories(self, source_id: str) -> Iterator[RepositoryRow]:
        rows = self.db.execute(
            "SELECT id, root, files, manifest FROM repository "
            "WHERE source_id = ? AND gone_run IS NULL ORDER BY root",
            (source_id,),
        )
        for row in rows:
            yield RepositoryRow(
                id=of_text(row[0]),
                source_id=source_id,
                root=of_text(row[1]),
                files=of_number(row[2]),
                manifest=of_text(row[3]),
            )

    def homes(self, source_id: str, names: Collection[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for portion in portions([to_text(name) for name in names]):
            rows = self.db.execute(
                "SELECT name, repository_id FROM location WHERE source_id = ? AND gone_run IS NULL "
                f"AND repository_id IS NOT NULL AND name IN ({marks(portion)})",
                (source_id, *portion),
            )
            found.update((of_text(name), of_text(home)) for name, home in rows)
        return found

    def problems(self, source_id: str) -> Sequence[ProblemRow]:
        rows = self.db.execute(
            "SELECT name, kind, detail FROM problem WHERE source_id = ? AND gone_run IS NULL "
            "ORDER BY name",
            (source_id,),
        )
        return tuple(
            ProblemRow(name=of_text(row[0]), kind=of_text(row[1]), detail=of_text(row[2]))
            for row in rows
        )


def _location_of(row: Sequence[object]) -> LocationRow:
    return LocationRow(
        name=of_text(row[0]),
        size_bytes=of_optional_number(row[1]),
        stamp=of_text(row[2]),
        content=of_text(row[3]),
        provenance=of_text(row[4]),
        sha256=of_optional_text(row[5]),
    )
