"""SQLite: what its schema would run, then the cells. Nothing is given to SQLite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.datasets.tables import rest_row, searched_bytes
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.datasets.sqlite import SqlKind, SqlObject, read_schema
from weighbridge.formats.datasets.sqlite_pages import SqlitePages
from weighbridge.formats.kinds import Format

_RUNS: Final = re.compile(
    r"\b(?:load_extension|writefile|edit|fts3_tokenizer|eval|readfile|fsdir|zipfile|shell|system)\s*\("
    r"|\bATTACH\s+(?:DATABASE\b|')|\bPRAGMA\s+writable_schema\b",
    re.IGNORECASE,
)
_MODULES: Final = frozenset(
    {"fts1", "fts2", "fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly", "dbstat", "vec0"}
    | {"fts5vocab", "fts3aux", "fts4aux", "spellfix1", "vss0", "bytecode", "json_each", "json_tree"}
)
_HARM, _ACTIVE, _TAMPERED = "DST020", "DST021", "DST022"
_SHOWN: Final = 5
_SAID: Final = {
    SqlKind.TABLE: ("TABLE", "VIRTUAL TABLE"),
    SqlKind.INDEX: ("INDEX",),
    SqlKind.VIEW: ("VIEW",),
    SqlKind.TRIGGER: ("TRIGGER",),
}


@dataclass(slots=True)
class _Walk:
    """How far the tables were read."""

    is_cut: bool = False
    oversized: LimitReached | None = None
    error: Malformed | None = None


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the schema; search the texts and blobs of all tables."""
    source = artifact.source
    header = SqlitePages(source, 1).header
    pages = SqlitePages(source, max(64, searched_bytes(source) // header.page_size))
    objects = list(read_schema(pages))
    yield from _schema(artifact, objects, header.pages)
    walk = _Walk()
    cells = _cells(pages, objects, walk)
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.RECORDS)
    for trouble in (walk.error, walk.oversized):
        if trouble is not None:
            raise trouble
    if walk.is_cut:
        read = f"the first {searched_bytes(source):,} of {source.size:,} bytes"
        yield rest_row(artifact, Format.SQLITE, read, has_pickles=has_pickles)


def _schema(artifact: Artifact, objects: list[SqlObject], pages: int) -> Iterator[Finding]:
    active: list[str] = []
    roots: set[int] = set()
    for one in objects:
        match = _RUNS.search(one.sql)
        if match is not None:
            yield _harmful(artifact, one, match)
        problem = _problem(one, pages, roots)
        if problem:
            evidence = f"{quoted(one.name)}: {problem}"
            yield Finding(rule=_TAMPERED, path=artifact.path, subject=one.name[:200], evidence=evidence)
        roots.add(one.root)
        if one.kind is SqlKind.TRIGGER:
            active.append(f"trigger {quoted(one.name)} on {quoted(one.table)}")
        elif one.module is not None and one.module not in _MODULES:
            active.append(f"virtual table {quoted(one.name)} of the module {quoted(one.module)}")
    if active:
        more = [f"and {len(active) - _SHOWN:,} more"] if len(active) > _SHOWN else []
        evidence = "\n".join(active[:_SHOWN] + more)
        yield Finding(rule=_ACTIVE, path=artifact.path, subject=active[0][:200], evidence=evidence)


def _harmful(artifact: Artifact, one: SqlObject, match: re.Match[str]) -> Finding:
    near = quoted(one.sql[max(0, match.start() - 60) : match.end() + 60])
    return Finding(
        rule=_HARM,
        path=artifact.path,
        subject=f"{one.kind or 'entry'} {one.name[:100]} {match.group().rstrip('( ').lower()}",
        evidence=f"{one.kind or 'entry'} {quoted(one.name)}: {near}",
        route=f"schema {quoted(one.name)}",
    )


def _problem(one: SqlObject, pages: int, roots: set[int]) -> str:
    """What SQLite itself never writes; "" when all is well."""
    if one.kind is None:
        return "is neither table, index, view nor trigger"
    if one.creates is not None and one.creates not in _SAID[one.kind]:
        return f"is a {one.kind} whose SQL creates a {one.creates.lower()}"
    if not 0 <= one.root <= pages:
        return f"begins on page {one.root:,} of {pages:,}"
    if one.root and one.root in roots:
        return f"begins on page {one.root:,}, as another one does"
    if one.root == 1:
        return "begins on the page of the schema itself"
    return ""


def _cells(pages: SqlitePages, objects: list[SqlObject], walk: _Walk) -> Iterator[Cell]:
    for one in objects:
        if one.kind is not SqlKind.TABLE or one.root < 2:
            continue
        names = one.columns
        try:
            for row, record in enumerate(pages.records(one.root), start=1):
                for index, value in enumerate(record):
                    if isinstance(value, str | bytes) and value:
                        name = names[index] if index < len(names) else f"column {index + 1}"
                        yield f"{one.name[:100]}.{name[:100]}", row, value
        except LimitReached as reached:
            if pages.is_spent:
                walk.is_cut = True
                return
            walk.oversized = reached
        except Malformed as error:
            # The other tables can still be read.
            walk.error = walk.error or error
