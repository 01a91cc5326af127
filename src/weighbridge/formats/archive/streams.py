r"""Decode a compressed file as its loaders do: stream after stream, in bounded chunks.

    gzip    1F 8B 08 flags mtime xfl os [extra] [name\0] [comment\0] [crc16] | deflate | crc32 size
    zlib    78 xx | deflate | adler32
    ZF      "ZF" | length as hex, padded to 19 bytes | [space] | zlib          (joblib before 0.10)
    lzma    5D 00 00 dictionary(3) size(8) | lzma                              (also called alone)

Checksums are computed and compared, never trusted: `pickle.load` stops at the end of the pickle,
before its gzip file has seen a wrong checksum. Source: RFC 1950, 1952; joblib/numpy_pickle_compat.py
`read_zfile`; CPython Lib/gzip.py, Lib/bz2.py and Lib/lzma.py for what follows the first stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, Budget
from weighbridge.errors import Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.inflate import (
    Decoder,
    Deflate,
    Meter,
    inflate,
    make_bz2,
    make_lz4,
    make_lzma_alone,
    make_xz,
)
from weighbridge.formats.archive.zstd_frames import ZSTD_MAGIC, skippable_length, zstd_frame
from weighbridge.formats.kinds import Format

GZIP_MAGIC = b"\x1f\x8b"
BZ2_MAGIC = b"BZh"
XZ_MAGIC = b"\xfd7zXZ\x00"
LZMA_MAGIC = b"\x5d\x00\x00"
LZ4_MAGIC = b"\x04\x22\x4d\x18"
ZFILE_MAGIC = b"ZF"

_LONGEST_GZIP_HEADER = 256 * KIB
_ZFILE_LENGTH_DIGITS = 19
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 2, 4, 8, 16

STREAM_FORMATS = frozenset(
    {
        Format.GZIP,
        Format.BZ2,
        Format.XZ,
        Format.LZMA,
        Format.ZLIB,
        Format.LZ4,
        Format.ZSTD,
        Format.JOBLIB_ZFILE,
    }
)


_MAGICS = (
    (GZIP_MAGIC, Format.GZIP),
    (BZ2_MAGIC, Format.BZ2),
    (XZ_MAGIC, Format.XZ),
    (LZMA_MAGIC, Format.LZMA),
    (LZ4_MAGIC, Format.LZ4),
    (ZSTD_MAGIC, Format.ZSTD),
    (ZFILE_MAGIC, Format.JOBLIB_ZFILE),
)


@dataclass(slots=True)
class StreamFacts:
    """What was learnt on the way; complete once the chunks are used up.

    Attributes:
        streams: compressed streams begun, one after the other.
        names: the name fields of gzip headers.
        wrong_checksums: offsets of checksums or lengths that the decoded bytes contradict.
        trailing_offset: first byte that belongs to no stream; None while there is none.
        consumed: compressed bytes taken so far.
        produced: bytes given so far.
    """

    streams: int = 0
    names: tuple[bytes, ...] = ()
    wrong_checksums: tuple[int, ...] = ()
    trailing_offset: int | None = None
    consumed: int = 0
    produced: int = 0


class StreamReader:
    """An iterator of decoded chunks, with `facts` beside it.

    Iterating raises `Malformed` for broken or cut data, after everything decodable was yielded,
    and `LimitReached` when the budget is spent. Bytes after the last stream are no error.
    """

    def __init__(
        self,
        source: ByteSource,
        format: Format,
        budget: Budget,
        *,
        offset: int = 0,
        stop: int | None = None,
    ) -> None:
        self.facts = StreamFacts()
        self._cursor = Cursor(source, offset, stop=stop)
        self._meter = Meter(budget, offset)
        self._chunks = self._decode(format)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        finally:
            self.facts.consumed = self._cursor.position - self._meter.start
            self.facts.produced = self._meter.produced

    def _decode(self, format: Format) -> Iterator[bytes]:
        match format:
            case Format.GZIP:
                return self._repeat(self._gzip, (GZIP_MAGIC,))
            case Format.BZ2:
                return self._repeat(self._plain(make_bz2), (BZ2_MAGIC,))
            case Format.XZ | Format.LZMA:
                return self._repeat(self._xz_or_lzma, (XZ_MAGIC, LZMA_MAGIC))
            case Format.ZLIB:
                return self._repeat(self._zlib, ())
            case Format.LZ4:
                return self._repeat(self._plain(make_lz4), (LZ4_MAGIC,))
            case Format.ZSTD:
                return self._repeat(self._zstd, (ZSTD_MAGIC,))
            case Format.JOBLIB_ZFILE:
                return self._repeat(self._zfile, ())
            case _:
                raise ValueError(f"{format} is not a compressed stream")

    def _repeat(
        self, decode_one: Callable[[], Iterator[bytes]], magics: tuple[bytes, ...]
    ) -> Iterator[bytes]:
        """Decode the first stream, then further ones as long as one of `magics` follows."""
        self._skip_frames()
        while True:
            self.facts.streams += 1
            yield from decode_one()
            self._meter.budget.check_time()
            self._skip_padding()
            self._skip_frames()
            if not magics or not self._cursor.peek(8).startswith(magics):
                break
        if self._cursor.remaining:
            self.facts.trailing_offset = self._cursor.position

    def _plain(self, make: Callable[[], Decoder]) -> Callable[[], Iterator[bytes]]:
        return lambda: inflate(self._cursor, make, self._meter)

    def _xz_or_lzma(self) -> Iterator[bytes]:
        is_xz = self._cursor.peek(len(XZ_MAGIC)) == XZ_MAGIC
        return inflate(self._cursor, make_xz if is_xz else make_lzma_alone, self._meter)

    def _zstd(self) -> Iterator[bytes]:
        return zstd_frame(self._cursor, self._meter)

    def _gzip(self) -> Iterator[bytes]:
        self._take_gzip_header()
        crc, size = 0, 0
        for chunk in inflate(self._cursor, Deflate, self._meter):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            yield chunk
        expected = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        self._compare(expected)

    def _zlib(self) -> Iterator[bytes]:
        head = self._cursor.take(2)
        if len(head) < 2 or head[0] & 0xF != zlib.DEFLATED or int.from_bytes(head) % 31:
            raise Malformed("no zlib stream", self._cursor.position)
        if head[1] & 0x20:
            raise Malformed("a zlib dictionary that is not in the file is needed", self._cursor.position)
        adler = 1
        for chunk in inflate(self._cursor, Deflate, self._meter):
            adler = zlib.adler32(chunk, adler)
            yield chunk
        self._compare(adler.to_bytes(4))

    def _zfile(self) -> Iterator[bytes]:
        start = self._cursor.position
        head = self._cursor.take(len(ZFILE_MAGIC) + _ZFILE_LENGTH_DIGITS)
        if not head.startswith(ZFILE_MAGIC):
            raise Malformed("no joblib z-file", start)
        try:
            length = int(head[len(ZFILE_MAGIC) :], 16)
        except ValueError:
            raise Malformed("the length of the joblib z-file is no number", start) from None
        if self._cursor.peek(1) == b" ":
            self._cursor.take(1)
        before = self._meter.produced
        yield from self._zlib()
        if self._meter.produced - before != length:
            self.facts.wrong_checksums += (start,)

    def _take_gzip_header(self) -> None:
        head = self._cursor.peek(_LONGEST_GZIP_HEADER)
        if len(head) < 10 or not head.startswith(GZIP_MAGIC + b"\x08"):
            raise Malformed("no gzip stream", self._cursor.position)
        flags, position = head[3], 10
        if flags & _FEXTRA:
            position += 2 + int.from_bytes(head[position : position + 2], "little")
        for flag in (_FNAME, _FCOMMENT):
            if flags & flag:
                end = head.find(b"\0", position)
                if end < 0:
                    raise Malformed("the gzip header does not end", self._cursor.position)
                if flag == _FNAME:
                    self.facts.names += (head[position:end],)
                position = end + 1
        position += 2 if flags & _FHCRC else 0
        if len(self._cursor.take(position)) < position:
            raise Malformed("the gzip header is cut", self._cursor.position)

    def _compare(self, expected: bytes) -> None:
        start = self._cursor.position
        stated = self._cursor.take(len(expected))
        if len(stated) < len(expected):
            raise Malformed("the compressed data is cut", self._cursor.position)
        if stated != expected:
            self.facts.wrong_checksums += (start,)

    def _skip_padding(self) -> None:
        """Zeros fill up tape blocks (gzip) and xz streams; they hold nothing."""
        while block := self._cursor.peek(64 * KIB):
            self._meter.budget.check_time()
            kept = block.lstrip(b"\0")
            self._cursor.take(len(block) - len(kept))
            if kept:
                return

    def _skip_frames(self) -> None:
        while (length := skippable_length(self._cursor.peek(8))) is not None:
            self._meter.budget.check_time()
            self._cursor.seek(
                min(self._cursor.position + length, self._cursor.position + self._cursor.remaining)
            )


def detect_stream(head: bytes) -> Format | None:
    """Return the compressed format that starts with `head` (64 bytes are enough), or None."""
    for magic, format in _MAGICS:
        if head.startswith(magic):
            return format
    if skippable_length(head) is not None:
        return Format.ZSTD
    is_zlib = len(head) >= 2 and head[0] & 0x8F == zlib.DEFLATED and int.from_bytes(head[:2]) % 31 == 0
    return Format.ZLIB if is_zlib else None


def open_stream(
    source: ByteSource, format: Format, budget: Budget, *, offset: int = 0, stop: int | None = None
) -> StreamReader:
    """Return the decoded chunks of the compressed range [offset, stop) of `source`.

    Chunks hold at most 256 KiB; the budget is spent as they are produced.

    Raises:
        ValueError: `format` is not one of `STREAM_FORMATS`.
    """
    return StreamReader(source, format, budget, offset=offset, stop=stop)
