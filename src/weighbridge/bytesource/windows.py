"""A remote file as blocks: which range to ask for next, whatever protocol does the asking."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass

from weighbridge.bytesource.block_cache import BLOCK_BYTES, BlockCache, blocks_of
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import ReadError

PREFIX_BYTES = 8 * MIB
"""Of a larger file, a server without ranges is read this far from the start, when that is needed."""
SMALL_FILE_BYTES = 128 * KIB
"""A file up to this size is fetched whole at its first use."""

_WINDOW_BLOCKS = 4
"""64 KiB: the least that is worth a round trip."""
_WIDEST_WINDOW_BLOCKS = 128
"""2 MiB: what reading on and on from front to back grows to."""
_CACHED_BLOCKS = 256
_TAIL_BYTES = 64 * KIB + 22
"""The farthest from its end that a zip archive's end record can begin."""
_PREFIX_READS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAnswer:
    """Bytes from a server.

    Attributes:
        start: offset of the first byte of `data`.
        total_bytes: size of the file as this answer states it; None when it doesn't.
        url: what answered, after redirects.
        has_ignored_range: the server sends whole files only; `data` is a prefix.
    """

    start: int
    data: bytes
    total_bytes: int | None
    url: str
    has_ignored_range: bool = False


class WindowedSource(ABC):
    """A `ByteSource` over ranges of a remote file. Thread-safe: reads of one source take turns.

    The first use fetches the whole of a small file, or 64 KiB of the head, or of the tail for an
    archive whose directory is there; that answer also tells the true size. Later reads fetch all
    the blocks that they miss in one request.

    `size`, like `read_at`, raises ReadError when the first request fails.

    Args:
        expected_bytes: the size that the registry states. The server's word replaces it.
        prefers_tail: the file is an archive whose directory is at its end.
    """

    is_remote = True

    def __init__(self, expected_bytes: int, *, prefers_tail: bool) -> None:
        self._expected_bytes = expected_bytes
        self._prefers_tail = prefers_tail
        self._lock = threading.RLock()
        self._cache = BlockCache(_CACHED_BLOCKS)
        self._size: int | None = None
        self._next_block = 0
        self._window = _WINDOW_BLOCKS
        self._prefix_reads_left: int | None = None

    @abstractmethod
    def _ask(self, start: int, stop: int) -> RangeAnswer:
        """Fetch the half-open range [start, stop), shorter only where the file ends."""

    @property
    def size(self) -> int:
        with self._lock:
            if self._size is None:
                self._size = self._meet()
            return self._size

    @property
    def bytes_read(self) -> int:
        return self._cache.distinct_bytes

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        with self._lock:
            length = min(length, self.size - offset)
            if length <= 0:
                return b""
            return self._read(offset, length)

    def close(self) -> None:
        """The connections belong to the client."""
        self._cache = BlockCache(0)

    def _read(self, offset: int, length: int) -> bytes:
        first, last = offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES
        blocks = {n: block for n in range(first, last + 1) if (block := self._cache.get(n)) is not None}
        missing = [n for n in range(first, last + 1) if n not in blocks]
        if missing:
            blocks |= self._fetch_blocks(missing[0], missing[-1])
        if any(n not in blocks for n in missing):
            raise ReadError(
                "the server ignores range requests, and these bytes lie further from the start than the "
                f"{PREFIX_BYTES:,} bytes that we read in that way; download the file and scan it"
            )
        skipped = offset - first * BLOCK_BYTES
        return b"".join(blocks[n] for n in range(first, last + 1))[skipped : skipped + length]

    def _fetch_blocks(self, first: int, last: int) -> dict[int, bytes]:
        """Fetch blocks first..last in one request, and more when reading goes on and on."""
        is_onward = first == self._next_block and first > 0
        self._window = min(self._window * 2, _WIDEST_WINDOW_BLOCKS) if is_onward else _WINDOW_BLOCKS
        stop = max(last + 1, first + self._window)
        stop = next((n for n in range(last + 1, stop) if n in self._cache), stop)
        self._next_block = stop
        return self._fetch(first * BLOCK_BYTES, min(stop * BLOCK_BYTES, self.size))

    def _meet(self) -> int:
        """Make the first request, keep what it brings, and return the size of the file."""
        expected = self._expected_bytes
        start, stop = 0, _WINDOW_BLOCKS * BLOCK_BYTES
        if expected <= SMALL_FILE_BYTES:
            stop = max(expected, 1)
        elif self._prefers_tail:
            start, stop = (expected - _TAIL_BYTES) // BLOCK_BYTES * BLOCK_BYTES, expected
        answer = self._ask(start, stop)
        size = answer.total_bytes
        if size is None:
            size = self._believed(answer)
        self._keep(answer, size)
        if start == 0:
            self._next_block = stop // BLOCK_BYTES
        return size

    def _believed(self, answer: RangeAnswer) -> int:
        """Return the size that the registry states, where the server's answer states none.

        A registry that states less than there is would hide the rest: so we ask for the next byte.

        Raises:
            ReadError: there is more than the registry states, or nobody can tell.
        """
        expected = self._expected_bytes
        if answer.has_ignored_range:
            raise ReadError(
                "the server ignores range requests and does not say how large the file is; "
                "download the file and scan it"
            )
        try:
            beyond = self._ask(expected, expected + 1)
        except Refused as refusal:
            if refusal.status != 416:
                raise
            return expected
        if beyond.data or beyond.total_bytes not in (None, expected):
            raise ReadError(
                f"the registry states {expected:,} bytes, and the server has others, without saying "
                "how many; download the file and scan it"
            )
        return expected

    def _fetch(self, start: int, stop: int) -> dict[int, bytes]:
        if self._prefix_reads_left is not None:
            if self._prefix_reads_left == 0 or stop > PREFIX_BYTES:
                return {}
            self._prefix_reads_left -= 1
        answer = self._ask(start, stop)
        if answer.total_bytes not in (None, self.size):
            raise ReadError(
                f"the file changed its size from {self.size:,} to {answer.total_bytes:,} bytes"
            )
        return self._keep(answer, self.size)

    def _keep(self, answer: RangeAnswer, size: int) -> dict[int, bytes]:
        if answer.has_ignored_range and self._prefix_reads_left is None:
            self._prefix_reads_left = _PREFIX_READS
        blocks = dict(blocks_of(answer.data, answer.start, size))
        for number, block in blocks.items():
            self._cache.put(number, block)
        return blocks
