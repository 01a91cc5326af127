"""JSON lines: each line is a record, its texts are cells."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.datasets.jsonpickle import JsonPickles
from weighbridge.analyzers.datasets.tables import rest_row, searched_bytes
from weighbridge.analyzers.datasets.url_lists import UrlColumns
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.datasets.json_lines import LineFacts, flatten, read_lines
from weighbridge.formats.kinds import Format

_ODD = "DST026"


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Search the texts of all records; look for jsonpickle."""
    facts, objects, urls = LineFacts(), JsonPickles(), UrlColumns()
    stop = searched_bytes(artifact.source)
    cells = urls.watch(_cells(artifact, stop, facts, objects))
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.RECORDS)
    yield from objects.findings(artifact, context)
    yield from urls.findings(artifact)
    yield from _oddities(artifact, facts, is_cut=stop < artifact.source.size)
    if stop < artifact.source.size:
        read = f"the first {stop:,} of {artifact.source.size:,} bytes"
        yield rest_row(artifact, Format.JSON_LINES, read, has_pickles=has_pickles)
    elif facts.lines and facts.broken == facts.lines:
        raise Malformed(f"not one line is JSON: {facts.first_broken}")


def _cells(artifact: Artifact, stop: int, facts: LineFacts, objects: JsonPickles) -> Iterator[Cell]:
    for number, value in read_lines(artifact.source, stop, facts):
        objects.take(value, f"line {number:,}")
        for name, text in flatten(value):
            yield name, number, text


def _oddities(artifact: Artifact, facts: LineFacts, *, is_cut: bool) -> Iterator[Finding]:
    # The line at the cut is broken by us.
    broken = max(0, facts.broken - is_cut)
    counts = (
        (broken, f"are no JSON ({facts.first_broken})"),
        (facts.too_long, "are longer than 16 Mi characters and were not read"),
        (facts.with_duplicates, "have a key twice: readers keep the first or the last"),
        (facts.with_lone_surrogates, "hold half of a surrogate pair, which is no text"),
    )
    told = [f"{count:,} of {facts.lines:,} lines {what}" for count, what in counts if count]
    if told:
        evidence = "\n".join(told)
        yield Finding(rule=_ODD, path=artifact.path, subject="odd lines", evidence=evidence)
