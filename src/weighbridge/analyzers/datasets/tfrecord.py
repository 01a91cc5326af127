"""TFRecord: records that lie about their length, and the bytes in features of Examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.datasets.cells import Cell, Kind, inspect_cells
from weighbridge.analyzers.datasets.tables import rest_row, searched_bytes
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.tfrecord import bytes_features, read_records
from weighbridge.formats.kinds import Format

_RULE: Final = "DST012"
_RECORD: Final = "record"


@dataclass(slots=True)
class _Facts:
    damaged: int = 0
    cut: int = 0
    first: str = ""
    error: Malformed | None = None


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Search the bytes features of every record; tell of broken records."""
    facts = _Facts()
    stop = searched_bytes(artifact.source)
    cells = _cells(artifact, stop, facts)
    has_pickles = yield from inspect_cells(artifact, cells, context, Kind.RECORDS)
    yield from _broken(artifact, facts)
    if facts.error is not None:
        raise facts.error
    if facts.cut:
        raise LimitReached(f"{facts.cut:,} records are longer than 16 MiB; the first 16 MiB were read")
    if stop < artifact.source.size:
        read = f"the records of the first {stop:,} of {artifact.source.size:,} bytes"
        yield rest_row(artifact, Format.TFRECORD, read, has_pickles=has_pickles)


def _cells(artifact: Artifact, stop: int, facts: _Facts) -> Iterator[Cell]:
    try:
        for record in read_records(artifact.source, stop):
            if record.is_intact is False:
                facts.damaged += 1
                facts.first = facts.first or f"record {record.number:,} at byte {record.offset:,}"
            facts.cut += len(record.data) < record.length
            yield from _features(record.data, record.number + 1)
    except Malformed as error:
        # What follows a broken head can't be found again; what came before stays.
        facts.error = error


def _features(data: bytes, number: int) -> Iterator[Cell]:
    """The features of an Example; a record that is none is one cell."""
    found = 0
    try:
        for feature in bytes_features(data):
            found += 1
            yield feature.name, number, feature.value
    except Malformed:
        found = 0
    if not found:
        yield _RECORD, number, data


def _broken(artifact: Artifact, facts: _Facts) -> Iterator[Finding]:
    if facts.damaged:
        evidence = f"the checksum of {facts.damaged:,} records is wrong, first of {facts.first}"
        yield Finding(rule=_RULE, path=artifact.path, subject="record checksum", evidence=evidence)
    if facts.error is not None:
        yield Finding(
            rule=_RULE,
            path=artifact.path,
            subject="record length",
            evidence=facts.error.reason,
            offset=facts.error.offset,
        )
