"""Sound: bytes behind the end, pictures inside, and what its texts say."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.datasets.media import beginning, inspect_media
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.formats.datasets.audio import read_audio
from weighbridge.formats.kinds import Format

_PICTURES = 100


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge end and texts; hand on pictures."""
    data, is_whole = beginning(artifact.source)
    sound, pictures = read_audio(data, is_whole=is_whole)
    for number, (start, length) in enumerate(pictures[:_PICTURES], start=1):
        yield artifact.nested(f"picture {number}", SliceSource(artifact.source, start, length))
    yield from inspect_media(artifact, sound, Format.AUDIO, context, is_whole=is_whole)
