"""Remember what was read by range, to hold it against the bytes that arrive later.

A server that knows a scanner by its range requests can serve it other bytes than it serves a
download. Every read of the scan is kept as (offset, length, digest), and the digest is taken again
from the file that arrived.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry

_MOST_READS = 1_000_000
"""Of one file; far more than a scan makes, each costs some hundred bytes."""
_DIGEST_BYTES = 16
_BLOCK_BYTES = 1 << 20

Reads = dict[tuple[int, int], bytes]


class Witness:
    """What was read of each file. Thread-safe."""

    def __init__(self) -> None:
        self._reads: dict[str, Reads] = {}
        self._lock = threading.Lock()

    def watching(self, entry: Entry) -> Entry:
        """Return the entry so that what is read from it is remembered; files on this machine as is."""
        if entry.local_path is not None:
            return entry
        return replace(entry, open=partial(self._opened, entry))

    def _opened(self, entry: Entry) -> ByteSource:
        with self._lock:
            reads = self._reads.setdefault(entry.name, {})
        return _Watched(entry.open(), reads)

    def contradictions(self, name: str, file: BinaryIO) -> Iterator[tuple[int, int]]:
        """Yield the (offset, length) of each read that the file's bytes do not agree with."""
        for (offset, length), digest in sorted(self._reads.get(name, {}).items()):
            if _digest_of(file, offset, length) != digest:
                yield offset, length


class _Watched:
    """A source that takes note of its reads."""

    def __init__(self, source: ByteSource, reads: Reads) -> None:
        self._source = source
        self._reads = reads

    @property
    def size(self) -> int:
        return self._source.size

    @property
    def is_remote(self) -> bool:
        return self._source.is_remote

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        data = self._source.read_at(offset, length)
        place, digest = (offset, len(data)), _digest(data)
        if self._reads.get(place, digest) != digest:
            raise ReadError(f"the server gave other bytes for the same {len(data):,} at byte {offset:,}")
        if len(self._reads) >= _MOST_READS and place not in self._reads:
            raise ReadError(f"was read in more than {_MOST_READS:,} places")
        self._reads[place] = digest
        return data

    def close(self) -> None:
        self._source.close()


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _digest_of(file: BinaryIO, offset: int, length: int) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    file.seek(offset)
    while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
        digest.update(block)
        length -= len(block)
    return digest.digest()
