"""Small tables of signatures/: a name, and what is known of it, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir


@cache
def listed(table: str) -> Mapping[str, tuple[str, ...]]:
    """Return the rows of a tab-separated table by their first column; the others as they stand.

    Lines that begin with `#` are comments: they say where the rows come from.

    Args:
        table: path below signatures/, such as `arrays/matlab.tsv`.

    Raises:
        UsageError: the table is missing, or a row stands twice.
    """
    path = signatures_dir() / table
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"signatures/{table} can't be read: {error.strerror}") from error
    rows: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *columns = line.split("\t")
        if name in rows:
            raise UsageError(f"signatures/{table}, line {number}: {name!r} is there already")
        rows[name] = tuple(columns)
    return MappingProxyType(rows)
