"""Walk the segments of a JPEG to its end.

    FF D8  (FF marker  u16 length  content)*  FF DA ...  entropy-coded data  ...  FF D9

Source: ITU-T T.81, annex B; CIPA DC-008 (Exif); Adobe XMP part 3.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.images_tiff import exif_texts
from weighbridge.formats.datasets.pictures import Picture

_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER_IN_SCAN: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_EXIF, _XMP, _MORE_XMP = (
    b"Exif\0\0",
    b"http://ns.adobe.com/xap/1.0/\0",
    b"http://ns.adobe.com/xmp/extension/\0",
)
_MAX_SEGMENTS: Final = 100_000


def read_jpeg(data: bytes, picture: Picture) -> None:
    """Fill in `picture`.

    Raises:
        Malformed: a marker is missing, or the image has no end.
    """
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker, at = _marker(data, at)
        if marker == 0xD9:
            picture.end = at
            return
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise Malformed("a segment reaches beyond the end")
        _segment(marker, data[at + 2 : at + length], picture)
        at += length
        if marker == 0xDA:
            found = _MARKER_IN_SCAN.search(data, at)
            if found is None:
                raise Malformed("has no end")
            at = found.start()
    raise Malformed("more segments than a picture has")


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker at `at` and the offset behind it; fill bytes are stepped over."""
    if data[at : at + 1] != b"\xff":
        raise Malformed("no marker where one belongs")
    while data[at : at + 1] == b"\xff":
        at += 1
    if at >= len(data):
        raise Malformed("has no end")
    return data[at], at + 1


def _segment(marker: int, content: bytes, picture: Picture) -> None:
    if marker in _SIZES and not picture.width:
        picture.height, picture.width = struct.unpack_from(">HH", content, 1)
    elif marker == 0xFE:
        picture.add_text("comment", content)
    elif marker == 0xE1 and content.startswith(_EXIF):
        exif_texts(content[len(_EXIF) :], picture)
    elif marker == 0xE1 and content.startswith((_XMP, _MORE_XMP)):
        picture.add_text("XMP", content.partition(b"\0")[2])
    elif marker == 0xED:
        picture.add_text("Photoshop", content.partition(b"\0")[2])
