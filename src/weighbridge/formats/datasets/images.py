"""Read headers, texts and the end of images: PNG, JPEG, GIF, WebP, BMP, TIFF. No pixel is decoded.

Sources: PNG third edition (W3C), GIF89a, RFC 9649 (WebP); for JPEG and TIFF see their modules.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.images_jpeg import read_jpeg
from weighbridge.formats.datasets.images_tiff import exif_texts, read_tiff
from weighbridge.formats.datasets.pictures import Picture, inflated

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_MAX_BLOCKS: Final = 1_000_000


def read_image(data: bytes, *, is_whole: bool) -> Picture:
    """Read an image of a known kind; what breaks it stands in `problem`.

    Args:
        data: the file, or its beginning.
        is_whole: nothing of the file is missing in `data`.

    Raises:
        Malformed: an image of no kind that is read here.
    """
    for magic, kind, read in _READERS:
        if data.startswith(magic):
            picture = Picture(kind)
            try:
                read(data, picture)
            except (struct.error, IndexError):
                picture.problem = "ends within a header" if is_whole else ""
            except Malformed as error:
                picture.problem = error.reason if is_whole else ""
            return picture
    raise Malformed("no image of a kind that is read here")


def _read_png(data: bytes, picture: Picture) -> None:
    for kind, start, length in _png_chunks(data):
        content = data[start : start + length]
        if kind == b"IHDR":
            picture.width, picture.height = struct.unpack_from(">II", content)
        elif kind == b"acTL":
            picture.frames = int.from_bytes(content[:4], "big")
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _png_text(kind, content, picture)
        elif kind == b"eXIf":
            exif_texts(content, picture)
        elif kind == b"IEND":
            picture.end = start + length + 4
            return
    raise Malformed("has no end")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, offset and length of each chunk; one that is cut off ends the image."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            raise Malformed("a chunk reaches beyond the end")
        yield data[at + 4 : at + 8], at + 8, length
        at += 12 + length


def _png_text(kind: bytes, content: bytes, picture: Picture) -> None:
    keyword, _, rest = content.partition(b"\0")
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        picture.add_text(name, rest)
    elif kind == b"zTXt":
        picture.add_text(name, inflated(rest[1:]))
    else:
        is_deflated = rest[:1] == b"\x01"
        text = rest[2:].split(b"\0", 2)[-1]
        picture.add_text(name, inflated(text) if is_deflated else text)


def _read_gif(data: bytes, picture: Picture) -> None:
    picture.width, picture.height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    picture.frames = 0
    for _ in range(_MAX_BLOCKS):
        introducer = data[at]
        if introducer == 0x3B:
            picture.end = at + 1
            return
        if introducer == 0x2C:
            picture.frames += 1
            local = data[at + 9]
            at += 10 + (3 << (local & 7) + 1 if local & 0x80 else 0) + 1
            at = _gif_blocks(data, at, [])
        elif introducer == 0x21:
            label, parts = data[at + 1], list[bytes]()
            at = _gif_blocks(data, at + 2, parts)
            if label == 0xFE or (label == 0xFF and parts and parts[0][:3] == b"XMP"):
                picture.add_text("comment", b"".join(parts))
        else:
            raise Malformed(f"a block begins with {introducer:#04x}")
    raise Malformed("more than a million blocks")


def _gif_blocks(data: bytes, at: int, parts: list[bytes]) -> int:
    """Step over sub-blocks, collect them, and return where they end."""
    while length := data[at]:
        parts.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return at + 1


def _read_riff(data: bytes, picture: Picture) -> None:
    if data[8:12] != b"WEBP":
        raise Malformed("no WebP")
    size = int.from_bytes(data[4:8], "little")
    end, at = 8 + size + size % 2, 12
    while at + 8 <= min(end, len(data)):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + length]
        _webp_chunk(kind, content, picture)
        at += 8 + length + length % 2
    if 8 + size > len(data):
        raise Malformed("is shorter than it says")
    picture.end = min(end, len(data))


def _webp_chunk(kind: bytes, content: bytes, picture: Picture) -> None:
    if kind == b"VP8X":
        picture.width = int.from_bytes(content[4:7], "little") + 1
        picture.height = int.from_bytes(content[7:10], "little") + 1
    elif kind == b"VP8L" and not picture.width:
        bits = int.from_bytes(content[1:5], "little")
        picture.width, picture.height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and not picture.width:
        width, height = struct.unpack_from("<HH", content, 6)
        picture.width, picture.height = width & 0x3FFF, height & 0x3FFF
    elif kind == b"EXIF":
        exif_texts(content.removeprefix(b"Exif\0\0"), picture)
    elif kind == b"XMP ":
        picture.add_text("XMP", content)


def _read_bmp(data: bytes, picture: Picture) -> None:
    stated, offset, header = struct.unpack_from("<I4xII", data, 2)
    if header == 12:
        width, height, depth = struct.unpack_from("<HH2xH", data, 18)
        compression = size = 0
    else:
        width, height, depth, compression, size = struct.unpack_from("<ii2xHII", data, 18)
    picture.width, picture.height = abs(width), abs(height)
    if compression == 0:
        size = (picture.width * depth + 31) // 32 * 4 * picture.height
    # Two bytes of padding behind the pixels are common, and so is a stated size of zero.
    end = max(stated, offset + size)
    if end > len(data) + 3:
        raise Malformed("is shorter than it says")
    picture.end = min(end, len(data))


_READERS: Final[tuple[tuple[bytes, str, Callable[[bytes, Picture], None]], ...]] = (
    (_PNG, "PNG", _read_png),
    (b"\xff\xd8\xff", "JPEG", read_jpeg),
    (b"GIF8", "GIF", _read_gif),
    (b"RIFF", "WebP", _read_riff),
    (b"BM", "BMP", _read_bmp),
    (b"II*\0", "TIFF", read_tiff),
    (b"MM\0*", "TIFF", read_tiff),
)
