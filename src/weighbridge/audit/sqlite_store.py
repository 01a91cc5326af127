"""The store in SQLite: write-ahead log, one transaction for each call that writes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from weighbridge.audit.sqlite_files import lock_for_writing, open_readable, open_writable
from weighbridge.audit.sqlite_inventory import InventoryTables
from weighbridge.audit.sqlite_runs import RunTables
from weighbridge.audit.sqlite_work import WorkTables


class SqliteStore(RunTables, InventoryTables, WorkTables):
    """A `Store` in one file. Use it from the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, lock: sqlite3.Connection | None) -> None:
        super().__init__(connection)
        self._lock = lock

    @classmethod
    def for_writing(cls, path: Path) -> SqliteStore:
        """Open or make a store, alone.

        Raises:
            UsageError: another process writes to it, or it is no store.
        """
        lock = lock_for_writing(path)
        try:
            return cls(open_writable(path), lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def for_reading(cls, path: Path) -> SqliteStore:
        """Open a store beside whoever writes to it.

        Raises:
            UsageError: there is none, or it is no store.
        """
        return cls(open_readable(path), None)

    def close(self) -> None:
        self.db.close()
        if self._lock is not None:
            self._lock.close()
