"""A remote file, read by ranges: the fewest requests and bytes that a header or a pickle needs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

from weighbridge.bytesource.block_cache import BLOCK_BYTES, BlockCache, blocks_of
from weighbridge.bytesource.http_client import Ask, HttpClient
from weighbridge.bytesource.http_reply import PREFIX_BYTES, RangeAnswer, take_range
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import ReadError

_WINDOW_BLOCKS = 4
"""64 KiB: the least that is worth a round trip."""
_WIDEST_WINDOW_BLOCKS = 128
"""2 MiB: what reading on and on from front to back grows to."""
_CACHED_BLOCKS = 256
_SMALL_FILE_BYTES = 128 * KIB
_TAIL_BYTES = 64 * KIB + 22
"""The farthest from its end that a zip archive's end record can begin."""
_WIDER_BYTES = 1 * MIB
_PREFIX_READS = 8
_EXPIRED = frozenset({400, 401, 403, 410})
"""What storage answers when the signature of a location has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """What is known of a file before the first request.

    Attributes:
        url: at the client's endpoint; it may redirect to a signed, expiring location.
        expected_bytes: the size that the registry states. The server's word replaces it.
        prefers_tail: the file is an archive whose directory is at its end.
    """

    url: str
    expected_bytes: int
    prefers_tail: bool = False


class RangeSource:
    """A `ByteSource` over HTTP ranges. Thread-safe: reads of one source take turns.

    The first use fetches the whole of a small file, or 64 KiB of the head, or of the tail when
    `RemoteFile.prefers_tail` says so; that answer also tells the true size. Later reads fetch
    all the blocks that they miss in one request. The location behind a redirect is kept and
    asked for again only when it has expired.

    `size`, like `read_at`, raises ReadError when the first request fails.
    """

    is_remote = True

    def __init__(self, client: HttpClient, file: RemoteFile) -> None:
        self._client = client
        self._file = file
        self._lock = threading.RLock()
        self._cache = BlockCache(_CACHED_BLOCKS)
        self._location: str | None = None
        self._size: int | None = None
        self._next_block = 0
        self._window = _WINDOW_BLOCKS
        self._prefix_reads_left: int | None = None

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
        expected = self._file.expected_bytes
        start, stop = 0, _WINDOW_BLOCKS * BLOCK_BYTES
        if expected <= _SMALL_FILE_BYTES:
            stop = max(expected, 1)
        elif self._file.prefers_tail:
            start, stop = (expected - _TAIL_BYTES) // BLOCK_BYTES * BLOCK_BYTES, expected
        answer = self._ask(start, stop)
        size = expected if answer.total_bytes is None else answer.total_bytes
        self._keep(answer, size)
        if start == 0:
            self._next_block = stop // BLOCK_BYTES
        return size

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

    def _ask(self, start: int, stop: int) -> RangeAnswer:
        """Ask at the kept location, then at a fresh one, then for a wider range.

        Storage that checks ranges too strictly has refused valid ones with 403 and taken wider,
        aligned ones. Source: https://github.com/huggingface/xet-core/issues/897
        """
        if self._location is not None:
            try:
                return self._ask_at(self._location, start, stop)
            except Refused as refusal:
                if refusal.status not in _EXPIRED:
                    raise
                self._location = None
        try:
            return self._ask_at(self._file.url, start, stop)
        except Refused as refusal:
            if refusal.from_endpoint or refusal.status != 403:
                raise
        size = max(self._size or self._file.expected_bytes, stop)
        return self._ask_at(
            self._file.url,
            start - start % _WIDER_BYTES,
            min(size, -(-stop // _WIDER_BYTES) * _WIDER_BYTES),
        )

    def _ask_at(self, url: str, start: int, stop: int) -> RangeAnswer:
        ask = Ask(
            url=url,
            headers={"range": f"bytes={start}-{stop - 1}"},
            expected_bytes=max(stop - start, 1 * MIB),
        )
        answer = self._client.exchange(ask, partial(take_range, start=start, stop=stop))
        if answer.url != self._file.url:
            self._location = answer.url
        return answer
