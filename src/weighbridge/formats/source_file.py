"""A `ByteSource` as a read-only file object, for readers of the standard library and of Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_LINE = 16 * MIB


class SourceFile(io.RawIOBase):
    """The bytes [0, stop) of a source. Errors of the source come out of `read`."""

    def __init__(self, source: ByteSource, stop: int | None = None) -> None:
        super().__init__()
        self._source = source
        self._stop = source.size if stop is None else min(stop, source.size)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stop}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        # What a hostile header asks for is not allocated before it is known to be there.
        left = max(0, self._stop - self._at)
        length = left if size is None or size < 0 else min(size, left)
        data = bytes(self._source.read_at(self._at, length)) if length else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: WriteableBuffer) -> int:
        with memoryview(buffer).cast("B") as view:
            data = self.read(len(view))
            view[: len(data)] = data
        return len(data)


def text_lines(source: ByteSource, stop: int) -> Iterator[str]:
    """Yield the lines of a text with their ends, as far as `stop`.

    UTF-16 is known by its byte-order mark, all else is UTF-8; what is neither comes as backslash
    escapes. A line of more than 16 Mi characters comes in pieces.
    """
    head = bytes(source.read_at(0, 2))
    encoding = "utf-16" if head in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    raw = io.BufferedReader(SourceFile(source, stop), buffer_size=MIB)
    text = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="")
    while line := text.readline(LONGEST_LINE):
        yield line
