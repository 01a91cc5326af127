"""SQLite pages read without SQLite: the same rows, whatever the layout, and no loop without end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.dataset_bytes import sqlite

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.sqlite import read_schema
from weighbridge.formats.datasets.sqlite_pages import SqlitePages, SqlValue

TABLE = ("table", "data", "data", 2, "CREATE TABLE data(text TEXT)")
BASE = sqlite([TABLE], [["one", "two"]])


def _rows(data: bytes, name: str = "data") -> list[list[SqlValue]]:
    pages = SqlitePages(MemorySource(data), 10_000)
    root = next(one.root for one in read_schema(pages) if one.name == name)
    return list(pages.records(root))


def _written(path: Path, script: str, rows: Sequence[tuple[object, ...]], insert: str) -> bytes:
    with sqlite3.connect(path) as base:
        base.executescript(script)
        base.executemany(insert, rows)
    base.close()
    return path.read_bytes()


def test_rows_of_a_hand_made_page_are_read() -> None:
    assert _rows(BASE) == [["one"], ["two"]]


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_rows_are_those_that_sqlite_wrote(tmp_path: Path, page_size: int, encoding: str) -> None:
    rows = [(f"text {n} ü", bytes([n % 256]) * (n * 7), n * 1_000_003, n / 3, None) for n in range(300)]
    script = (
        f"pragma page_size={page_size}; pragma encoding='{encoding}'; create table data(a, b, c, d, e);"
    )
    data = _written(tmp_path / "x.db", script, rows, "insert into data values (?, ?, ?, ?, ?)")
    assert [tuple(row) for row in _rows(data)] == rows


def test_rows_without_rowid_are_read(tmp_path: Path) -> None:
    rows = [(f"{n:05d}", "x" * n) for n in range(500)]
    script = "pragma page_size=512; create table data(a primary key, b) without rowid;"
    data = _written(tmp_path / "x.db", script, rows, "insert into data values (?, ?)")
    assert sorted(tuple(row) for row in _rows(data)) == rows


def test_the_schema_gives_kinds_modules_and_columns(tmp_path: Path) -> None:
    script = (
        'create table data("first name" text default (1 + (2)), [b c], d real);'
        "create view v as select 1; create virtual table w using fts5(text);"
        "create trigger t after insert on data begin select 1; end;"
    )
    data = _written(tmp_path / "x.db", script, [], "insert into data values (?, ?, ?)")
    objects = {one.name: one for one in read_schema(SqlitePages(MemorySource(data), 100))}
    assert objects["data"].columns == ["first name", "b c", "d"]
    assert (objects["w"].module, objects["v"].creates, objects["t"].table) == ("fts5", "VIEW", "data")


def test_a_page_that_is_its_own_child_is_malformed() -> None:
    page = bytearray(BASE)
    page[4096:4108] = b"\x05\0\0\0\0\x10\0\0" + (2).to_bytes(4, "big")
    with pytest.raises(Malformed, match="met twice"):
        _rows(bytes(page))


def test_more_pages_than_are_read_is_a_limit() -> None:
    pages = SqlitePages(MemorySource(BASE), 1)
    roots = [one.root for one in read_schema(pages)]
    with pytest.raises(LimitReached):
        list(pages.records(roots[0]))
    assert pages.is_spent


@pytest.mark.parametrize("length", range(0, len(BASE), 97))
def test_a_cut_file_gives_what_is_whole_or_malformed(length: int) -> None:
    try:
        rows = _rows(BASE[:length])
    except (Malformed, StopIteration):
        return
    assert rows == [["one"], ["two"]]


@given(st.integers(0, len(BASE) - 1), st.binary(min_size=1, max_size=6))
def test_any_change_gives_an_answer(at: int, patch: bytes) -> None:
    data = BASE[:at] + patch + BASE[at + len(patch) :]
    try:
        pages = SqlitePages(MemorySource(data), 100)
        found = [list(pages.records(one.root)) for one in read_schema(pages) if one.root]
    except (Malformed, LimitReached):
        return
    assert sum(map(len, found)) <= len(data)
