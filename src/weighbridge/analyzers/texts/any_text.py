"""Look at a text for what harms whoever reads it, whatever the file is for."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact


class TextKind(Enum):
    """Who reads the text: what is an attack in one is ordinary in another."""

    PROSE = "prose"
    """Cards, notes, licences, and every text that no judge claims."""
    CODE = "code"
    CONFIGURATION = "configuration"
    MARKUP = "markup"


def look_at_text(artifact: Artifact, text: str, kind: TextKind, context: Context) -> Iterator[Event]:
    """Yield what the text hides, holds or demands.

    Args:
        artifact: the file, or the part of one (a notebook's cell), that the text is.
        text: all of it, or as much as its analyzer reads.
        kind: decides what counts.
        context: as for analyzers.
    """
    return iter(())
