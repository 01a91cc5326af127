"""Data under DVC: small files in the repository stand for large ones in a cache or at a remote."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import LimitReached, Malformed, ReadError, TargetNotFound, UsageError
from weighbridge.fetchers.dvc_files import LISTING_BYTES, Oddity, Out, inside, members_of, outs_of
from weighbridge.fetchers.dvc_remotes import FolderStore, Remotes, has_digest
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.tree_walk import TreeWalk
from weighbridge.formats.documents.yaml_tree import LARGEST_BYTES

_SCHEME: Final = "dvc://"
_LOCK: Final = "dvc.lock"
_PIPELINE: Final = "dvc.yaml"
_NOT_ENTERED: Final = (".git", ".dvc")


class DvcFetcher:
    """`dvc:///path/to/file.dvc`, `dvc:///path/to/dvc.lock`, or `dvc://folder` for all below one."""

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        """The files of DVC are; what may be asked beyond this machine is decided for each remote."""
        return True

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """List the data that the files of DVC stand for.

        Raises:
            UsageError: the path holds a NUL.
            TargetNotFound: there is no such path, or no file of DVC in it.
        """
        path = target.removeprefix(_SCHEME) or "."
        if "\0" in path:
            raise UsageError(f"not a path: {path[:200]!r}")
        return _Session(Path(os.path.realpath(path)), path, settings).fetched()


class _Session:
    """One fetch: what its steps share."""

    def __init__(self, path: Path, spelled: str, settings: FetchSettings) -> None:
        if not path.exists():
            raise TargetNotFound(f"there is no file or folder {spelled!r}; check the spelling")
        self._path = path
        self._spelled = spelled
        self._settings = settings
        self._traffic = TrafficCounter()
        self._base = path if path.is_dir() else path.parent
        root = _root_above(self._base)
        self._cache = _cache_of(root)
        self._remotes = Remotes(root, settings, self._traffic)
        self._origin = Origin(kind="dvc", location=f"{_SCHEME}{path}")

    def fetched(self) -> Fetched:
        try:
            items = self._bounded()
        except BaseException:
            self._remotes.close()
            raise
        if not items:
            self._remotes.close()
            raise TargetNotFound(
                f"no .dvc file and no dvc.lock in {self._spelled!r} that stands for data"
            )
        return Fetched(
            display_name=self._spelled,
            origin=self._origin,
            items=_checked(items),
            count=len(items),
            traffic=self._traffic,
            close=self._remotes.close,
        )

    def _bounded(self) -> list[Entry | Problem]:
        items: dict[str, Entry | Problem] = {}
        for item in self._items():
            if len(items) >= self._settings.max_files and item.name not in items:
                items["..."] = _problem("...", _TOO_MANY.format(self._settings.max_files), _LIMITED)
                break
            if _is_new(item, items.setdefault(item.name, item)):
                second = _problem(item.name, "a second file of one name, which was not looked at")
                items.setdefault(f"{item.name}/", second)
        return list(items.values())

    def _items(self) -> Iterator[Entry | Problem]:
        for found in self._files():
            if isinstance(found, Problem):
                yield found
                continue
            name = found.relative_to(self._base).as_posix()
            try:
                yield from self._of_file(found, name)
            except (Malformed, LimitReached, ReadError) as error:
                yield _problem(name, f"a file of DVC that can't be read: {error}")

    def _files(self) -> Iterator[Path | Problem]:
        if not self._path.is_dir():
            yield self._path
            return
        walk = TreeWalk(
            self._path,
            enters=lambda parts: parts[-1] not in _NOT_ENTERED,
            lists=lambda parts: parts[-1] in (_LOCK, _PIPELINE) or parts[-1].endswith(".dvc"),
        )
        for found in walk:
            if isinstance(found, Problem):
                yield found
            elif found.path.name != _PIPELINE:
                yield found.path
            elif not found.path.with_name(_LOCK).exists():
                yield _problem(found.name, "a pipeline without a dvc.lock: what it makes is not known")

    def _of_file(self, path: Path, name: str) -> Iterator[Entry | Problem]:
        source = LocalFile(path)
        data = bytes(source.read_at(0, LARGEST_BYTES + 1))
        source.close()
        folder = name.rpartition("/")[0] or "."
        for out in outs_of(data, is_lock=path.name == _LOCK):
            place = inside(folder, out.name)
            if place is None:
                yield _problem(out.name, f"named by {name}, and lies outside of what is scanned")
            elif isinstance(out, Oddity):
                yield _problem(place, f"named by {name}: {out.why}")
            else:
                yield from self._of_out(replace(out, name=place))

    def _of_out(self, out: Out) -> Iterator[Entry | Problem]:
        if not out.is_folder:
            yield self._entry(out)
            return
        try:
            source = self._open(out, suffix=".dir")
            if source.size > LISTING_BYTES:
                raise LimitReached(f"a listing of {source.size:,} bytes")
            listing = bytes(source.read_at(0, source.size))
            source.close()
        except (ReadError, LimitReached) as error:
            yield _problem(out.name, f"a folder whose listing can't be read: {error}")
            return
        if hashlib.md5(listing, usedforsecurity=False).hexdigest() != out.md5:
            yield _problem(out.name, "a folder whose listing is not the one that its digest names")
        for member in members_of(out, listing):
            yield self._entry(member) if isinstance(member, Out) else _problem(member.name, member.why)

    def _entry(self, out: Out) -> Entry:
        path = self._local_path(out)
        size = path.stat().st_size if path is not None else out.size_bytes
        origin = replace(
            self._origin,
            location=f"{self._origin.location}#{out.name}",
            size_bytes=out.size_bytes,
            facts={"md5": out.md5},
        )

        def open_file() -> ByteSource:
            return self._open(out)

        return Entry(name=out.name, size_bytes=size, origin=origin, open=open_file, local_path=path)

    def _local_path(self, out: Out) -> Path | None:
        found = self._cache.path(out) if self._cache is not None else None
        store = self._remotes.store(out.remote)
        return found or (store.path(out) if isinstance(store, FolderStore) else None)

    def _open(self, out: Out, *, suffix: str = "") -> ByteSource:
        """From the cache, as DVC itself would take it, and else from the remote."""
        if self._cache is not None and self._cache.path(out, suffix) is not None:
            return self._cache.open(out, suffix=suffix)
        return self._remotes.store(out.remote).open(out, suffix=suffix)


_LIMITED: Final = ProblemKind.TOO_MANY_FILES
_TOO_MANY: Final = "the files of DVC stand for more than {:,} files; the rest was not looked at"


def _is_new(item: Entry | Problem, first: Entry | Problem) -> bool:
    """Two files of DVC may name one place, and mean other bytes."""
    return isinstance(item, Entry) and not (
        isinstance(first, Entry) and item.origin.facts == first.origin.facts
    )


def _checked(items: Iterable[Entry | Problem]) -> Iterator[Entry | Problem]:
    """Hold what lies on this machine against its digest, as DVC does before it uses its cache.

    What is wrong there DVC takes from the remote, which then was not looked at.
    """
    for item in items:
        if isinstance(item, Entry) and item.local_path is not None:
            try:
                is_same = has_digest(item.local_path, item.origin.facts["md5"])
            except OSError as error:
                is_same = False
                yield _problem(item.name, f"can't be read: {error.strerror}")
            if not is_same:
                detail = "the bytes that lie here have another digest: DVC would fetch other ones"
                yield _problem(item.name, detail, ProblemKind.OTHER_BYTES)
        yield item


def _root_above(folder: Path) -> Path | None:
    found = (one for one in (folder, *folder.parents) if (one / ".dvc").is_dir())
    return next(found, None)


def _cache_of(root: Path | None) -> FolderStore | None:
    """The cache where DVC has it by itself; the configuration may name another one, which is a wish."""
    if root is None:
        return None
    cache = Path(os.path.realpath(root), ".dvc", "cache")
    return FolderStore(cache) if os.path.realpath(cache) == str(cache) else None


def _problem(name: str, detail: str, kind: ProblemKind = ProblemKind.UNREADABLE) -> Problem:
    return Problem(name=name, kind=kind, detail=detail)
