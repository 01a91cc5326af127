"""Images: sizes, ends and texts, without a pixel decoded."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.media import chunk, comment, jpeg, png

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.images import read_image
from weighbridge.formats.datasets.pictures import Picture

GIF = b"GIF89a\2\0\3\0\0\0\0!\xfe\5hello\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
MAGICS = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBP",
    b"BM",
    b"II*\0",
    b"MM\0*",
]


def _read(data: bytes) -> Picture:
    return read_image(data, is_whole=True)


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif(text: bytes) -> bytes:
    """A TIFF with one text, in big-endian order."""
    entry = struct.pack(">HHII", 270, 2, len(text), 26)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4) + text


def test_a_png_has_size_texts_and_end() -> None:
    data = png(
        chunk(b"tEXt", b"Comment\0plain"),
        chunk(b"zTXt", b"Long\0\0" + zlib.compress(b"packed")),
        chunk(b"iTXt", b"Title\0\1\0en\0\0" + zlib.compress("übersetzt".encode())),
        chunk(b"eXIf", exif(b"a description\0")),
        width=7,
        height=9,
    )
    picture = _read(data + b"behind")
    assert (picture.width, picture.height, picture.end) == (7, 9, len(data))
    assert picture.texts == [
        ("PNG Comment", "plain"),
        ("PNG Long", "packed"),
        ("PNG Title", "übersetzt"),
        ("PNG Exif description", "a description"),
    ]


def test_a_jpeg_ends_behind_its_scan() -> None:
    segment = (
        b"\xff\xe1"
        + struct.pack(">H", 2 + 6 + len(exif(b"some text")))
        + b"Exif\0\0"
        + exif(b"some text")
    )
    data = jpeg(comment(b"hello"), segment)
    picture = _read(data + b"behind")
    assert (picture.width, picture.height, picture.end) == (1, 1, len(data))
    assert picture.texts == [("JPEG comment", "hello"), ("JPEG Exif description", "some text")]


def test_a_gif_has_frames_comments_and_end() -> None:
    picture = _read(GIF + b"behind")
    assert (picture.width, picture.height, picture.frames) == (2, 3, 1)
    assert (picture.end, picture.texts) == (len(GIF), [("GIF comment", "hello")])


def test_a_webp_has_size_texts_and_end() -> None:
    canvas = bytes(4) + (9).to_bytes(3, "little") + (4).to_bytes(3, "little")
    data = webp((b"VP8X", canvas), (b"EXIF", exif(b"some text")), (b"XMP ", b"<x/>"))
    picture = _read(data + b"behind")
    assert (picture.width, picture.height, picture.end) == (10, 5, len(data))
    assert picture.texts == [("WebP Exif description", "some text"), ("WebP XMP", "<x/>")]


def test_a_bmp_ends_where_its_pixels_do() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, 3, -2, 1, 24, 0, 0, 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + header + bytes(24)
    picture = _read(data + b"behind")
    assert (picture.width, picture.height, picture.end) == (3, 2, len(data))


def test_a_tiff_has_the_size_of_its_directory() -> None:
    entries = struct.pack("<HHII", 256, 3, 1, 640) + struct.pack("<HHII", 257, 4, 1, 480)
    picture = _read(b"II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4))
    assert (picture.width, picture.height, picture.end, picture.problem) == (640, 480, None, "")


def test_directories_in_a_circle_end() -> None:
    assert _read(b"II*\0" + struct.pack("<IHI", 8, 0, 8)).problem == "its directories go in a circle"


def test_an_inflated_text_is_bounded() -> None:
    data = png(chunk(b"zTXt", b"Bomb\0\0" + zlib.compress(bytes(64 << 20))))
    assert sum(len(text) for _, text in _read(data).texts) <= 1 << 20


def test_a_beginning_that_was_cut_by_us_is_no_problem() -> None:
    cut = png()[:40]
    assert _read(cut).problem
    assert read_image(cut, is_whole=False).problem == ""


@pytest.mark.parametrize("data", [png(), jpeg(comment(b"x")), GIF, webp((b"VP8L", bytes(9)))])
def test_every_cut_has_a_problem_or_no_end(data: bytes) -> None:
    pictures = [_read(data[:length]) for length in range(13, len(data))]
    assert pictures
    assert all(one.problem or one.end is None for one in pictures)


def test_other_bytes_are_no_image() -> None:
    with pytest.raises(Malformed):
        _read(b"\0\0\0\x20ftypavif")


@given(st.sampled_from(MAGICS), st.binary(max_size=150))
def test_any_bytes_behind_a_magic_give_a_picture(magic: bytes, data: bytes) -> None:
    try:
        picture = _read(magic + data)
    except Malformed:
        return
    assert picture.end is None or picture.end <= len(magic + data)
