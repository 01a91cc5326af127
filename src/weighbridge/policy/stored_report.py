"""Read back the facts of a report that `--format json` wrote.

Only facts: verdicts, severities and suppressions of that day are left behind, because the policy
that reads them back makes its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome, Report, ScannedFile, Traffic
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.errors import UsageError
from weighbridge.knowledge.table import Table

SCHEMA = "weighbridge-report/1"
_LARGEST_BYTES = 512 * MIB
_MOST_VALUES = 4_000_000
"""Each may cost some 200 bytes, whatever it is: sixty megabytes of `{}` would be four gigabytes."""
_FACTS = ("origin", "findings", "suppressed", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """What one document holds.

    Attributes:
        reports: of the targets that were reached.
        unreachable: target -> why it was not reached.
    """

    started: datetime
    reports: tuple[Report, ...]
    unreachable: Mapping[str, str]


def read_report(path: Path, *, with_waived: bool = True) -> StoredRun:
    """Read a JSON report.

    Args:
        path: of the file.
        with_waived: also the findings that a waiver with a last day accepted then.

    Raises:
        UsageError: the file is unreadable, too large, or no report of `SCHEMA`.
    """
    root = Table.of(_document(path), str(path))
    if root.values.get("schema") != SCHEMA:
        raise UsageError(f"{path} is no report of weighbridge: write one with -f json -o {path.name}")
    targets = root.tables("targets")
    return StoredRun(
        started=_moment(root),
        reports=tuple(
            _report(one, with_waived=with_waived) for one in targets if one.values.get("error") is None
        ),
        unreachable={
            one.text("target"): one.text("error")
            for one in targets
            if one.values.get("error") is not None
        },
    )


def _document(path: Path) -> object:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"the report {path} is larger than {_LARGEST_BYTES // MIB} MiB")
        data = path.read_bytes()
        if sum(data.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
            raise UsageError(f"the report {path} holds more than {_MOST_VALUES:,} values")
        loaded: object = json.loads(data)
    except OSError as error:
        raise UsageError(f"can't read the report {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the report {path} is not valid JSON") from error
    return loaded


def _moment(root: Table) -> datetime:
    text = root.text("started")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{root.where}: 'started' is no moment in time: {text[:60]!r}") from error


def _report(table: Table, *, with_waived: bool) -> Report:
    for key in _FACTS:
        if key not in table.values:
            raise UsageError(f"{table.where}: {key!r} is missing; nothing can be said of such a report")
    traffic = table.table("traffic")
    return Report(
        target=table.text("target"),
        origin=_origin(table.table("origin")),
        findings=tuple(_findings(table, with_waived=with_waived)),
        coverage=tuple(_coverage(row) for row in table.tables("coverage")),
        traffic=Traffic(
            requests=_count(traffic, "requests") or 0,
            bytes_received=_count(traffic, "bytes_received") or 0,
        ),
        files=tuple(
            ScannedFile(
                name=file.any_text("name"),
                size_bytes=_count(file, "size_bytes"),
                sha256=file.any_text("sha256") or None,
            )
            for file in table.tables("files")
        ),
        licences=tuple(
            StatedLicence(path=_path(said), licence=said.any_text("licence"))
            for said in table.tables("licences")
        ),
    )


def _findings(table: Table, *, with_waived: bool) -> Iterator[Finding]:
    """Also those that were accepted then: whether they still are, today's policy says.

    What the policy of that day found itself is not a fact of the target.
    """
    accepted = (row for row in table.tables("suppressed") if with_waived or not _has_last_day(row))
    for row in (*table.tables("findings"), *accepted):
        if not row.text("rule").startswith("POL"):
            yield _finding(row)


def _has_last_day(row: Table) -> bool:
    """True unless an earlier baseline accepted it: only that is without an end."""
    return row.table("suppression").any_text("expires") != date.max.isoformat()


def _finding(row: Table) -> Finding:
    return Finding(
        rule=row.text("rule"),
        path=_path(row),
        subject=row.any_text("subject"),
        evidence=row.any_text("evidence"),
        offset=_count(row, "offset"),
        length=_count(row, "length") or 0,
        route=row.any_text("route"),
        related=row.texts("related"),
    )


def _coverage(row: Table) -> Coverage:
    word = row.text("outcome")
    if word not in {outcome.value for outcome in Outcome}:
        raise UsageError(f"{row.where}: there is no outcome {word!r}")
    return Coverage(
        path=_path(row),
        format=row.text("format"),
        outcome=Outcome(word),
        size_bytes=_count(row, "size_bytes"),
        bytes_read=_count(row, "bytes_read") or 0,
        detail=row.any_text("detail"),
    )


def _origin(table: Table) -> Origin:
    return Origin(
        kind=table.text("kind"),
        location=table.any_text("location"),
        revision=table.any_text("revision") or None,
        sha256=table.any_text("sha256") or None,
        size_bytes=_count(table, "size_bytes"),
        registry_verdicts=_words(table, "registry_verdicts"),
        facts=_words(table, "facts"),
    )


def _words(table: Table, key: str) -> Mapping[str, str]:
    inner = table.table(key)
    return {name: inner.any_text(name) for name in inner.values}


def _path(row: Table) -> tuple[str, ...]:
    path = row.texts("path")
    if not path:
        raise UsageError(f"{row.where}: 'path' names no file")
    return path


def _count(row: Table, key: str) -> int | None:
    value = row.values.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise UsageError(f"{row.where}: {key!r} must be a whole number, 0 or more")
    return value
