"""A decompressed stream, read at random and decompressed only as far as it is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, cast

from weighbridge.errors import WeighbridgeError

_IN_MEMORY_BYTES = 32 << 20


class SpooledStream:
    """A `ByteSource` over an iterator of chunks (a decompressor that spends a `Budget`).

    Chunks are pulled until the asked range is there and kept in a spooled temporary file. What
    the iterator raises (`Malformed`, `LimitReached`, `ReadError`) comes out of the read that
    needed those bytes; what was produced before stays readable.

    Args:
        chunks: yields decompressed bytes in order.
        size: the declared size, when the container states one. The stream is cut there. Without
            it, asking for `size` decompresses to the end.
    """

    is_remote = False

    def __init__(self, chunks: Iterator[bytes], *, size: int | None = None) -> None:
        self._chunks = chunks
        self._declared = size
        self._spool = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115  (close() closes it)
        self._produced = 0
        self._exhausted = False
        self._error: Exception | None = None

    @property
    def size(self) -> int:
        if self._declared is not None and not self._exhausted:
            return self._declared
        self._pull(None)
        return self._produced

    @property
    def bytes_read(self) -> int:
        return self._produced

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        self._pull(offset + length)
        self._spool.seek(offset)
        return self._spool.read(length)

    def _pull(self, until: int | None) -> None:
        if self._declared is not None:
            until = self._declared if until is None else min(until, self._declared)
        while not self._exhausted and (until is None or self._produced < until):
            if self._error is not None:
                raise self._error
            self._pull_chunk()

    def _pull_chunk(self) -> None:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._exhausted = True
            return
        except WeighbridgeError as error:
            self._error = error
            raise
        if self._declared is not None:
            chunk = chunk[: self._declared - self._produced]
        self._spool.seek(self._produced)
        self._spool.write(chunk)
        self._produced += len(chunk)

    def close(self) -> None:
        self._spool.close()
