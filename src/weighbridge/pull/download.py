"""Bring files into the quarantine: several at once, piece by piece, hashed as they come.

The way is `Entry.open`, in pieces that grow while they come quickly: whatever can be scanned by range
can be downloaded.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry
from weighbridge.pull.digests import Content, ContentHash, agrees, hash_path, is_stated
from weighbridge.pull.journal import Journal
from weighbridge.pull.names import path_of

_AT_ONCE = 8
_FIRST_PIECE = 256 * KIB
_LARGEST_PIECE = 8 * MIB
_QUICK_S = 1.0
_SLOW_S = 5.0

CopiesOf = Callable[[Entry], Iterable[Path]]
"""Gives files on this machine that may hold what an entry holds."""
Brought = Callable[[int, int, str], None]
"""Called with (bytes there, bytes in all, name of the file)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file in the quarantine. `received_bytes` is what came over the wire for it this time."""

    entry: Entry
    path: Path
    content: Content
    received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What downloads of one pull share."""

    tree: Path
    journal: Journal
    copies_of: CopiesOf
    brought: Brought


def download(entries: Sequence[Entry], delivery: Delivery) -> tuple[Arrived, ...]:
    """Bring every entry; the order is that of `entries`.

    Raises:
        ReadError: a source failed; `str` names the file. What has arrived stays in the journal.
        OSError: the quarantine can't be written.
    """
    tally = _Tally(entries, delivery.brought)
    stop = threading.Event()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        try:
            tasks = [threads.submit(_Download(entry, delivery, tally, stop).run) for entry in entries]
            done = wait(tasks, return_when=FIRST_EXCEPTION).done
            failed = next((task for task in done if task.exception() is not None), None)
            if failed is not None:
                failed.result()
            return tuple(task.result() for task in tasks)
        finally:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)


class _Tally:
    """Bytes of all files together."""

    def __init__(self, entries: Sequence[Entry], brought: Brought) -> None:
        self._total = sum(entry.size_bytes or 0 for entry in entries)
        self._there = 0
        self._brought = brought
        self._lock = threading.Lock()

    def add(self, size_bytes: int, name: str) -> None:
        with self._lock:
            self._there += size_bytes
            self._brought(self._there, max(self._there, self._total), name)


class _Download:
    """One file."""

    def __init__(self, entry: Entry, delivery: Delivery, tally: _Tally, stop: threading.Event) -> None:
        self._entry = entry
        self._delivery = delivery
        self._tally = tally
        self._stop = stop
        self._path = path_of(delivery.tree, entry.name)
        self._received = 0

    def run(self) -> Arrived:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = self._copied() or self._read()
        return Arrived(
            entry=self._entry, path=self._path, content=content, received_bytes=self._received
        )

    def _copied(self) -> Content | None:
        """Take the content from this machine, when there is a file that has the stated digest."""
        if not is_stated(self._entry.origin):
            return None
        for copy in self._delivery.copies_of(self._entry):
            try:
                self._path.unlink(missing_ok=True)
                _link_or_copy(copy, self._path)
                content = hash_path(self._path)
            except OSError:
                continue
            if agrees(content, self._entry.origin):
                self._tally.add(content.size_bytes, self._entry.name)
                return content
            self._path.unlink()
        return None

    def _read(self) -> Content:
        try:
            with closing(self._entry.open()) as source:
                return self._streamed(source, source.size)
        except ReadError as error:
            raise ReadError(f"{self._entry.name}: {error}") from error

    def _streamed(self, source: ByteSource, size: int) -> Content:
        name, journal, identity = self._entry.name, self._delivery.journal, identity_of(self._entry)
        digests = ContentHash(size)
        partial = journal.partial(name, identity, size) if identity is not None else None
        if partial is None or not _is_ours_alone(self._path):
            partial = None
            self._path.unlink(missing_ok=True)
            journal.begin(name, identity or "", size)
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            offset = partial.verified(file, digests) if partial is not None else 0
            self._check_resumed(offset, size)
            file.truncate(offset)
            self._tally.add(offset, name)
            self._pieces(source, file, digests, offset=offset)
            file.flush()
            os.fsync(file.fileno())
        return digests.content()

    def _expected(self, size: int) -> int:
        """What is more than the registry states is refused anyway, and need not fill the disk first."""
        stated = self._entry.size_bytes
        return size if stated is None else min(size, stated)

    def _check_resumed(self, offset: int, size: int) -> None:
        if offset > size:
            raise ReadError(f"became shorter: {size:,} bytes, and {offset:,} had arrived")

    def _pieces(self, source: ByteSource, file: BinaryIO, digests: ContentHash, *, offset: int) -> None:
        length, size = _FIRST_PIECE, self._expected(source.size)
        file.seek(offset)
        while offset < size and not self._stop.is_set():
            began = time.monotonic()
            data = source.read_at(offset, min(length, size - offset))
            if not data:
                raise ReadError(f"ends after {offset:,} of {size:,} bytes")
            file.write(data)
            file.flush()
            digests.update(data)
            self._delivery.journal.arrived(self._entry.name, offset, data)
            offset += len(data)
            self._received += len(data)
            self._tally.add(len(data), self._entry.name)
            length = _next_length(length, time.monotonic() - began)
        if offset < size:
            raise ReadError("was given up because another file failed")


def identity_of(entry: Entry) -> str | None:
    """Name the content that an entry stands for, so that it is known again; None when nothing does."""
    origin = entry.origin
    if origin.sha256 is not None:
        return f"sha256:{origin.sha256}"
    for fact in ("git_object", "etag", "version"):
        if fact in origin.facts:
            return f"{fact}:{origin.facts[fact]}"
    return f"revision:{origin.revision}" if origin.revision is not None else None


def _is_ours_alone(path: Path) -> bool:
    """False when the file is shared with a cache, too: to go on writing would change it there."""
    return path.is_file() and path.stat().st_nlink == 1


def _next_length(length: int, seconds: float) -> int:
    if seconds < _QUICK_S:
        return min(length * 2, _LARGEST_PIECE)
    return max(length // 2, _FIRST_PIECE) if seconds > _SLOW_S else length


def _link_or_copy(source: Path, target: Path) -> None:
    """A blob of a cache is never changed in place and can be shared; anything else is copied."""
    if source.parent.name == "blobs":
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
