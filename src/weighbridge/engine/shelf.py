"""Sources of remote files, kept while a target is scanned, the small ones fetched ahead.

A repository has hundreds of small files, and each costs a round trip: they are fetched sixteen at a
time while the workers are busy with those before them. And what was fetched stays within reach until
the target as a whole was judged, so that no byte is asked for twice.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry, Problem

_AHEAD_FILES = 64
_IN_FLIGHT = 16
_SMALL_BYTES = 128 * KIB
_KEPT_BYTES = 128 * MIB


@dataclass(slots=True)
class _Kept:
    """One source, how many are reading from it, and what it held when it was last given back."""

    source: ByteSource
    readers: int = 0
    held_bytes: int = 0


class Shelf:
    """Gives each remote entry one source, whoever opens it. Thread-safe.

    A listing may name a file twice and mean other bytes: each row has a source of its own.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        """By the number of the row in the listing."""
        self._held_bytes = 0
        self._lock = threading.Lock()
        self._fetching: ThreadPoolExecutor | None = None

    def stocked(self, items: Iterable[Entry | Problem]) -> Iterator[Entry | Problem]:
        """Yield the items; remote entries open from the shelf, small ones are fetched ahead."""
        items = iter(items)
        ahead: deque[Entry | Problem] = deque()
        for item in itertools.chain(
            map(self._shelved, itertools.count(), items), itertools.repeat(None)
        ):
            if item is not None:
                ahead.append(item)
            if item is None or len(ahead) > _AHEAD_FILES:
                if not ahead:
                    return
                yield ahead.popleft()

    def close(self) -> None:
        """Forget what is still to be fetched, and let go of every source."""
        if self._fetching is not None:
            self._fetching.shutdown(wait=True, cancel_futures=True)
        for kept in self._kept.values():
            kept.source.close()

    def _shelved(self, row: int, item: Entry | Problem) -> Entry | Problem:
        if isinstance(item, Problem) or item.local_path is not None:
            return item
        if item.size_bytes is not None and item.size_bytes <= _SMALL_BYTES:
            self._fetching = self._fetching or ThreadPoolExecutor(_IN_FLIGHT)
            self._fetching.submit(self._fetch, row, item)
        return replace(item, open=lambda: self._borrowed(row, item))

    def _fetch(self, row: int, entry: Entry) -> None:
        source = self._borrowed(row, entry)
        try:
            _ = source.size  # the first use of a small file brings all of it
        except ReadError:
            return  # whoever reads it meets the error, and says so
        finally:
            source.close()

    def _borrowed(self, row: int, entry: Entry) -> ByteSource:
        with self._lock:
            kept = self._kept.get(row)
            if kept is None:
                kept = self._kept[row] = _Kept(entry.open())
            kept.readers += 1
        return _Borrowed(self, kept)

    def give_back(self, kept: _Kept) -> None:
        """One reader less; when the shelf is full, the oldest sources that nobody reads are let go."""
        with self._lock:
            kept.readers -= 1
            self._held_bytes -= kept.held_bytes
            kept.held_bytes = kept.source.bytes_read
            self._held_bytes += kept.held_bytes
            if self._held_bytes > _KEPT_BYTES:
                self._make_room()

    def _make_room(self) -> None:
        for row, kept in list(self._kept.items()):
            if self._held_bytes <= _KEPT_BYTES // 2:
                return
            if kept.readers == 0:
                self._held_bytes -= kept.held_bytes
                self._kept.pop(row).source.close()


class _Borrowed:
    """A source of the shelf; closing it gives it back."""

    is_remote = True

    def __init__(self, shelf: Shelf, kept: _Kept) -> None:
        self._shelf = shelf
        self._kept: _Kept = kept

    @property
    def size(self) -> int:
        return self._kept.source.size

    @property
    def bytes_read(self) -> int:
        return self._kept.source.bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        return self._kept.source.read_at(offset, length)

    def close(self) -> None:
        self._shelf.give_back(self._kept)
