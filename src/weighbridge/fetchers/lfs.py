"""The content behind Git LFS pointers: read by range, and never taken for the pointer itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.bytesource.local import LocalFile
from weighbridge.bytesource.memory import MemorySource
from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource
from weighbridge.errors import Malformed, ReadError
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.lfs_api import Action, LfsObject, LfsServer
from weighbridge.formats.documents.git_config import parse_git_config
from weighbridge.formats.weights.lfs_pointer import LONGEST_POINTER_BYTES, parse_lfs_pointer

LFS_URL: Final = "WEIGHBRIDGE_LFS_URL"
_RENEWALS: Final = 3
_OVER: Final = frozenset({400, 401, 403, 404, 410})
"""What storage answers when an action has run out."""
_T = TypeVar("_T")


def lfs_object(data: bytes) -> LfsObject | None:
    """Return what a small file points to, when it is a pointer and nothing else."""
    if len(data) >= LONGEST_POINTER_BYTES:
        return None
    try:
        pointer = parse_lfs_pointer(MemorySource(data))
    except Malformed:
        return None
    if pointer.trailing_offset is not None:
        return None
    return LfsObject(sha256=pointer.sha256, size_bytes=pointer.content_bytes)


class LfsStore(Protocol):
    """Where a repository keeps the content of its pointers."""

    def missing(self, objects: Sequence[LfsObject]) -> Mapping[str, str]:
        """Return for each digest that can't be had the reason, in words."""
        ...

    def open(self, wanted: LfsObject, name: str) -> ByteSource:
        """Give the bytes; raises ReadError."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class RemoteStore:
    """The store behind an LFS server.

    Args:
        url: of the server.
        authorization: see `LfsServer`.
    """

    def __init__(
        self,
        url: str,
        *,
        authorization: str | None,
        settings: HttpSettings,
        traffic: TrafficCounter,
        on_wait: WaitCallback,
    ) -> None:
        self._server = LfsServer(
            url, authorization=authorization, settings=settings, traffic=traffic, on_wait=on_wait
        )
        self._actions: dict[str, Action] = {}

    def missing(self, objects: Sequence[LfsObject]) -> Mapping[str, str]:
        found = dict(self._server.look_up(objects))
        self._actions |= {digest: one for digest, one in found.items() if isinstance(one, Action)}
        return {digest: str(one) for digest, one in found.items() if isinstance(one, ReadError)}

    def open(self, wanted: LfsObject, name: str) -> ByteSource:
        return _LfsSource(self._server, wanted, self._actions.get(wanted.sha256), name)

    def close(self) -> None:
        self._server.close()


class LocalStore:
    """The store of a repository on this machine, as its own git-lfs fills it."""

    def __init__(self, repository: Path) -> None:
        inner = repository / ".git"
        folder = os.path.realpath(inner if inner.is_dir() else repository)
        self._objects = Path(folder, "lfs", "objects")

    def missing(self, objects: Sequence[LfsObject]) -> Mapping[str, str]:
        gone = (one.sha256 for one in objects if not self._is_there(one))
        return dict.fromkeys(gone, "the repository does not hold this object: only its pointer is there")

    def open(self, wanted: LfsObject, name: str) -> ByteSource:
        return LocalFile(self._path(wanted))

    def close(self) -> None:
        """Nothing to release."""

    def _is_there(self, wanted: LfsObject) -> bool:
        """A regular file of the store; not a link to some other file of this machine."""
        path = self._path(wanted)
        return path.is_file() and os.path.realpath(path) == str(path)

    def _path(self, wanted: LfsObject) -> Path:
        digest = wanted.sha256
        return self._objects / digest[:2] / digest[2:4] / digest


class NoStore:
    """A store that we do not ask, and why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def missing(self, objects: Sequence[LfsObject]) -> Mapping[str, str]:
        return {one.sha256: self._reason for one in objects}

    def open(self, wanted: LfsObject, name: str) -> ByteSource:
        raise ReadError(self._reason)

    def close(self) -> None:
        """Nothing to release."""


