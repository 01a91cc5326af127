"""A local file."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path

from weighbridge.errors import ReadError

_MAP_FROM_BYTES = 1 << 20


class LocalFile:
    """A `ByteSource` over a regular file, opened without following a final symlink.

    Small reads go through `pread`; reads of 1 MiB and more are views of a read-only map, so a
    large pickle is never copied. Pipes, devices and sockets are refused: opening or reading one
    could block or have side effects.
    """

    is_remote = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._bytes_read = 0
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            self._fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise ReadError(f"can't open: {error.strerror}") from error
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise ReadError("not a regular file")
        self._size = status.st_size

    @property
    def size(self) -> int:
        return self._size

    @property
    def bytes_read(self) -> int:
        return min(self._bytes_read, self._size)

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        length = min(length, self._size - offset)
        if length <= 0:
            return b""
        self._bytes_read += length
        if length >= _MAP_FROM_BYTES:
            return self._mapped()[offset : offset + length]
        try:
            data = os.pread(self._fd, length, offset)
        except OSError as error:
            raise ReadError(f"can't read at byte {offset}: {error.strerror}") from error
        if len(data) != length:
            raise ReadError(
                f"the file shrank while it was read: {len(data)} of {length} bytes at {offset}"
            )
        return data

    def _mapped(self) -> memoryview:
        try:
            if self._map is None:
                self._map = mmap.mmap(self._fd, self._size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ReadError(f"can't map the file: {error}") from error
        return memoryview(self._map)

    def close(self) -> None:
        os.close(self._fd)
