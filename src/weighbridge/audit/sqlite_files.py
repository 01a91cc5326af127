"""Open the files of a SQLite store: one for the rows, and one that only its writer holds.

The second is locked by an open transaction, which the system ends with the process, however it
dies. So a killed audit never leaves a lock behind, and two audits never write to one store.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from weighbridge.audit.schema import MIGRATIONS
from weighbridge.errors import UsageError

_MAGIC: Final = b"SQLite format 3\0"
_PATIENCE_S: Final = 30.0


def lock_for_writing(path: Path) -> sqlite3.Connection:
    """Return what holds the lock until it is closed.

    Raises:
        UsageError: another process holds it, or the file can't be made.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        lock = sqlite3.connect(beside, timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise UsageError(
                f"another audit is writing to {str(path)!r}: wait for it to end "
                f"(weighbridge audit status --store {path} shows how far it is), or use another --store"
            ) from None
        raise UsageError(f"can't write {str(beside)!r}: {error}") from error
    return lock


def open_writable(path: Path) -> sqlite3.Connection:
    """Open or make a store, and bring its tables up to date.

    Raises:
        UsageError: it is no store, a newer one, or can't be written.
    """
    _check_kind(path)
    try:
        connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        raise UsageError(f"can't write the store {str(path)!r}: {error}") from error
    return connection


def open_readable(path: Path) -> sqlite3.Connection:
    """Open a store that exists.

    Raises:
        UsageError: there is none, or it is no store, or of another version.
    """
    if not path.is_file():
        raise UsageError(
            f"there is no store {str(path)!r}; "
            f"make one with: weighbridge audit run TARGET --store {path}"
        )
    _check_kind(path)
    try:
        connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        connection.execute("PRAGMA query_only=ON")
        version = _version(connection, path)
    except sqlite3.DatabaseError as error:
        raise UsageError(f"can't read the store {str(path)!r}: {error}") from error
    if version != len(MIGRATIONS):
        raise UsageError(
            f"{str(path)!r} is a store of version {version}, this program reads {len(MIGRATIONS)}: "
            "run weighbridge audit run on it once"
        )
    return connection


def _check_kind(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"can't read the store {str(path)!r}: {error.strerror}") from error
    if head and head != _MAGIC:
        raise UsageError(f"{str(path)!r} is no audit store (a SQLite file): name another --store")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master")}
    if "migration" not in tables:
        if tables:
            raise UsageError(f"{str(path)!r} is a database of something else: name another --store")
        return 0
    return int(connection.execute("SELECT MAX(number) FROM migration").fetchone()[0])


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version > len(MIGRATIONS):
        raise UsageError(
            f"{str(path)!r} was written by a newer weighbridge (store version {version}, "
            f"this one knows {len(MIGRATIONS)}): update weighbridge"
        )
    for number in range(version, len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        if number == 0:
            connection.execute("CREATE TABLE migration (number INTEGER PRIMARY KEY)")
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute("INSERT INTO migration (number) VALUES (?)", (number + 1,))
        connection.execute("COMMIT")
    if os.name == "posix" and version == 0:
        path.chmod(0o600)  # it names what a company keeps where
