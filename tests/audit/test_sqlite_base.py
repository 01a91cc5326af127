"""Transactions of the store, and interrupts that come when they like."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from weighbridge.audit.sqlite_base import Connected


def _store(interrupt_behind: str) -> Connected:
    """A store whose database is interrupted right behind one statement, once."""
    database = sqlite3.connect(":memory:", isolation_level=None, factory=_Interrupted)
    database.execute("CREATE TABLE a (b)")
    assert isinstance(database, _Interrupted)
    database.behind = interrupt_behind
    return Connected(database)


class _Interrupted(sqlite3.Connection):
    behind = ""

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        done = super().execute(sql, *values)  # type: ignore[arg-type]
        if self.behind and sql.startswith(self.behind):
            self.behind = ""
            raise KeyboardInterrupt
        return done


def _write(store: Connected) -> None:
    with store.transaction():
        store.db.execute("INSERT INTO a VALUES (1)")


@pytest.mark.parametrize(("statement", "rows"), [("BEGIN", 1), ("INSERT", 1), ("COMMIT", 2)])
def test_an_interrupt_leaves_the_store_ready_for_the_next_transaction(statement: str, rows: int) -> None:
    store = _store(statement)
    with pytest.raises(KeyboardInterrupt):
        _write(store)
    _write(store)
    assert store.one("SELECT COUNT(*) FROM a") == rows


def test_an_error_of_the_block_is_the_one_that_is_told() -> None:
    store = _store("")
    fail: Callable[[], float] = lambda: 1 / 0  # noqa: E731
    with pytest.raises(ZeroDivisionError), store.transaction():
        fail()
    assert not store.db.in_transaction
