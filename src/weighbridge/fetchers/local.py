"""Files, folders and patterns on this machine. Nothing is skipped, nothing outside is followed.

Policy: every file below a folder is listed, hidden ones, `.git` and caches included. A symlink
in the tree is followed only to where its target is listed anyway, with one exception: the
Hugging Face cache, whose snapshots are links to blobs of the same repository. There the link
gives the entry its name, and a blob that some link names is not listed a second time.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from weighbridge.bytesource.local import LocalFile
from weighbridge.core.address import shown_address
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.glob_pattern import GlobPattern
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.tree_walk import SPECIAL_FILES, TreeWalk

_CACHE_REPOSITORY = re.compile(r"(models|datasets|spaces)--.+")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GIT_OBJECT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


class LocalFetcher:
    """A file, a folder, or a glob pattern (`*`, `?`, `[...]`, `**`) that names no file itself."""

    def accepts(self, target: str) -> bool:
        return bool(target) and ("://" not in target or os.path.lexists(target))

    def is_local(self, target: str) -> bool:
        return True

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """List a local target. A symlink that the user names is followed; one inside is not.

        Raises:
            UsageError: the path holds a NUL.
            TargetNotFound: there is no such path, or nothing matches the pattern.
            TargetUnavailable: the path itself can't be looked at.
        """
        if "\0" in target:
            raise UsageError(f"not a path: {target[:200]!r}")
        if not os.path.lexists(target) and GlobPattern.is_pattern(target):
            return _fetch_pattern(GlobPattern(target))
        resolved, status = _resolve(target)
        if stat.S_ISDIR(status.st_mode):
            return _fetch_folder(target, resolved)
        return _fetch_file(target, resolved, status)


def _resolve(target: str) -> tuple[Path, os.stat_result]:
    try:
        return Path(os.path.realpath(target)), os.stat(target)
    except FileNotFoundError:
        if os.path.islink(target):
            raise TargetNotFound(f"{target!r} is a symlink to something that does not exist") from None
        if _REPOSITORY_ID.fullmatch(target):
            raise TargetNotFound(
                f"there is no file or folder {target!r}. A loader takes such a path for a repository "
                f"of the hub, whoever owns that name now; if you mean that one, write hf://{target}"
            ) from None
        shown = shown_address(target)
        raise TargetNotFound(f"there is no file or folder {shown!r}; check the spelling") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise TargetNotFound(f"{target!r} is a symlink that leads back to itself") from None
        raise TargetUnavailable(f"can't look at {target!r}: {error.strerror}") from error


def _fetch_file(target: str, resolved: Path, status: os.stat_result) -> Fetched:
    origin = Origin(kind="local", location=str(resolved))
    name = os.path.basename(os.path.abspath(target))
    item: Entry | Problem
    if stat.S_ISREG(status.st_mode):
        item = _entry(name, resolved, status.st_size, origin)
    else:
        item = _special(name, status.st_mode)
    return Fetched(display_name=target, origin=origin, items=iter((item,)))


def _fetch_folder(target: str, root: Path) -> Fetched:
    origin = Origin(kind="local", location=str(root))
    try:
        os.scandir(root).close()
    except OSError as error:
        raise TargetUnavailable(f"can't list the folder {target!r}: {error.strerror}") from error
    return Fetched(display_name=target, origin=origin, items=_items(TreeWalk(root), origin))


def _fetch_pattern(pattern: GlobPattern) -> Fetched:
    root = Path(os.path.realpath(pattern.base))
    if not root.is_dir():
        raise TargetNotFound(f"there is no folder {pattern.base!r} to look for {pattern.text!r} in")
    origin = Origin(kind="local", location=os.path.join(root, *pattern.parts))
    items = _items(TreeWalk(root, enters=pattern.may_lie_below, lists=pattern.matches), origin)
    first = next(items, None)
    if first is None:
        raise TargetNotFound(f"nothing matches {pattern.text!r}")
    return Fetched(display_name=pattern.text, origin=origin, items=_chained(first, items))


def _chained(first: Entry | Problem, rest: Iterator[Entry | Problem]) -> Iterator[Entry | Problem]:
    yield first
    yield from rest


def _items(walk: TreeWalk, origin: Origin) -> Iterator[Entry | Problem]:
    for found in walk:
        if isinstance(found, Problem):
            yield found
        else:
            yield _entry(found.name, found.path, found.size_bytes, origin)


def _entry(name: str, path: Path, size_bytes: int, origin: Origin) -> Entry:
    def open_file() -> ByteSource:
        return LocalFile(path)

    if path.parent.name == "blobs" and _CACHE_REPOSITORY.fullmatch(path.parent.parent.name):
        origin = _of_the_cache(path.name, origin)
    return Entry(name=name, size_bytes=size_bytes, origin=origin, open=open_file, local_path=path)


def _of_the_cache(blob: str, origin: Origin) -> Origin:
    """A blob of the cache is named by the digest that the registry stated for it."""
    if _DIGEST.fullmatch(blob):
        return replace(origin, sha256=blob)
    return replace(origin, facts={"git_object": blob}) if _GIT_OBJECT.fullmatch(blob) else origin


def _special(name: str, mode: int) -> Problem:
    word = SPECIAL_FILES.get(stat.S_IFMT(mode), "a special file")
    return Problem(name=name, kind=ProblemKind.SPECIAL_FILE, detail=f"{word}; it is never opened")
