"""The schema of an SQLite file as it is stored: tables, views, triggers, virtual tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weighbridge.errors import LimitReached
from weighbridge.formats.datasets.sqlite_pages import SqlitePages

_MAX_OBJECTS: Final = 100_000
_IDENTIFIER: Final = re.compile(
    r"\s*(?:\"((?:[^\"]|\"\"){1,200})\"|\[([^\]]{1,200})\]|`([^`]{1,200})`|([^\s,()\"'`]{1,200}))"
)
_CREATES: Final = re.compile(
    r"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+|UNIQUE\s+)?(TABLE|VIEW|TRIGGER|INDEX|VIRTUAL\s+TABLE)\b",
    re.IGNORECASE,
)
_MODULE: Final = re.compile(r"\bUSING\s+[\"`\[]?(\w{1,64})", re.IGNORECASE)
_SQL_CHARS: Final = 1 << 20


class SqlKind(StrEnum):
    """What an entry of the schema says that it is."""

    TABLE = "table"
    INDEX = "index"
    VIEW = "view"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class SqlObject:
    """One row of `sqlite_schema`.

    Attributes:
        kind: None when it is none of the four words.
        root: page of its b-tree; 0 for views, triggers and virtual tables.
        creates: what its SQL creates, in upper case (`TABLE`, `VIRTUAL TABLE`); None without SQL.
    """

    kind: SqlKind | None
    name: str
    table: str
    root: int
    sql: str
    creates: str | None

    @property
    def module(self) -> str | None:
        """The module of a virtual table, in lower case."""
        match = _MODULE.search(self.sql) if self.creates == "VIRTUAL TABLE" else None
        return match[1].lower() if match is not None else None

    @property
    def columns(self) -> list[str]:
        """Names of a table's columns, as far as its SQL shows them."""
        start = self.sql.find("(")
        return list(_column_names(self.sql[start + 1 : _SQL_CHARS])) if start >= 0 else []


def read_schema(pages: SqlitePages) -> Iterator[SqlObject]:
    """Yield the rows of the schema, which begins on page 1.

    Raises:
        Malformed: from the pages.
        LimitReached: more than 100,000 rows.
    """
    for number, record in enumerate(pages.records(1)):
        if number >= _MAX_OBJECTS:
            raise LimitReached(f"a schema of more than {_MAX_OBJECTS:,} rows")
        words = [value if isinstance(value, str) else "" for value in record[:3]] + [""] * 3
        root = record[3] if len(record) > 3 and isinstance(record[3], int) else 0
        sql = record[4] if len(record) > 4 and isinstance(record[4], str) else ""
        creates = _CREATES.match(sql)
        yield SqlObject(
            SqlKind(words[0]) if words[0] in SqlKind._value2member_map_ else None,
            words[1],
            words[2],
            root,
            sql,
            " ".join(creates[1].upper().split()) if creates is not None else None,
        )


def _column_names(text: str) -> Iterator[str]:
    """Yield the first word of each definition between commas outside of parentheses."""
    depth = 0
    at_start = True
    index = 0
    while index < len(text) and depth >= 0:
        if at_start:
            match = _IDENTIFIER.match(text, index)
            if match is not None:
                yield next(group for group in match.groups() if group is not None)
                index = match.end()
            at_start = False
            continue
        char = text[index]
        depth += (char == "(") - (char == ")")
        at_start = char == "," and depth == 0
        index += 1
