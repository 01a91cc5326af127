"""Run any decompressor in bounded steps, and save what it decoded before it broke.

The decompressors of the standard library throw away the output of the call that meets broken
data. A loader that reads in smaller pieces has had those bytes already, and may have run them. So
after an error the stream is decoded again, in ever smaller steps, up to the very byte where it
breaks.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.archive.cursor import Cursor

STEP_BYTES = 256 * KIB
DECODER_MEMORY_BYTES = 256 * MIB
"""Dictionaries and windows above this are refused: 64 MiB is the most that usual presets take."""

_INPUT_BYTES = 64 * KIB
_SALVAGE_STEPS = (4096, 64, 1)


class Decoder(Protocol):
    """The incremental decompressors of bz2, lzma and lz4, and `Deflate`."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Deflate:
    """`zlib.decompressobj` with the interface of the others; raw deflate, no checksum."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        self._has_pending_output = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._has_pending_output and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        output = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._has_pending_output = len(output) == max_length
        return output


@dataclass(slots=True)
class Meter:
    """Spends the budget of one compressed artifact, over all the streams in it."""

    budget: Budget
    start: int
    produced: int = 0

    def account(self, chunk: bytes, position: int) -> None:
        """Raises LimitReached when the budget is spent."""
        self.produced += len(chunk)
        self.budget.expand(
            len(chunk), consumed_total=position - self.start, produced_total=self.produced
        )


class Salvage:
    """An iterator of chunks that ends where `chunks` breaks, and keeps the reason in `error`.

    So the part that could be decoded can be analysed like any other bytes.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.error: Malformed | LimitReached | ReadError | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except (Malformed, LimitReached, ReadError) as error:
            self.error = error
            raise StopIteration from None


class _Corrupt(Exception):
    """A decompressor refused its input."""


def inflate(cursor: Cursor, make: Callable[[], Decoder], meter: Meter) -> Iterator[bytes]:
    """Decode one stream from the cursor and leave the cursor behind its last byte.

    Yields:
        Chunks of at most 256 KiB.

    Raises:
        Malformed: broken or cut, after everything that could be decoded was yielded.
        LimitReached: the budget is spent, or the decoder wants too much memory.
        ReadError: the source failed.
    """
    start, produced = cursor.position, 0
    try:
        for chunk in _steps(cursor, make(), STEP_BYTES):
            produced += len(chunk)
            meter.account(chunk, cursor.position)
            yield chunk
    except _Corrupt as error:
        failed_at = cursor.position
        for step in _SALVAGE_STEPS:
            for chunk in _salvage(cursor, make, start, produced, step):
                produced += len(chunk)
                meter.account(chunk, failed_at)
                yield chunk
        raise Malformed(f"the compressed data is broken: {error}", failed_at) from error


def _steps(cursor: Cursor, decoder: Decoder, step: int) -> Iterator[bytes]:
    while not decoder.eof:
        data = cursor.take(_INPUT_BYTES) if decoder.needs_input else b""
        if decoder.needs_input and not data:
            raise Malformed("the compressed data is cut", cursor.position)
        chunk = _decompress(decoder, data, step)
        if chunk:
            yield chunk
    cursor.seek(cursor.position - len(decoder.unused_data or b""))


def _salvage(
    cursor: Cursor, make: Callable[[], Decoder], start: int, skip: int, step: int
) -> Iterator[bytes]:
    """Decode again from `start`, drop `skip` bytes, and yield what comes in small steps."""
    cursor.seek(start)
    decoder, seen = make(), 0
    try:
        while not decoder.eof:
            data = cursor.take(_INPUT_BYTES) if decoder.needs_input else b""
            wanted = min(STEP_BYTES, skip - seen) if seen < skip else step
            chunk = _decompress(decoder, data, wanted)
            if seen >= skip and chunk:
                yield chunk
            seen += len(chunk)
            if not data and not chunk and decoder.needs_input:
                return
    except _Corrupt:
        return


def _decompress(decoder: Decoder, data: bytes, max_length: int) -> bytes:
    try:
        return decoder.decompress(data, max_length)
    # bz2 raises OSError, lz4 RuntimeError, and each ValueError for headers it can't read.
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
        if "emory usage limit" not in str(error):
            raise _Corrupt(str(error)) from error
        reached = f"the stream wants more than {DECODER_MEMORY_BYTES:,} bytes of memory to decode"
        raise LimitReached(reached) from error


def make_bz2() -> Decoder:
    return bz2.BZ2Decompressor()


def make_xz() -> Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DECODER_MEMORY_BYTES)


def make_lzma_alone() -> Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DECODER_MEMORY_BYTES)


def make_lz4() -> Decoder:
    import lz4.frame  # imported where used: start-up time

    decoder: Decoder = lz4.frame.LZ4FrameDecompressor()
    return decoder
