"""Tables as text: CSV and TSV, lists of shards, playlists of videos, drawing commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.datasets.shard_lists import judge_shard_lines
from weighbridge.analyzers.datasets.tables import rest_row, searched_bytes
from weighbridge.analyzers.datasets.url_lists import UrlColumns
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.datasets.delimited import TableFacts, read_rows, sniff_delimiter
from weighbridge.formats.kinds import Format

_ODD = "DST027"
_BY_NAME: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_HEADER_CHARS: Final = 100
_PROSE: Final = frozenset(
    {".md", ".rst", ".py", ".sh", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".log"}
)


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    suffix = PurePosixPath(artifact.name.lower()).suffix
    shards = judge_shard_lines(artifact, head)
    if shards is not None:
        return shards
    delimiter = sniff_delimiter(head) if suffix not in _PROSE else None
    if suffix in _BY_NAME:
        return _table(artifact, delimiter or _BY_NAME[suffix], context)
    # Prose has commas: only a tab makes a table of a text that is not named like one.
    return _table(artifact, delimiter, context) if delimiter == "\t" else None


def _table(artifact: Artifact, delimiter: str, context: Context) -> Iterator[Event]:
    facts, urls = TableFacts(), UrlColumns()
    stop = searched_bytes(artifact.source)
    cells = urls.watch(_cells(artifact, delimiter, stop, facts))
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.SPREADSHEET)
    yield from urls.findings(artifact)
    yield from _oddities(artifact, facts)
    if stop < artifact.source.size:
        read = f"the first {stop:,} of {artifact.source.size:,} bytes"
        yield rest_row(artifact, Format.TEXT, read, has_pickles=has_pickles)


def _cells(artifact: Artifact, delimiter: str, stop: int, facts: TableFacts) -> Iterator[Cell]:
    names: list[str] = []
    for number, row in enumerate(read_rows(artifact.source, delimiter, stop, facts), start=1):
        if number == 1:
            names = [name.strip()[:_HEADER_CHARS] or f"column {n}" for n, name in enumerate(row, 1)]
        for index, value in enumerate(row):
            yield names[index] if index < len(names) else f"column {index + 1}", number, value


def _oddities(artifact: Artifact, facts: TableFacts) -> Iterator[Finding]:
    told = []
    if len(facts.widths) > 1:
        shown = ", ".join(f"{count:,} with {width}" for width, count in facts.widths.most_common(4))
        told.append(f"rows differ in their number of cells: {shown}")
    if facts.with_nul:
        told.append(f"{facts.with_nul:,} rows hold a NUL character")
    if facts.unclosed:
        told.append(f"{facts.unclosed:,} quotes do not close")
    if told:
        evidence = "\n".join(told)
        yield Finding(rule=_ODD, path=artifact.path, subject="odd rows", evidence=evidence)
