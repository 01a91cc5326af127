"""Parquet: what the footer restores and hides, then the cells."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.datasets.arrow_extensions import inspect_schema, unwrapped_pickle
from weighbridge.analyzers.datasets.columnar_cells import inspect_parquet_cells
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import GIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import Anomaly, quoted
from weighbridge.formats.datasets.arrow_ipc import schema_of_message
from weighbridge.formats.datasets.parquet import (
    BYTE_ARRAY,
    DictionaryPage,
    ParquetAnomaly,
    ParquetFooter,
    has_encrypted_footer,
    read_dictionary_page,
    read_footer,
)
from weighbridge.formats.graphs.file_reference import reference_hazard
from weighbridge.formats.kinds import Format

RULES: Final[Mapping[ParquetAnomaly, str]] = {
    ParquetAnomaly.OUTSIDE: "DST005",
    ParquetAnomaly.NEGATIVE: "DST005",
    ParquetAnomaly.FOREIGN_FILE: "DST007",
    ParquetAnomaly.ROWS_DIFFER: "DST008",
    ParquetAnomaly.NO_HEAD: "DST008",
    ParquetAnomaly.TREE_BROKEN: "DST008",
}
_BOMB, _OTHER_PICKLE = "DST006", "DST003"
_ARROW_SCHEMA: Final = b"ARROW:schema"
_DICTIONARIES: Final = 4_096
_REMOTE_DICTIONARIES: Final = 16
_BOMB_BYTES: Final = 1 * GIB
_BOMB_RATIO: Final = 1_000
_INDEX_BYTES: Final = 4
_PAGE_HEADERS: Final = 4_096


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the footer; hand on pickled metadata; search the cells."""
    if has_encrypted_footer(artifact.source):
        detail = "the footer is encrypted (PARE): decrypt the table to have it scanned"
        yield _row(artifact, Outcome.UNSUPPORTED, detail)
        return
    footer = read_footer(artifact.source, context.budget.limits)
    anomalies = [one for one in footer.anomalies if not _is_summary(one)]
    for finding in anomaly_findings(artifact, anomalies, RULES):
        yield replace(finding, route=finding.route.replace("tensor", "column", 1))
    yield from _metadata(artifact, footer)
    if any(column.file_path for column in footer.columns):
        detail = "a summary: its columns are in other files, which are scanned by themselves"
        yield _row(artifact, Outcome.OPAQUE, detail)
        return
    dictionaries = _dictionaries(artifact, footer)
    yield from _bombs(artifact, footer, dictionaries)
    yield from inspect_parquet_cells(artifact, footer, _repeating(footer, dictionaries), context)


def _is_summary(anomaly: Anomaly[ParquetAnomaly]) -> bool:
    """True for a column in a file beside this one, as summary files have it."""
    is_elsewhere = anomaly.kind is ParquetAnomaly.FOREIGN_FILE
    return is_elsewhere and reference_hazard(anomaly.subject) is None


def _metadata(artifact: Artifact, footer: ParquetFooter) -> Iterator[Event]:
    for key, value in footer.metadata:
        if key == _ARROW_SCHEMA:
            yield from _arrow_schema(artifact, value)
            continue
        pickled = unwrapped_pickle(value)
        if pickled is not None:
            name = key[:100].decode("utf-8", "backslashreplace")
            evidence = f"the footer's pair {quoted(name)} is a pickle of {len(pickled):,} bytes"
            yield Finding(rule=_OTHER_PICKLE, path=artifact.path, subject=name, evidence=evidence)
            yield artifact.nested(name, MemorySource(pickled))


def _arrow_schema(artifact: Artifact, value: bytes) -> Iterator[Event]:
    try:
        schema = schema_of_message(base64.b64decode(value))
    except (Malformed, binascii.Error) as error:
        detail = f"its ARROW:schema can't be read ({error}): its extension types were not judged"
        yield _row(artifact, Outcome.FAILED, detail)
        return
    yield from inspect_schema(artifact, schema, Format.PARQUET)


def _dictionaries(artifact: Artifact, footer: ParquetFooter) -> dict[int, DictionaryPage]:
    """Headers of dictionary pages, by the place of their column chunk in the footer."""
    most = _REMOTE_DICTIONARIES if artifact.source.is_remote else _DICTIONARIES
    wanted = [
        number
        for number, column in enumerate(footer.columns)
        if column.physical_type == BYTE_ARRAY and column.dictionary_offset is not None
    ]
    pages = ((one, read_dictionary_page(artifact.source, footer.columns[one])) for one in wanted[:most])
    return {number: page for number, page in pages if page is not None and page.num_values > 0}


def _repeating(footer: ParquetFooter, dictionaries: Mapping[int, DictionaryPage]) -> list[str]:
    """Columns whose dictionaries say all that is in them, because all other pages are indexes."""
    plain: set[str] = set()
    for number, column in enumerate(footer.columns):
        page = dictionaries.get(number)
        others = column.uncompressed_bytes - (page.uncompressed_bytes if page is not None else 0)
        if page is None or others > _INDEX_BYTES * column.num_values + _PAGE_HEADERS:
            plain.add(column.path)
    return sorted({column.path for column in footer.columns} - plain)


def _bombs(
    artifact: Artifact, footer: ParquetFooter, dictionaries: Mapping[int, DictionaryPage]
) -> Iterator[Finding]:
    """A small file that is a large table: pages that inflate, or few values repeated often."""
    expanded: dict[str, int] = {}
    for number, column in enumerate(footer.columns):
        size = max(0, column.uncompressed_bytes)
        page = dictionaries.get(number)
        if page is not None:
            size = max(size, column.num_values * (page.uncompressed_bytes // page.num_values))
        expanded[column.path] = expanded.get(column.path, 0) + size
    for path, size in expanded.items():
        if size > _BOMB_BYTES and size > _BOMB_RATIO * artifact.source.size:
            evidence = (
                f"column {quoted(path)} has up to {size:,} bytes in a file of "
                f"{artifact.source.size:,} bytes"
            )
            yield Finding(
                rule=_BOMB,
                path=artifact.path,
                subject=f"table bomb {path[:200]}",
                evidence=evidence,
                route=f"column {quoted(path)}",
            )


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.PARQUET, outcome=outcome, detail=detail)
