"""A blob whose digest is checked on the way, when all of it comes by."""

from __future__ import annotations

import hashlib
import threading

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import ReadError


class VerifiedSource:
    """A `ByteSource` that hashes what is read from front to back.

    Ranges that lie further on are given as they are: their digest can't be known without the rest.
    The read that completes the blob raises ReadError when its digest is another than the stated
    one, and so does every later one.

    Args:
        source: the bytes.
        digest: `sha256:…` or `sha512:…`, as the manifest states it.
    """

    is_remote = True

    def __init__(self, source: ByteSource, digest: str) -> None:
        self._source = source
        self._digest = digest
        self._hash = hashlib.new(digest.partition(":")[0])
        self._hashed = 0
        self._lock = threading.Lock()
        self._error: str | None = None

    @property
    def size(self) -> int:
        return self._source.size

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if self._error is not None:
            raise ReadError(self._error)
        data = self._source.read_at(offset, length)
        with self._lock:
            if offset <= self._hashed < offset + len(data):
                self._hash.update(memoryview(data)[self._hashed - offset :])
                self._hashed = offset + len(data)
                if self._hashed == self._source.size:
                    self._compare()
        return data

    def _compare(self) -> None:
        actual = f"{self._hash.name}:{self._hash.hexdigest()}"
        if actual != self._digest:
            self._error = (
                f"the manifest states {self._digest}, and the {self._hashed:,} bytes that the registry "
                f"sent have {actual}: they were damaged or exchanged; do not use them"
            )
            raise ReadError(self._error)

    def close(self) -> None:
        self._source.close()
