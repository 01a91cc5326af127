"""Plain text: scripts, tables, models that are written as text, and prose."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.documents.documents import text_judges
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

_HEAD_BYTES = 64 * KIB


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Show the text to each judge; without a claim it is prose, and opaque."""
    head = bytes(artifact.source.read_at(0, _HEAD_BYTES))
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, "backslashreplace")
    claimed = False
    for judge in text_judges():
        events = judge(artifact, text, context)
        if events is not None:
            claimed = True
            yield from events
    if not claimed:
        yield Coverage(path=artifact.path, format=Format.TEXT, outcome=Outcome.OPAQUE)
