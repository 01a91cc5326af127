r"""Walk the directories of a TIFF, and of Exif, which is one: sizes and texts.

    "II*\0" or "MM\0*"  u32 first directory
    directory = u16 entries  (u16 tag  u16 type  u32 count  u32 value or offset)*  u32 next directory

Source: TIFF revision 6.0; CIPA DC-008 (Exif).
"""

from __future__ import annotations

import struct
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.pictures import Picture

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WIDTH, _HEIGHT, _XMP, _EXIF_DIRECTORY, _USER_COMMENT = 256, 257, 700, 34665, 37510
_WINDOWS_TEXTS: Final = frozenset(range(40091, 40096))
_NAMES: Final = {
    270: "description",
    271: "make",
    272: "model",
    305: "software",
    315: "artist",
    33432: "copyright",
}
_MAX_DIRECTORIES: Final = 1_000
_MAX_ENTRIES: Final = 4_096
_TEXT_BYTES: Final = 1 << 20


def read_tiff(data: bytes, picture: Picture) -> None:
    """Fill in `picture`; the largest directory gives its size. A TIFF has no end.

    Raises:
        Malformed: a directory lies outside of the file, or directories go in a circle.
    """
    picture.frames = _walk(data, picture, sizes=True)


def exif_texts(data: bytes, picture: Picture) -> None:
    """Add the texts of an Exif block; a broken one gives those before the break."""
    try:
        _walk(data, picture, sizes=False)
    except (Malformed, struct.error):
        return


def _walk(data: bytes, picture: Picture, *, sizes: bool) -> int:
    """Go through all directories and return how many are images."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise Malformed("no TIFF")
    seen: set[int] = set()
    images = 0
    pending = list(struct.unpack_from(f"{order}I", data, 4))
    while pending:
        at = pending.pop()
        if at == 0:
            continue
        if at in seen or len(seen) >= _MAX_DIRECTORIES:
            raise Malformed("its directories go in a circle")
        seen.add(at)
        count = struct.unpack_from(f"{order}H", data, at)[0]
        for index in range(min(count, _MAX_ENTRIES)):
            entry = at + 2 + 12 * index
            _entry(data, order, entry, picture, pending, sizes=sizes)
        following = at + 2 + 12 * count
        if following + 4 <= len(data):
            pending.append(struct.unpack_from(f"{order}I", data, following)[0])
        images += 1
    return images


def _entry(
    data: bytes, order: str, at: int, picture: Picture, pending: list[int], *, sizes: bool
) -> None:
    tag, kind, count = struct.unpack_from(f"{order}HHI", data, at)
    length = _SIZES.get(kind, 0) * count
    start = at + 8 if length <= 4 else struct.unpack_from(f"{order}I", data, at + 8)[0]
    if tag == _EXIF_DIRECTORY:
        pending.append(struct.unpack_from(f"{order}I", data, at + 8)[0])
    elif sizes and tag in (_WIDTH, _HEIGHT) and count == 1:
        value = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, at + 8)[0]
        if tag == _WIDTH:
            picture.width = max(picture.width, value)
        else:
            picture.height = max(picture.height, value)
    elif kind == 2 or tag in (_XMP, _USER_COMMENT) or tag in _WINDOWS_TEXTS:
        _text(data[start : start + min(length, _TEXT_BYTES)], tag, picture)


def _text(value: bytes, tag: int, picture: Picture) -> None:
    if tag in _WINDOWS_TEXTS:
        picture.add_text(f"Exif {tag}", value.decode("utf-16-le", "replace"))
    elif tag == _USER_COMMENT:
        is_wide = value.startswith(b"UNICODE\0")
        picture.add_text("Exif comment", value[8:].decode("utf-16", "replace") if is_wide else value[8:])
    else:
        name = "XMP" if tag == _XMP else f"Exif {_NAMES.get(tag, tag)}"
        picture.add_text(name, value)
