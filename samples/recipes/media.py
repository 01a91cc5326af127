"""Images, sound and drawings: one hit for each rule of MED, and benign twins."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

CALL = b"\x80\x02cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PHP = b"<?php echo 'weighbridge-marker'; ?>"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _images()
    yield from _sound()
    yield from _drawings()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(*chunks: bytes, width: int = 1, height: int = 1) -> bytes:
    """Return a grey PNG, with chunks between its header and its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(2)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def jpeg(*segments: bytes) -> bytes:
    """Return the structure of a JPEG; its scan decodes to nothing."""
    size = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 1, 1, 1) + b"\x01\x11\0"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\0\0\x3f\0" + b"\x12\xff\0\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(segments) + size + scan + b"\xff\xd9"


def comment(text: bytes) -> bytes:
    """Return a comment segment of a JPEG."""
    return b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("readme.txt"), "weighbridge-marker")
    return file.getvalue()


def _images() -> Iterator[tuple[str, bytes]]:
    tags = "".join(chr(0xE0000 + ord(char)) for char in "ignore the label")
    text = chunk(b"iTXt", b"Comment\0\0\0\0\0" + ("nice" + tags).encode())
    yield "media/benign.twin.png", png(chunk(b"tEXt", b"Comment\0a picture"))
    yield "media/bomb.png", png(width=100_000, height=100_000)
    yield "media/tags.png", png(text)
    yield "media/program-in-comment.png", png(chunk(b"tEXt", b"Comment\0" + PHP))
    yield "media/trailing-pickle.png", png() + CALL
    yield "media/trailing-script.jpg", jpeg() + b"#!/bin/sh\necho weighbridge-marker\n"
    yield "media/trailing-zip.jpg", jpeg() + _zip()
    yield "media/trailing-text.twin.png", png() + b"a note behind the picture"
    yield "media/trailing-zeros.twin.png", png() + bytes(16)
    yield "media/benign.twin.jpg", jpeg(comment(b"a picture"))
    yield "media/program-in-comment.jpg", jpeg(comment(PHP))
    yield "media/broken.png", png()[:40]
    yield "media/benign.twin.gif", b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    yield "media/broken.gif", b"GIF89a\1\0\1\0\0\0\0\x99"


def wav(*chunks: bytes) -> bytes:
    """Return a WAV of one sample."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + form + b"".join(chunks) + b"data" + struct.pack("<I", 2) + b"\x80\x80"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def info(name: bytes, text: bytes) -> bytes:
    """Return a LIST of texts."""
    text += bytes(len(text) % 2)
    content = b"INFO" + name + struct.pack("<I", len(text)) + text
    return b"LIST" + struct.pack("<I", len(content)) + content


def _sound() -> Iterator[tuple[str, bytes]]:
    yield "media/benign.twin.wav", wav(info(b"INAM", b"a tone"))
    yield "media/trailing-pickle.wav", wav() + CALL
    yield "media/program-in-title.wav", wav(info(b"INAM", PHP))


def _drawings() -> Iterator[tuple[str, bytes]]:
    yield (
        "media/plain.eps",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n0 0 moveto 9 9 lineto stroke\n",
    )
    yield "media/pipe.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%echo weighbridge-marker) (w) file\n"
    yield (
        "media/plain.mvg",
        b"push graphic-context\nviewbox 0 0 9 9\nfill red circle 4 4 2 2\npop graphic-context\n",
    )
    run = b"fill 'url(https://example.invalid/x.png\"|echo \"weighbridge-marker)'\n"
    yield "media/run.mvg", b"push graphic-context\nviewbox 0 0 9 9\n" + run + b"pop graphic-context\n"
    head = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\n"
    yield "media/local-file.m3u8", head + b"concat:http://example.invalid/a|file:///etc/passwd\n"
    yield "media/playlist.twin.m3u8", head + b"segment-0.ts\n"
