"""SQLite: schemas that reach out, and cells."""

from __future__ import annotations

import pytest
from samples.recipes.dataset_bytes import sqlite

from tests.analyzers.archive_events import Seen, look
from weighbridge.analyzers.datasets.sqlite import inspect
from weighbridge.errors import Malformed

TABLE = ("table", "data", "data", 2, "CREATE TABLE data(text TEXT)")


def _with(kind: str, sql: str, *, root: int = 0) -> Seen:
    return look(inspect, sqlite([TABLE, (kind, "other", "data", root, sql)], [["plain"]]))


@pytest.mark.parametrize(
    ("kind", "sql", "rule"),
    [
        ("view", "CREATE VIEW other AS SELECT load_extension('x')", "DST020"),
        ("trigger", "CREATE TRIGGER other AFTER INSERT ON data BEGIN SELECT edit(1); END", "DST020"),
        ("index", "CREATE INDEX other ON data(fts3_tokenizer('x', 1))", "DST020"),
        ("table", "CREATE VIRTUAL TABLE other USING zipfile('x')", "DST020"),
        ("table", "CREATE VIRTUAL TABLE other USING csv(filename='x')", "DST021"),
        ("view", "CREATE TABLE other(a)", "DST022"),
        ("nothing", "CREATE TABLE other(a)", "DST022"),
    ],
)  # fmt: skip
def test_a_schema_is_judged_by_its_sql(kind: str, sql: str, rule: str) -> None:
    assert rule in _with(kind, sql).rules


@pytest.mark.parametrize("root", [2, 99])
def test_a_root_page_that_is_taken_or_outside_is_told(root: int) -> None:
    assert "DST022" in _with("table", "CREATE TABLE other(a)", root=root).rules


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("view", "CREATE VIEW other AS SELECT upper(text), substr(text, 1) FROM data"),
        ("table", "CREATE VIRTUAL TABLE other USING fts5(text)"),
        ("index", "CREATE UNIQUE INDEX other ON data(text)"),
        ("index", ""),
    ],
)
def test_honest_schemas_are_not_told(kind: str, sql: str) -> None:
    seen = _with(kind, sql)
    assert (seen.findings, seen.rows, seen.error) == ([], [], None)


def test_cells_carry_the_name_of_their_column() -> None:
    seen = look(inspect, sqlite([TABLE], [["<script >"]]))
    assert [one.route for one in seen.findings] == ["column 'data.text'"]


def test_a_broken_table_does_not_hide_the_others() -> None:
    second = ("table", "more", "more", 3, "CREATE TABLE more(x TEXT)")
    data = bytearray(sqlite([TABLE, second], [["plain"], ["<script >"]]))
    data[4096] = 99
    seen = look(inspect, bytes(data))
    assert seen.rules == {"CEL007"}
    assert isinstance(seen.error, Malformed)
