"""Decode the data of a zip member, whatever its flags and checksum say."""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.inflate import DECODER_MEMORY_BYTES, Decoder, Deflate, Meter, inflate
from weighbridge.formats.archive.streams import open_stream
from weighbridge.formats.archive.zip_records import METHOD_AES, METHOD_STORED, ZipMember
from weighbridge.formats.kinds import Format

_DEFLATED, _BZ2, _LZMA, _ZSTD_OLD, _ZSTD, _XZ = 8, 12, 14, 20, 93, 95
_STREAMS = {_BZ2: Format.BZ2, _ZSTD_OLD: Format.ZSTD, _ZSTD: Format.ZSTD, _XZ: Format.XZ}
SUPPORTED_METHODS = frozenset({METHOD_STORED, _DEFLATED, _LZMA, *_STREAMS})

METHOD_NAMES = {
    1: "shrink",
    6: "implode",
    9: "deflate64",
    18: "IBM TERSE",
    19: "IBM LZ77",
    94: "MP3",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    METHOD_AES: "AES encryption",
}
"""Names of registered methods that we can't decode. Source: APPNOTE.TXT 6.3.10, 4.4.5."""

_COPY_BYTES = 256 * 1024


def open_member(source: ByteSource, member: ZipMember, budget: Budget) -> Iterator[bytes]:
    """Decode a member as if it were not encrypted.

    Args:
        source: the archive.
        member: with its `data_offset` resolved.
        budget: spent by what is decompressed; stored bytes are free.

    Raises:
        Malformed: broken, cut, or of a method outside `SUPPORTED_METHODS`; after everything
            that could be decoded was yielded.
        LimitReached: the budget is spent.
        ValueError: the data offset is not resolved.
    """
    if member.data_offset is None:
        raise ValueError("the member's data offset is not resolved")
    start, stop = member.data_offset, member.data_offset + member.stored_length
    if member.method == METHOD_STORED:
        return _copy(source, start, stop)
    if member.method == _DEFLATED:
        return inflate(Cursor(source, start, stop=stop), Deflate, Meter(budget, start))
    if member.method == _LZMA:
        return _lzma(Cursor(source, start, stop=stop), member.size, budget)
    if member.method in _STREAMS:
        return open_stream(source, _STREAMS[member.method], budget, offset=start, stop=stop)
    name = METHOD_NAMES.get(member.method, "unknown")
    raise Malformed(f"compression method {member.method} ({name})", member.header_offset)


def is_plain(source: ByteSource, member: ZipMember, budget: Budget) -> bool:
    """Tell whether data that is flagged as encrypted is readable without a password.

    Encryption adds 12 bytes to stored data, and encrypted data does not decompress to the
    stated size. The checksum is not asked: the loaders that ignore the flag ignore it too.

    Raises:
        LimitReached: the budget is spent; the data did decompress up to there.
    """
    if member.method == METHOD_STORED:
        return member.compressed_size == member.size
    if member.method not in SUPPORTED_METHODS:
        return False
    try:
        produced = sum(map(len, open_member(source, member, budget)))
    except Malformed:
        return False
    return produced == member.size


def looks_loadable(head: bytes) -> bool:
    """Tell whether bytes start like a pickle (any protocol) or an archive."""
    if head.startswith((b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b")):
        return True
    if head[:1] == b"\x80" and 2 <= int.from_bytes(head[1:2]) <= 5:
        return True
    first_line = head.partition(b"\n")[0]
    return head[:1] in (b"c", b"(", b"i") and b"\n" in head and first_line.isascii()


def _copy(source: ByteSource, start: int, stop: int) -> Iterator[bytes]:
    for position in range(start, min(stop, source.size), _COPY_BYTES):
        yield bytes(source.read_at(position, min(_COPY_BYTES, stop - position)))


def _lzma(cursor: Cursor, size: int, budget: Budget) -> Iterator[bytes]:
    """Zip's own header: version (2 bytes), length of properties (2), properties. APPNOTE 5.8.8."""
    meter = Meter(budget, cursor.position)
    head = cursor.take(4)
    properties = cursor.take(int.from_bytes(head[2:4], "little"))
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        raise Malformed("no lzma properties", cursor.position)
    dictionary_bytes = int.from_bytes(properties[1:5], "little")
    if dictionary_bytes > DECODER_MEMORY_BYTES:
        raise LimitReached(f"the lzma dictionary is larger than {DECODER_MEMORY_BYTES:,} bytes")
    code = properties[0]
    chain = {
        "id": lzma.FILTER_LZMA1,
        "lc": code % 9,
        "lp": code // 9 % 5,
        "pb": code // 45,
        "dict_size": max(dictionary_bytes, 4096),
    }

    def make() -> Decoder:
        try:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])
        except (lzma.LZMAError, ValueError) as error:
            raise Malformed(f"no lzma properties: {error}", cursor.position) from error

    produced = 0
    try:
        for chunk in inflate(cursor, make, meter):
            produced += len(chunk)
            yield chunk
    except Malformed:
        # Most writers leave the end marker out: the stream then ends where the size says.
        if produced != size:
            raise
