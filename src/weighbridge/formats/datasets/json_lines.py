"""Read JSON lines: one value on each, decoded by itself, flattened into cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json, JsonDocument, decode_python_json
from weighbridge.formats.source_file import LONGEST_LINE, text_lines

_PATH_CHARS: Final = 300


@dataclass(slots=True)
class LineFacts:
    """What was odd in the lines so far. `first_broken` is the reason of the first of `broken`."""

    lines: int = 0
    broken: int = 0
    first_broken: str = ""
    too_long: int = 0
    with_duplicates: int = 0
    with_lone_surrogates: int = 0


def read_lines(source: ByteSource, stop: int, facts: LineFacts) -> Iterator[tuple[int, Json]]:
    """Yield the number and the value of each line that begins before `stop`; fill in `facts`.

    Lines that are no JSON, or longer than 16 Mi characters, are counted and left out.
    """
    is_middle = False
    for line in text_lines(source, stop):
        was_middle, is_middle = is_middle, len(line) >= LONGEST_LINE and not line.endswith("\n")
        facts.lines += not was_middle
        if is_middle or was_middle:
            facts.too_long += not was_middle
            continue
        stripped = line.strip("\0 \t\r\n\x1e")
        if stripped:
            document = _decoded(stripped, facts)
            if document is not None:
                yield facts.lines, document.value


def _decoded(text: str, facts: LineFacts) -> JsonDocument | None:
    try:
        document = decode_python_json(text)
    except (Malformed, LimitReached) as error:
        _broken(facts, str(error))
        return None
    if document.end < len(text):
        _broken(facts, "something follows the value on its line")
    facts.with_duplicates += bool(document.duplicate_keys)
    facts.with_lone_surrogates += document.has_lone_surrogate
    return document


def _broken(facts: LineFacts, reason: str) -> None:
    facts.broken += 1
    if facts.broken == 1:
        facts.first_broken = f"line {facts.lines:,}: {reason}"


def flatten(value: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with its path: keys joined by dots, places in lists left out."""
    pending: list[tuple[str, Json]] = [(name, value)]
    while pending:
        path, item = pending.pop()
        if isinstance(item, str):
            yield path, item
        elif isinstance(item, Mapping):
            pending.extend(
                (f"{path}.{key}"[:_PATH_CHARS] if path else key[:_PATH_CHARS], inner)
                for key, inner in item.items()
            )
        elif isinstance(item, list | tuple):
            pending.extend((path, inner) for inner in item)
