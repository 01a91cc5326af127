"""Ranges of a remote source that were fetched on purpose, in one read each."""

from __future__ import annotations

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB

_KEPT_BYTES = 16 * MIB


class ReadAhead:
    """A `ByteSource` that answers from prefetched ranges and asks `parent` for the rest.

    It lets a parser of small records, and many small slices, share one round trip. It keeps the
    first range (the tail, with the directory) and the latest others, 16 MiB in all; what was
    dropped is asked of the parent again. Closing it leaves the parent open.
    """

    def __init__(self, parent: ByteSource) -> None:
        self._parent = parent
        self._ranges: list[tuple[int, bytes]] = []

    @property
    def size(self) -> int:
        return self._parent.size

    @property
    def is_remote(self) -> bool:
        return self._parent.is_remote

    @property
    def bytes_read(self) -> int:
        return self._parent.bytes_read

    def prefetch(self, offset: int, length: int) -> None:
        """Fetch [offset, offset + length), cut at the end, unless it is at hand already.

        Raises:
            ReadError: the parent failed.
        """
        length = min(length, self.size - offset)
        if length > 0 and self._held(offset, length) is None:
            self._ranges.append((offset, bytes(self._parent.read_at(offset, length))))
            while len(self._ranges) > 2 and sum(len(data) for _, data in self._ranges) > _KEPT_BYTES:
                del self._ranges[1]

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        held = self._held(offset, length)
        return held if held is not None else self._parent.read_at(offset, length)

    def _held(self, offset: int, length: int) -> bytes | None:
        for start, data in self._ranges:
            if start <= offset and offset + length <= start + len(data):
                return data[offset - start : offset - start + length]
        return None

    def close(self) -> None:
        """The parent is not ours to close."""
