"""Bytes that a parser has taken out of a file already, as a source for another parser.

Formats know no byte source of their own: those open files and connections.
"""

from __future__ import annotations


class HeldBytes:
    """A `ByteSource` over bytes in memory."""

    is_remote = False

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = bytes(data)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self._data)

    @property
    def bytes_read(self) -> int:
        """All of them."""
        return len(self._data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes of the range, fewer at the end."""
        return self._data[offset : offset + length]

    def close(self) -> None:
        """Nothing to release."""
