"""Walk a folder in a fixed order: regular files, and a sentence for all that is not one.

Law: what this yields as a file is a regular file inside the root, or a blob of the Hugging Face
cache repository that the root lies in. No symlink of the tree leads us anywhere else.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.fetchers.interface import Problem, ProblemKind

SPECIAL_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_CACHE_REPOSITORY = re.compile(r"(models|datasets|spaces)--.+")
_SHOWN_TARGET = 200


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file. `name` is relative to the walk's root, with `/` between parts."""

    name: str
    path: Path
    size_bytes: int


def _always(names: Sequence[str]) -> bool:
    return True


class TreeWalk:
    """Iterates over what lies below `root`, sorted by name, each folder's own files with its folders.

    Args:
        root: a folder, without symlinks in its own path.
        enters: whether to go into a folder, given the parts of its path below `root`.
        lists: whether to yield a file, given the parts of its path below `root`.
    """

    def __init__(
        self,
        root: Path,
        *,
        enters: Callable[[Sequence[str]], bool] = _always,
        lists: Callable[[Sequence[str]], bool] = _always,
    ) -> None:
        self._root = root
        self._enters = enters
        self._lists = lists
        self._named_blobs: set[str] = set()

    def __iter__(self) -> Iterator[FoundFile | Problem]:
        pending: list[tuple[str, ...]] = [()]
        while pending:
            parts = pending.pop()
            path = self._path(parts)
            try:
                status = os.lstat(path)
                if stat.S_ISDIR(status.st_mode):
                    pending.extend(reversed(self._below(parts)))
                elif self._lists(parts):
                    yield from self._leaf(parts, status)
            except OSError as error:
                yield self._problem(parts, ProblemKind.UNREADABLE, f"can't be read: {error.strerror}")

    def _path(self, parts: Sequence[str]) -> str:
        return os.path.join(self._root, *parts)

    def _below(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        if parts and not self._enters(parts):
            return []
        names = sorted(os.listdir(self._path(parts)))
        if _is_cache_repository(self._path(parts)):
            # Links first: they name the blobs.
            names.sort(key=lambda name: name != "snapshots")
        return [(*parts, name) for name in names]

    def _leaf(self, parts: tuple[str, ...], status: os.stat_result) -> Iterator[FoundFile | Problem]:
        if stat.S_ISLNK(status.st_mode):
            yield self._link(parts)
        elif stat.S_ISREG(status.st_mode):
            if self._path(parts) not in self._named_blobs:
                yield FoundFile("/".join(parts), Path(self._path(parts)), status.st_size)
        else:
            yield self._special(parts, status.st_mode)

    def _link(self, parts: tuple[str, ...]) -> FoundFile | Problem:
        path = self._path(parts)
        shown = os.readlink(path)[:_SHOWN_TARGET]
        resolved = os.path.realpath(path)
        try:
            status = os.stat(path)
        except OSError as error:
            return self._broken_link(parts, shown, error)
        if stat.S_ISREG(status.st_mode) and _is_blob_of_same_repository(path, resolved):
            return self._named_blob(parts, resolved, status)
        if not self._is_inside(resolved):
            return self._outside(parts, shown)
        if not self._lists(self._parts_below_root(resolved)):
            return self._link_to_unlisted(parts, resolved, shown, status)
        if stat.S_ISDIR(status.st_mode) and _contains(resolved, path):
            detail = f"a symlink to {shown!r}, a folder that contains it: a loop; not followed"
            return self._problem(parts, ProblemKind.SYMLINK_LOOP, detail)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return self._special(parts, status.st_mode)
        detail = f"a symlink to {shown!r} of the same target, which is scanned under its own name"
        return self._problem(parts, ProblemKind.SYMLINK_TO_ENTRY, detail)

    def _link_to_unlisted(
        self, parts: tuple[str, ...], resolved: str, shown: str, status: os.stat_result
    ) -> FoundFile | Problem:
        """Follow a link that was picked by name to a file of the tree that was not."""
        if stat.S_ISREG(status.st_mode):
            return FoundFile("/".join(parts), Path(resolved), status.st_size)
        return self._outside(parts, shown)

    def _parts_below_root(self, resolved: str) -> tuple[str, ...]:
        return Path(resolved).relative_to(self._root).parts

    def _named_blob(
        self, parts: tuple[str, ...], resolved: str, status: os.stat_result
    ) -> FoundFile | Problem:
        if resolved in self._named_blobs:
            detail = "the same cached blob as an earlier file, scanned there"
            return self._problem(parts, ProblemKind.SYMLINK_TO_ENTRY, detail)
        self._named_blobs.add(resolved)
        return FoundFile("/".join(parts), Path(resolved), status.st_size)

    def _broken_link(self, parts: tuple[str, ...], shown: str, error: OSError) -> Problem:
        if error.errno == errno.ELOOP:
            detail = f"a symlink to {shown!r} that leads back to itself: a loop; not followed"
            return self._problem(parts, ProblemKind.SYMLINK_LOOP, detail)
        if not self._is_inside(os.path.realpath(self._path(parts))):
            return self._outside(parts, shown)
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            detail = f"a symlink to {shown!r}, which does not exist"
            return self._problem(parts, ProblemKind.SYMLINK_DANGLING, detail)
        detail = f"a symlink to {shown!r}, which can't be read: {error.strerror}"
        return self._problem(parts, ProblemKind.UNREADABLE, detail)

    def _outside(self, parts: tuple[str, ...], shown: str) -> Problem:
        detail = f"a symlink to {shown!r}, outside of what is scanned; not followed"
        return self._problem(parts, ProblemKind.SYMLINK_OUTSIDE, detail)

    def _special(self, parts: tuple[str, ...], mode: int) -> Problem:
        word = SPECIAL_FILES.get(stat.S_IFMT(mode), "a special file")
        return self._problem(parts, ProblemKind.SPECIAL_FILE, f"{word}; it is never opened")

    def _problem(self, parts: Sequence[str], kind: ProblemKind, detail: str) -> Problem:
        return Problem(name="/".join(parts) or ".", kind=kind, detail=detail)

    def _is_inside(self, resolved: str) -> bool:
        return _contains(str(self._root), resolved)


def _contains(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_cache_repository(path: str) -> bool:
    return _CACHE_REPOSITORY.fullmatch(os.path.basename(path)) is not None


def _is_blob_of_same_repository(link: str, resolved: str) -> bool:
    """Tell whether a link in `models--org--name/snapshots/...` leads to a blob beside it."""
    blobs, repository = os.path.dirname(resolved), os.path.dirname(os.path.dirname(resolved))
    return (
        os.path.basename(blobs) == "blobs"
        and _is_cache_repository(repository)
        and _contains(os.path.join(repository, "snapshots"), link)
    )
