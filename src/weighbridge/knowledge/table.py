"""Narrow parsed TOML, YAML and JSON to the types we expect, or say in words where they differ.

For our own data and the user's configuration only, never for what is scanned: a mistake here
is a `UsageError` that names the file, the place and the key.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from weighbridge.errors import UsageError


@dataclass(frozen=True, slots=True)
class Table:
    """One mapping of a file, and where it stands (`weighbridge.toml, suppress 2`).

    Each accessor raises UsageError when the key is missing or holds another type.
    """

    values: Mapping[str, object]
    where: str

    @classmethod
    def of(cls, value: object, where: str) -> Table:
        """Raises UsageError unless `value` is a mapping with text keys."""
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise UsageError(f"{where}: expected a table, found {describe(value)}")
        return cls(value, where)

    def reject_unknown(self, known: Collection[str]) -> None:
        """Raises UsageError that names the first key outside `known`, and the nearest one inside."""
        for key in self.values:
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
                raise UsageError(f"{self.where}: unknown key {key!r}{hint}")

    def text(self, key: str) -> str:
        """A required text that is not blank."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, "a text that is not empty")
        return value

    def any_text(self, key: str) -> str:
        """A text that may be blank; absent and null are blank too."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value or ""

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if key in self.values else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when the key is absent."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def day(self, key: str) -> date:
        """A required date (TOML's own `2027-01-31`, unquoted)."""
        value = self.values.get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self._wrong(key, "a date such as 2027-01-31, without quotes")
        return value

    def table(self, key: str) -> Table:
        """A nested mapping; empty when the key is absent."""
        return Table.of(self.values.get(key, {}), f"{self.where}, {key}")

    def tables(self, key: str) -> tuple[Table, ...]:
        """A list of mappings; empty when the key is absent. Places count from 1."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self._wrong(key, "a list of tables")
        return tuple(Table.of(item, f"{self.where}, {key} {n}") for n, item in enumerate(value, start=1))

    def keyed(self, key: str) -> Mapping[str, Table]:
        """A mapping of mappings; empty when the key is absent."""
        inner = self.table(key)
        return {name: Table.of(item, f"{inner.where} {name}") for name, item in inner.values.items()}

    def texts_by_key(self, key: str) -> Mapping[str, str]:
        """A mapping of texts; empty when the key is absent."""
        inner = self.table(key)
        return {name: inner.text(name) for name in inner.values}

    def lists_by_key(self, key: str) -> Mapping[str, tuple[str, ...]]:
        """A mapping of lists of texts; empty when the key is absent."""
        inner = self.table(key)
        return {name: inner.texts(name) for name in inner.values}

    def _wrong(self, key: str, expected: str) -> UsageError:
        if key not in self.values:
            return UsageError(f"{self.where}: the key {key!r} is missing; it holds {expected}")
        return UsageError(f"{self.where}: {key!r} must be {expected}, not {describe(self.values[key])}")


def describe(value: object) -> str:
    """Name a wrong value for an error message: short ones are quoted, others only typed."""
    match value:
        case None:
            return "nothing"
        case str() | int() | float() | bool() if len(repr(value)) <= 60:
            return repr(value)
        case _:
            return f"a {type(value).__name__}"
