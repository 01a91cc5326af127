"""Read headers, texts, embedded pictures and the end of sound files: WAV, AIFF, FLAC, OGG, MP3.

Sources: RFC 9639 (FLAC), RFC 3533 (Ogg), the Vorbis comment header, ID3v2.4 (id3.org), RIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Literal

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.pictures import Picture, decoded

_MAX_ITEMS: Final = 100_000
_COMMENTS: Final = 10_000
_ID3_ENCODINGS: Final = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}


def read_audio(data: bytes, *, is_whole: bool) -> tuple[Picture, list[tuple[int, int]]]:
    """Read a sound file; what breaks it stands in `problem`.

    Args:
        data: the file, or its beginning.
        is_whole: nothing of the file is missing in `data`.

    Returns:
        What it says, and offset and length of each picture in it.

    Raises:
        Malformed: sound of no kind that is read here.
    """
    kind = _kind(data)
    sound, pictures = Picture(kind), list[tuple[int, int]]()
    try:
        if kind == "WAV":
            _read_chunks(data, sound, "little" if data[:4] != b"RIFX" else "big")
        elif kind == "AIFF":
            _read_chunks(data, sound, "big")
        elif kind == "FLAC":
            _read_flac(data, 0, sound, pictures)
        elif kind == "OGG":
            _read_ogg(data, sound)
        else:
            _read_id3(data, sound, pictures)
    except (struct.error, IndexError):
        sound.problem = "ends within a header" if is_whole else ""
    except Malformed as error:
        sound.problem = error.reason if is_whole else ""
    return sound, pictures


def _kind(data: bytes) -> str:
    if data[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return "WAV"
    if data[:4] == b"FORM":
        return "AIFF"
    if data[:4] == b"fLaC":
        return "FLAC"
    if data[:4] == b"OggS":
        return "OGG"
    if data[:3] == b"ID3" or data[:1] == b"\xff":
        return "MP3"
    raise Malformed("no sound of a kind that is read here")


def _read_chunks(data: bytes, sound: Picture, order: Literal["little", "big"]) -> None:
    stated = int.from_bytes(data[4:8], order)
    end = 8 + stated
    if data[:4] == b"RF64" or stated == 0xFFFFFFFF:
        end = len(data)
    for kind, start, length in _chunks(data, 12, min(end, len(data)), order):
        if kind == b"LIST" and data[start : start + 4] == b"INFO":
            for name, inner, size in _chunks(data, start + 4, min(start + length, len(data)), order):
                sound.add_text(name.decode("latin-1"), data[inner : inner + size])
        elif kind in (b"NAME", b"AUTH", b"ANNO", b"(c) ", b"bext", b"iXML", b"_PMX"):
            sound.add_text(kind.decode("latin-1"), data[start : start + length])
        elif kind.lower() == b"id3 ":
            _read_id3(data[start : start + length], sound, [])
    if end > len(data):
        raise Malformed("is shorter than it says")
    sound.end = min(end + end % 2, len(data))


def _chunks(
    data: bytes, at: int, stop: int, order: Literal["little", "big"]
) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MAX_ITEMS):
        if at + 8 > stop:
            return
        length = int.from_bytes(data[at + 4 : at + 8], order)
        yield data[at : at + 4], at + 8, length
        at += 8 + length + length % 2
    raise Malformed("more chunks than a sound has")


def _read_flac(data: bytes, at: int, sound: Picture, pictures: list[tuple[int, int]]) -> None:
    at += 4
    for _ in range(_MAX_ITEMS):
        head = data[at]
        length = int.from_bytes(data[at + 1 : at + 4], "big")
        start = at + 4
        if start + length > len(data):
            raise Malformed("a block reaches beyond the end")
        if head & 0x7F == 4:
            _vorbis_comments(data[start : start + length], sound)
        elif head & 0x7F == 6:
            pictures.append(_flac_picture(data, start, length))
        at = start + length
        if head & 0x80:
            return


def _flac_picture(data: bytes, start: int, length: int) -> tuple[int, int]:
    """Offset and length of the picture in a block, behind its type, MIME type and description."""
    at = start + 4
    for _ in range(2):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    at += 16
    size = int.from_bytes(data[at : at + 4], "big")
    if at + 4 + size > start + length:
        raise Malformed("a picture reaches beyond its block")
    return at + 4, size


def _vorbis_comments(data: bytes, sound: Picture) -> None:
    vendor = int.from_bytes(data[:4], "little")
    at = 4 + vendor
    sound.add_text("vendor", data[4:at])
    count = struct.unpack_from("<I", data, at)[0]
    at += 4
    for _ in range(min(count, _COMMENTS)):
        length = struct.unpack_from("<I", data, at)[0]
        name, _, value = data[at + 4 : at + 4 + length].partition(b"=")
        sound.add_text(decoded(name[:80]), value)
        at += 4 + length
        if at >= len(data):
            return


def _read_ogg(data: bytes, sound: Picture) -> None:
    for mark in (b"\x03vorbis", b"OpusTags", b"\x81theora"):
        at = data.find(mark, 0, 1 << 16)
        if at >= 0:
            _vorbis_comments(data[at + len(mark) : at + (1 << 20)], sound)
    at = 0
    for _ in range(_MAX_ITEMS * 10):
        if data[at : at + 4] != b"OggS":
            break
        table = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(table) + sum(table)
    if at > len(data):
        raise Malformed("a page reaches beyond the end")
    sound.end = at


def _read_id3(data: bytes, sound: Picture, pictures: list[tuple[int, int]]) -> None:
    if data[-128:-125] == b"TAG":
        for name, start, stop in (("title", 3, 33), ("artist", 33, 63), ("comment", 97, 127)):
            sound.add_text(f"ID3v1 {name}", data[-128:][start:stop].rstrip(b"\0 "))
    if data[:3] != b"ID3":
        return
    version, flags = data[3], data[5]
    stop = 10 + _syncsafe(data[6:10])
    if stop > len(data):
        raise Malformed("an ID3 tag reaches beyond the end")
    at = 10
    if flags & 0x40:
        extended = data[10:14]
        at += _syncsafe(extended) if version == 4 else 4 + int.from_bytes(extended, "big")
    head = 6 if version == 2 else 10
    while at + head <= stop and data[at]:
        frame, length = _frame(data, at, version)
        if length <= 0 or at + head + length > stop:
            raise Malformed("an ID3 frame reaches beyond its tag")
        _id3_frame(frame, data, at + head, length, sound, pictures)
        at += head + length


def _frame(data: bytes, at: int, version: int) -> tuple[bytes, int]:
    if version == 2:
        return data[at : at + 3], int.from_bytes(data[at + 3 : at + 6], "big")
    size = data[at + 4 : at + 8]
    return data[at : at + 4], _syncsafe(size) if version == 4 else int.from_bytes(size, "big")


def _id3_frame(
    name: bytes, data: bytes, at: int, length: int, sound: Picture, pictures: list[tuple[int, int]]
) -> None:
    content = data[at : at + length]
    label = name.decode("latin-1")
    if name[:1] == b"T" or name in (b"COMM", b"USLT", b"COM"):
        encoding = _ID3_ENCODINGS.get(content[0], "latin-1")
        sound.add_text(label, content[1:].decode(encoding, "replace").replace("\0", " "))
    elif name[:1] == b"W" or name in (b"PRIV", b"GEOB", b"UFID"):
        sound.add_text(label, content)
    elif name == b"APIC":
        # Encoding, MIME type, kind of picture, description: the picture begins at its own magic.
        for magic in (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF"):
            found = content.find(magic, 0, 512)
            if found >= 0:
                pictures.append((at + found, length - found))
                return


def _syncsafe(data: bytes) -> int:
    """Four bytes of seven bits each."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value
