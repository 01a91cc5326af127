"""Events as rows of a database, and back.

Names and evidence come from hostile targets: a lone surrogate or a NUL is no text for a database,
so these are escaped on their way in. Lists become JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.wire import Done, Event, Measure, Read, decode_message, encode_event

Value = str | int | float | None
"""What a column may hold."""
Row = Sequence[object]
"""What a database gives back."""

_ESCAPE: Final = "\x1b"
_UNFIT: Final = re.compile("[\x00\x1b\ud800-\udfff]")
_ESCAPED: Final = re.compile("\x1b([0-9a-f]{1,4});")


def to_text(text: str) -> str:
    """Return a text that every database takes; most are as they were."""
    if _UNFIT.search(text) is None:
        return text
    return _UNFIT.sub(lambda found: f"{_ESCAPE}{ord(found[0]):x};", text)


def of_text(value: object) -> str:
    """Return what `to_text` was given.

    Raises:
        TypeError: no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    if _ESCAPE not in value:
        return value
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


def of_number(value: object) -> int:
    """Raises TypeError when it is no whole number."""
    if not isinstance(value, int):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return value


def of_optional_number(value: object) -> int | None:
    """Raises TypeError when it is neither a whole number nor nothing."""
    return None if value is None else of_number(value)


def of_optional_text(value: object) -> str | None:
    """Raises TypeError when it is neither a text nor nothing."""
    return None if value is None else of_text(value)


FINDING_COLUMNS: Final = "rule, path, subject, evidence, at_byte, length, route, related"
COVERAGE_COLUMNS: Final = "path, format, outcome, size_bytes, bytes_read, detail"
REMARK_COLUMNS: Final = "event"


def finding_row(found: Finding) -> tuple[Value, ...]:
    return (
        found.rule,
        json.dumps(found.path),
        to_text(found.subject),
        to_text(found.evidence),
        found.offset,
        found.length,
        to_text(found.route),
        json.dumps(found.related),
    )


def finding_of(row: Row) -> Finding:
    rule, path, subject, evidence, at_byte, length, route, related = row
    return Finding(
        rule=of_text(rule),
        path=_texts(path),
        subject=of_text(subject),
        evidence=of_text(evidence),
        offset=of_optional_number(at_byte),
        length=of_number(length),
        route=of_text(route),
        related=_texts(related),
    )


def coverage_row(one: Coverage) -> tuple[Value, ...]:
    return (
        json.dumps(one.path),
        one.format,
        one.outcome.value,
        one.size_bytes,
        one.bytes_read,
        to_text(one.detail),
    )


def coverage_of(row: Row) -> Coverage:
    path, kind, outcome, size_bytes, bytes_read, detail = row
    return Coverage(
        path=_texts(path),
        format=of_text(kind),
        outcome=Outcome(of_text(outcome)),
        size_bytes=of_optional_number(size_bytes),
        bytes_read=of_number(bytes_read),
        detail=of_text(detail),
    )


def remark_row(event: Event) -> tuple[Value, ...]:
    return (json.dumps(encode_event(event)),)


def remark_of(row: Row) -> Event:
    """Raises TypeError when the row holds no event."""
    decoded = json.loads(of_text(row[0]))
    match decode_message(decoded):
        case Read() | Measure() | Done():
            raise TypeError("expected an event")
        case event:
            return event


def _texts(value: object) -> tuple[str, ...]:
    parsed = json.loads(of_text(value))
    if not isinstance(parsed, list) or not all(isinstance(part, str) for part in parsed):
        raise TypeError("expected a list of texts")
    return tuple(parsed)
