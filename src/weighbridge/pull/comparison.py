"""Hold a folder against a lock: every file by its bytes, and nothing that the lock does not name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from weighbridge.errors import DestinationError
from weighbridge.pull.digests import hash_file
from weighbridge.pull.lock import Lock, LockedFile
from weighbridge.pull.names import LOCK_NAME

_MOST_FOLDERS = 1_000_000


class DifferenceKind(Enum):
    """How something is not as the lock says."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    MOVED = "moved"
    """The target: its branch or tag is another commit now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as the lock says. `detail` is a phrase for people."""

    kind: DifferenceKind
    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Something that could not be compared, and why."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of it. Both are sorted by name."""

    differences: tuple[Difference, ...]
    unchecked: tuple[Unchecked, ...] = ()


def compare_folder(folder: Path, lock: Lock) -> Comparison:
    """Read every file of a folder and compare it with the lock.

    A symlink is a difference, but for those of a snapshot in the hub's cache that lead to a blob of the
    same repository.

    Raises:
        DestinationError: the folder can't be listed.
    """
    return _Walk(folder, lock).compared()


class _Walk:
    def __init__(self, folder: Path, lock: Lock) -> None:
        self._folder = folder
        self._locked = lock.by_name
        self._blobs = _blobs_of(folder)
        self._differences: list[Difference] = []
        self._unchecked: list[Unchecked] = []
        self._seen: set[str] = set()

    def compared(self) -> Comparison:
        for name, entry in _entries(self._folder):
            if name != LOCK_NAME or not entry.is_file(follow_symlinks=False):
                self._compare(name, entry)
        for name, file in self._locked.items():
            if name not in self._seen:
                detail = f"{file.size_bytes:,} bytes in the lock"
                self._add(DifferenceKind.MISSING, name, detail)
        return Comparison(
            differences=tuple(sorted(self._differences, key=lambda one: one.name)),
            unchecked=tuple(sorted(self._unchecked, key=lambda one: one.name)),
        )

    def _compare(self, name: str, entry: os.DirEntry[str]) -> None:
        locked = self._locked.get(name)
        if locked is None:
            self._add(DifferenceKind.ADDED, name, f"{self._what(entry)}, not in the lock")
            return
        self._seen.add(name)
        path = self._regular(entry)
        if path is None:
            self._add(DifferenceKind.CHANGED, name, f"is {self._what(entry)} in place of a file")
            return
        try:
            self._compare_bytes(path, locked)
        except OSError as error:
            self._unchecked.append(Unchecked(name=name, detail=f"can't be read: {error.strerror}"))

    def _regular(self, entry: os.DirEntry[str]) -> Path | None:
        """Return where the bytes are; None when a loader would be led elsewhere."""
        if entry.is_file(follow_symlinks=False):
            return Path(entry.path)
        if self._blobs is None or not entry.is_symlink():
            return None
        leads_to = Path(os.path.realpath(entry.path))
        return leads_to if leads_to.parent == self._blobs and leads_to.is_file() else None

    def _compare_bytes(self, path: Path, locked: LockedFile) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                self._add(DifferenceKind.CHANGED, locked.name, "is no file any more")
            elif status.st_size != locked.size_bytes:
                detail = f"{status.st_size:,} bytes, {locked.size_bytes:,} in the lock"
                self._add(DifferenceKind.CHANGED, locked.name, detail)
            else:
                sha256 = hash_file(file, status.st_size).sha256
                if sha256 != locked.sha256:
                    detail = f"sha256 {sha256[:12]}…, {locked.sha256[:12]}… in the lock"
                    self._add(DifferenceKind.CHANGED, locked.name, detail)

    @staticmethod
    def _what(entry: os.DirEntry[str]) -> str:
        if entry.is_symlink():
            return f"a symlink to {os.readlink(entry.path)!r}"
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            return f"{status.st_size:,} bytes"
        return "a pipe, socket or device"

    def _add(self, kind: DifferenceKind, name: str, detail: str) -> None:
        self._differences.append(Difference(kind=kind, name=name, detail=detail))


def _blobs_of(folder: Path) -> Path | None:
    """Return the blobs that a snapshot of the hub's cache links to, when the folder is one."""
    place = Path(os.path.realpath(folder))
    return place.parent.parent / "blobs" if place.parent.name == "snapshots" else None


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all that is no folder, by name relative to `folder`, symlinks never followed."""
    waiting = [("", folder)]
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            return
        prefix, place = waiting.pop()
        try:
            found = sorted(os.scandir(place), key=lambda one: one.name)
        except OSError as error:
            raise DestinationError(f"can't list the folder {str(place)!r}: {error.strerror}") from error
        for entry in found:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{name}/", Path(entry.path)))
            else:
                yield name, entry
    raise DestinationError(f"{str(folder)!r} has more than {_MOST_FOLDERS:,} folders")
