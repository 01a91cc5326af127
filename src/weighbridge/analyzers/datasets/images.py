"""Images: pixel bombs, bytes behind the end, and what their texts say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.datasets.media import beginning, inspect_media
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.datasets.images import read_image
from weighbridge.formats.datasets.pictures import Picture
from weighbridge.formats.kinds import Format

_BOMB: Final = "MED001"
_MOST_PIXELS: Final = 100_000_000


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge size, end and texts. An image of a kind that is not read here is opaque."""
    data, is_whole = beginning(artifact.source)
    try:
        picture = read_image(data, is_whole=is_whole)
    except Malformed:
        detail = "an image whose headers are not read (AVIF, HEIC, JPEG XL, JPEG 2000, Photoshop)"
        yield Coverage(path=artifact.path, format=Format.IMAGE, outcome=Outcome.OPAQUE, detail=detail)
        return
    if picture.width * picture.height > _MOST_PIXELS:
        yield _bomb(artifact, picture)
    yield from inspect_media(artifact, picture, Format.IMAGE, context, is_whole=is_whole)


def _bomb(artifact: Artifact, picture: Picture) -> Finding:
    pixels = picture.width * picture.height
    evidence = (
        f"{picture.kind} of {picture.width:,} x {picture.height:,} = {pixels:,} pixels "
        f"in {artifact.source.size:,} bytes"
    )
    return Finding(rule=_BOMB, path=artifact.path, subject="pixel bomb", evidence=evidence)
