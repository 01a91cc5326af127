"""Small tables of signatures/: a name, and what is known of it, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir


def table_rows(path: Path, *, columns: int) -> Iterator[list[str]]:
    """Yield the rows of a tab-separated table, none of whose cells is empty.

    Lines that begin with `#` are comments: they say where the rows come from.

    Raises:
        UsageError: the table is missing, or a row has another number of cells.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; reinstall weighbridge") from error
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != columns or not all(cells):
            raise UsageError(f"{path}, line {number}: {columns} columns are needed")
        yield cells


@cache
def listed(table: str) -> Mapping[str, str]:
    """Return a table of two columns: what stands in the second by what stands in the first.

    Args:
        table: path below signatures/, such as `arrays/matlab.tsv`.

    Raises:
        UsageError: the table is missing or breaks its form.
    """
    return MappingProxyType(dict(table_rows(signatures_dir() / table, columns=2)))
