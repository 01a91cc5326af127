"""What the parts of the SQLite store share: a connection, transactions, and lists of values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

PAGE: Final = 10_000
"""Rows that are read or written at once."""
_PORTION: Final = 500
"""Values in one list of a statement."""


class Connected:
    """Tables behind one connection; each part of the store adds what it does with some of them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block is there at its end, or nothing is.

        An interrupt may come at any moment, also right behind the first or the last statement.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def one(self, statement: str, *values: str) -> object:
        """Return the first value of the first row."""
        found: object = self.db.execute(statement, values).fetchone()[0]
        return found


def portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list of values into such as fit into one statement."""
    for start in range(0, len(values), _PORTION):
        yield values[start : start + _PORTION]


def marks(values: Sequence[str]) -> str:
    """Return a place for each value of a list."""
    return ", ".join("?" * len(values))
