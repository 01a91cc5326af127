"""A window on another source: a stored zip member, a tar member, the payload after a header."""

from __future__ import annotations

from weighbridge.core.artifact import ByteSource


class SliceSource:
    """The half-open range [offset, offset + length) of `parent`, cut at the parent's end.

    Closing a slice leaves the parent open. `bytes_read` counts what went through this slice.
    """

    def __init__(self, parent: ByteSource, offset: int, length: int) -> None:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        self._parent = parent
        self._offset = min(offset, parent.size)
        self._size = min(length, parent.size - self._offset)
        self._bytes_read = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_remote(self) -> bool:
        return self._parent.is_remote

    @property
    def bytes_read(self) -> int:
        return min(self._bytes_read, self._size)

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        length = min(length, self._size - offset)
        if length <= 0:
            return b""
        data = self._parent.read_at(self._offset + offset, length)
        self._bytes_read += len(data)
        return data

    def close(self) -> None:
        """The parent is not ours to close."""
