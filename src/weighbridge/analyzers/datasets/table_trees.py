"""JSON documents that are tables: lists of records, in the shapes in which pandas writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.datasets.json_lines import flatten
from weighbridge.formats.documents.strict_json import Json

_CONTAINERS: Final = ("data", "rows", "records", "examples", "instances", "train", "test", "validation")
_LEAST_RECORDS: Final = 2
_COMPARED: Final = 20


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is a table."""
    tables = [(name, table) for name, table in _tables(tree) if _is_table(table)]
    return _judged(artifact, tables, context) if tables else None


def _judged(
    artifact: Artifact, tables: list[tuple[str, list[Json]]], context: Context
) -> Iterator[Event]:
    cells = (cell for name, table in tables for cell in _cells(name, table))
    yield from inspect_cells(artifact, cells, context, Kind.RECORDS)


def _tables(tree: Json) -> Iterator[tuple[str, list[Json]]]:
    if isinstance(tree, list):
        yield "", tree
    elif isinstance(tree, Mapping):
        for name in _CONTAINERS:
            table = tree.get(name)
            if isinstance(table, list):
                yield name, table
        if tree and all(_is_column(column) for column in tree.values()):
            yield from ((name, _values(column)) for name, column in tree.items())


def _is_column(column: Json) -> bool:
    """True for a column as pandas writes it: values by the number of their row."""
    return isinstance(column, Mapping) and bool(column) and all(map(str.isdigit, column))


def _values(column: Json) -> list[Json]:
    return [{"": value} for value in column.values()] if isinstance(column, Mapping) else []


def _is_table(table: list[Json]) -> bool:
    """True when the first records have a key in common, or are lists of one length."""
    first = table[:_COMPARED]
    widths = {len(row) for row in first if isinstance(row, list)}
    if len(widths) == 1 and len(first) >= _LEAST_RECORDS and all(isinstance(one, list) for one in first):
        return True
    keys = [set(record) for record in first if isinstance(record, Mapping)]
    return len(keys) == len(first) >= _LEAST_RECORDS and bool(set.intersection(*keys))


def _cells(name: str, table: list[Json]) -> Iterator[Cell]:
    for number, record in enumerate(table, start=1):
        for column, text in flatten(record, name):
            yield column.rstrip("."), number, text
