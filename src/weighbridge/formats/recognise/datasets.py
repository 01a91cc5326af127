"""Tables, records, images and sound: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MAGIC: Final = (
    (b"PAR1", Format.PARQUET),
    (b"PARE", Format.PARQUET),
    (b"ARROW1", Format.ARROW),
    (b"FEA1", Format.ARROW),
    (b"SQLite format 3\0", Format.SQLITE),
    (b"Obj\x01", Format.AVRO),
    (b"\x89PNG\r\n\x1a\n", Format.IMAGE),
    (b"\xff\xd8\xff", Format.IMAGE),
    (b"GIF87a", Format.IMAGE),
    (b"GIF89a", Format.IMAGE),
    (b"\0\0\0\x0cJXL \r\n", Format.IMAGE),
    (b"\0\0\0\x0cjP  \r\n", Format.IMAGE),
    (b"8BPS\0\x01", Format.IMAGE),
    (b"fLaC", Format.AUDIO),
    (b"OggS\0", Format.AUDIO),
    (b"ID3\2", Format.AUDIO),
    (b"ID3\3", Format.AUDIO),
    (b"ID3\4", Format.AUDIO),
    (b"\x1a\x45\xdf\xa3", Format.VIDEO),
    (b"%!PS", Format.POSTSCRIPT),
    (b"\x1b%-12345X", Format.POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", Format.POSTSCRIPT),
)
_TAILS: Final = ((b"PAR1", Format.PARQUET), (b"PARE", Format.PARQUET), (b"LANC", Format.LANCE))
_TAIL_NAMES: Final = frozenset({".parquet", ".pq", ".parq", ".lance", ".manifest"})
_LINES_NAMES: Final = frozenset({".jsonl", ".ndjson", ".jsonlines"})
_TABLE_NAMES: Final = frozenset({".csv", ".tsv", ".tab", ".psv"})
_IPC_NAMES: Final = frozenset({".arrow", ".arrows", ".feather", ".ipc"})
_LINE_BYTES: Final = 1024 * KIB
_REMOTE_LINE_BYTES: Final = 64 * KIB
_IMAGE_BRANDS: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"})
_LMDB_MAGIC: Final = b"\xde\xc0\xef\xbe"


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    yield from (kind for magic, kind in _MAGIC if head.startswith(magic))
    yield from _by_offset(head)
    if _is_arrow_stream(probe):
        yield Format.ARROW
    if _is_tfrecord(probe):
        yield Format.TFRECORD
    if head[:1] in b"{[" and head and _is_json_lines(probe):
        yield Format.JSON_LINES
    if probe.suffix in _TABLE_NAMES and _is_text_with_zeros(head):
        yield Format.TEXT
    yield from _by_tail(probe)


def _by_offset(head: bytes) -> Iterator[Format]:
    """Formats whose magic is not at the start, or is too short to stand alone."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        kind = head[8:12]
        yield from _RIFF_KINDS.get(kind, ())
    if head[:4] in (b"FORM",) and head[8:12] in (b"AIFF", b"AIFC"):
        yield Format.AUDIO
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[14:18] in _BMP_HEADERS:
        yield Format.IMAGE
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        yield Format.IMAGE
    if head[4:8] == b"ftyp":
        yield Format.IMAGE if head[8:12] in _IMAGE_BRANDS else Format.VIDEO
    if head[:3] == b"ORC" and (len(head) < 4 or head[3] < 0x20 or head[3] > 0x7E):
        yield Format.ORC
    if head[8:12] == b"DUCK":
        yield Format.DUCKDB
    if head[16:20] == _LMDB_MAGIC and head[:8] == bytes(8):
        yield Format.LMDB
    if _is_mp3_frame(head):
        yield Format.AUDIO


_RIFF_KINDS: Final = {
    b"WAVE": (Format.AUDIO,),
    b"RMID": (Format.AUDIO,),
    b"WEBP": (Format.IMAGE,),
    b"AVI ": (Format.VIDEO,),
}
_BMP_HEADERS: Final = tuple(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))


def _is_mp3_frame(head: bytes) -> bool:
    """Two frame headers of MPEG layer III, the second where the first one ends."""
    length = _mp3_frame_bytes(head[:4])
    return length is not None and _mp3_frame_bytes(head[length : length + 4]) is not None


def _mp3_frame_bytes(head: bytes) -> int | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] not in (0xFA, 0xFB, 0xF2, 0xF3):
        return None
    rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
    low = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
    is_first = head[1] >= 0xFA
    rate = (rates if is_first else low)[head[2] >> 4]
    sample = (44100, 48000, 32000, 0)[head[2] >> 2 & 3] // (1 if is_first else 2)
    if not rate or not sample:
        return None
    return (144 if is_first else 72) * rate * 1000 // sample + (head[2] >> 1 & 1)


def _is_arrow_stream(probe: Probe) -> bool:
    from weighbridge.formats.datasets.arrow_ipc import CONTINUATION, is_ipc_stream

    head = probe.head
    if not head.startswith(CONTINUATION) and probe.suffix not in _IPC_NAMES:
        return False
    begin = 8 if head.startswith(CONTINUATION) else 4
    length = int.from_bytes(head[begin - 4 : begin], "little")
    if not 16 <= length <= probe.size - begin:
        return False
    if begin + length > len(head):
        # A schema with long metadata. Its last table may lie anywhere in it.
        head = bytes(probe.source.read_at(0, begin + min(length, _LINE_BYTES)))
    return is_ipc_stream(head)


def _is_tfrecord(probe: Probe) -> bool:
    from weighbridge.formats.datasets.tfrecord import is_record_head

    return is_record_head(probe.head[:12], probe.size)


def _is_json_lines(probe: Probe) -> bool:
    """One whole JSON value on the first line and the beginning of another on the next one.

    A name that loaders read by lines is enough for a single line, and for one that is long.
    """
    by_name = probe.suffix in _LINES_NAMES
    if by_name:
        return True
    data = probe.head
    if b"\n" not in data and len(data) < probe.size:
        data = bytes(
            probe.source.read_at(0, _REMOTE_LINE_BYTES if probe.source.is_remote else _LINE_BYTES)
        )
    first, newline, rest = data.partition(b"\n")
    following = rest.lstrip()[:1]
    if not newline or following not in (b"{", b"[") or not following:
        return False
    return _is_json(first)


def _is_json(line: bytes) -> bool:
    from weighbridge.formats.documents.strict_json import decode_python_json

    try:
        text = line.decode("utf-8").strip()
        return decode_python_json(text).end == len(text)
    except (UnicodeDecodeError, Malformed, LimitReached):
        return False


def _is_text_with_zeros(head: bytes) -> bool:
    """Text but for a few NUL bytes, which readers of tables skip."""
    zeros = head.count(0)
    return 0 < zeros <= len(head) // 64 and not head.translate(None, _TEXT_AND_ZERO)


_TEXT_AND_ZERO: Final = bytes({0, 7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)) - {0x7F})


def _by_tail(probe: Probe) -> Iterator[Format]:
    """Formats whose readers begin at the end of the file."""
    if (probe.source.is_remote and probe.suffix not in _TAIL_NAMES) or probe.size < 12:
        return
    tail = bytes(probe.source.read_at(probe.size - 4, 4))
    yield from (kind for magic, kind in _TAILS if tail == magic)
