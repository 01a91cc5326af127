"""Forward reading over a `ByteSource` in blocks, so that small records cost no small reads."""

from __future__ import annotations

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB

_BLOCK_BYTES = 256 * KIB


class Cursor:
    """A position in the half-open range [offset, stop) of a source, with look-ahead.

    Holds at most one block plus what `peek` was asked for. Errors of the source pass through.
    """

    def __init__(
        self,
        source: ByteSource,
        offset: int = 0,
        *,
        stop: int | None = None,
        block_bytes: int = _BLOCK_BYTES,
    ) -> None:
        self._source = source
        self._stop = source.size if stop is None else min(stop, source.size)
        self._block_bytes = block_bytes
        self._buffer = b""
        self._consumed = 0
        self._fetched = offset

    @property
    def position(self) -> int:
        """The next byte to be taken, from the start of the source."""
        return self._fetched - (len(self._buffer) - self._consumed)

    @property
    def remaining(self) -> int:
        return max(0, self._stop - self.position)

    def peek(self, length: int) -> bytes:
        """Return the next `length` bytes, fewer only at the end of the range."""
        missing = length - (len(self._buffer) - self._consumed)
        if missing > 0 and self._fetched < self._stop:
            wanted = min(max(missing, self._block_bytes), self._stop - self._fetched)
            block = bytes(self._source.read_at(self._fetched, wanted))
            self._buffer = self._buffer[self._consumed :] + block
            self._consumed = 0
            self._fetched += len(block)
        return self._buffer[self._consumed : self._consumed + length]

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes, fewer only at the end of the range, and move past them."""
        data = self.peek(length)
        self._consumed += len(data)
        return data

    def seek(self, position: int) -> None:
        """Move to an absolute position; within the block at hand nothing is read again."""
        start = self._fetched - len(self._buffer)
        if start <= position <= self._fetched:
            self._consumed = position - start
        else:
            self._buffer, self._consumed, self._fetched = b"", 0, position
