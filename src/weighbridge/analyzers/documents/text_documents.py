"""Plain text: scripts, tables, models that are written as text, and prose."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.documents.documents import text_judges
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

_HEAD_BYTES = 64 * KIB
_LARGEST_BYTES = 4 * MIB
_MARKUP = (".html", ".htm", ".xhtml")
_PROSE = (".md", ".txt", ".rst", ".mdc", ".markdown")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Show the text to each judge; without a claim it is prose, and opaque."""
    head = _read(artifact, _HEAD_BYTES)
    text = _decoded(head)
    claimed = False
    for judge in text_judges():
        events = judge(artifact, text, context)
        if events is not None:
            claimed = True
            yield from events
    whole = text if artifact.source.size <= _HEAD_BYTES else _decoded(_read(artifact, _LARGEST_BYTES))
    yield from look_at_text(artifact, whole, _kind(artifact), context)
    if not claimed:
        yield Coverage(path=artifact.path, format=Format.TEXT, outcome=Outcome.OPAQUE)


def _read(artifact: Artifact, limit: int) -> bytes:
    return bytes(artifact.source.read_at(0, min(limit, artifact.source.size)))


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "backslashreplace")


def _kind(artifact: Artifact) -> TextKind:
    name = artifact.name.lower()
    if name.endswith(_MARKUP):
        return TextKind.MARKUP
    return TextKind.PROSE if name.endswith(_PROSE) or "." not in name else TextKind.CONFIGURATION
