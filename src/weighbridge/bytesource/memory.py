"""Bytes that are already in memory."""

from __future__ import annotations


class MemorySource:
    """A `ByteSource` over a bytes-like object. Reads are views, not copies."""

    is_remote = False

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data).cast("B")

    @property
    def size(self) -> int:
        return len(self._view)

    @property
    def bytes_read(self) -> int:
        return len(self._view)

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        return self._view[offset : offset + length]

    def close(self) -> None:
        """Nothing to release."""