def lfs_store(
    url: str,
    lfsconfig: str,
    *,
    authorization: str | None,
    settings: HttpSettings,
    traffic: TrafficCounter,
    on_wait: WaitCallback,
) -> LfsStore:
    """Return the store of a repository.

    Its own `.lfsconfig` may name another server. That is the wish of whoever wrote the repository:
    we follow it on the repository's own host, and elsewhere only where the user says so.

    Args:
        url: of the repository.
        lfsconfig: the text of that file, "" without one.
        authorization: opens the repository's own host.
        settings: see `HttpClient`.
        traffic: counts the requests.
        on_wait: told before each wait.
    """
    said = os.environ.get(LFS_URL)
    if said is None and url.startswith("file:"):
        return LocalStore(Path(unquote(urlsplit(url).path)))
    usual = f"{url}/info/lfs" if url.endswith(".git") else f"{url}.git/info/lfs"
    wish = _wish(lfsconfig)
    chosen = (said or wish or usual).rstrip("/")
    if said is None and not _same_origin(chosen, url):
        return NoStore(
            f"the repository's .lfsconfig names another LFS server, {chosen[:200]!r}, which was not "
            f"asked; set {LFS_URL} to its address if you trust it"
        )
    if not chosen.startswith(("https://", "http://")):
        return NoStore(f"{LFS_URL} is not an http or https address")
    return RemoteStore(
        chosen,
        authorization=authorization if _same_origin(chosen, url) else None,
        settings=settings,
        traffic=traffic,
        on_wait=on_wait,
    )


def _wish(lfsconfig: str) -> str | None:
    found = [one.value for one in parse_git_config(lfsconfig) if one.name == "lfs.url"]
    return found[-1] if found else None


def _same_origin(one: str, other: str) -> bool:
    try:
        first, second = urlsplit(one), urlsplit(other)
        ports = (first.port, second.port)
    except ValueError:
        return False
    return first.username is None and (first.scheme, first.hostname, ports[0]) == (
        second.scheme,
        second.hostname,
        ports[1],
    )


class _LfsSource:
    """A `ByteSource` behind an action; when that has run out, another one is asked for."""

    is_remote = True

    def __init__(self, server: LfsServer, wanted: LfsObject, action: Action | None, name: str) -> None:
        self._server = server
        self._wanted = wanted
        self._action = action
        self._name = name
        self._source: ByteSource | None = None
        self._renewals = _RENEWALS
        self._before = 0
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        with self._lock:
            return self._patiently(lambda source: source.size)

    @property
    def bytes_read(self) -> int:
        return self._before + (self._source.bytes_read if self._source is not None else 0)

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        with self._lock:
            return self._patiently(lambda source: source.read_at(offset, length))

    def close(self) -> None:
        if self._source is not None:
            self._source.close()

    def _patiently(self, use: Callable[[ByteSource], _T]) -> _T:
        while True:
            try:
                return use(self._opened())
            except Refused as refusal:
                if refusal.status not in _OVER or self._renewals == 0:
                    raise
                self._renewals -= 1
                self._before = self.bytes_read
                self._source = self._action = None

    def _opened(self) -> ByteSource:
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        if self._source is not None and self._action is not None and not self._action.is_over:
            return self._source
        if self._action is None or self._action.is_over:
            self._before = self.bytes_read
            self._action = self._server.action(self._wanted)
            if self._action.is_over:
                # Over before it began: a clock is wrong, here or there. The storage says when it is.
                self._action = replace(self._action, expires=None)
        file = RemoteFile(
            url=self._action.url,
            expected_bytes=self._wanted.size_bytes,
            prefers_tail=has_directory_at_end(self._name),
            headers=self._action.headers,
        )
        self._source = RangeSource(self._server.client, file)
        return self._source
