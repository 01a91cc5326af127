"""Where DVC keeps data, and which of that we may ask.

The configuration is part of what is scanned: where it points is its author's wish. Laws:

- A folder inside of the repository is read. One outside of it is not.
- An https address is asked without any credentials, and only at public addresses.
- Every other remote, and every credential of this machine, needs the word of the user:
  WEIGHBRIDGE_DVC_REMOTE, the address itself. It then replaces what the configuration says.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.local import LocalFile
from weighbridge.bytesource.refused import Refused
from weighbridge.core.address import shown_address
from weighbridge.core.artifact import ByteSource
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError, TargetError
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.basic_credentials import basic_authorization
from weighbridge.fetchers.dvc_files import Out
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings
from weighbridge.formats.documents.git_config import parse_git_config

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient

REMOTE: Final = "WEIGHBRIDGE_DVC_REMOTE"
_NOBODY: Final = "https://nobody.invalid"
"""An endpoint that no address is at: whatever is asked is then held to the rules for redirects."""
_QUOTED_SECTION: Final = re.compile(r"^([ \t]*\[[ \t]*)'(.*)'([ \t]*\])", re.MULTILINE)
_CONFIG_BYTES: Final = 256 * 1024
_UNKNOWN_BYTES: Final = 1 << 40
_HASHED_BYTES: Final = 1 << 20
"""DVC replaces line ends in blocks of this size."""
_CLOUDS: Final = {"s3": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az"}


class Store(Protocol):
    """A place that keeps data by its digest."""

    def open(self, out: Out, *, suffix: str = "") -> ByteSource:
        """Give the bytes of a file, or with `.dir` the listing of a folder; raises ReadError."""
        ...


def places(out: Out, suffix: str = "") -> tuple[str, str]:
    """Return where a digest is kept: first where its version of DVC keeps it, then the other way."""
    old = f"{out.md5[:2]}/{out.md5[2:]}{suffix}"
    new = f"files/md5/{old}"
    return (new, old) if out.is_version_3 else (old, new)


def has_digest(path: Path, md5: str) -> bool:
    """Tell whether a file has the digest, by way of version 3 or that of 2, which forgets line ends.

    Raises:
        OSError: it can't be read.
    """
    whole, unix = (hashlib.md5(usedforsecurity=False) for _ in range(2))
    with path.open("rb") as file:
        while block := file.read(_HASHED_BYTES):
            whole.update(block)
            unix.update(block.replace(b"\r\n", b"\n"))
    return md5 in (whole.hexdigest(), unix.hexdigest())


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder of this machine: DVC's cache, or a remote."""

    folder: Path

    def path(self, out: Out, suffix: str = "") -> Path | None:
        """Return the regular file that holds the bytes, if there is one in the folder."""
        root = os.path.realpath(self.folder)
        for place in places(out, suffix):
            path = Path(root, place)
            if os.path.realpath(path) == str(path) and path.is_file():
                return path
        return None

    def open(self, out: Out, *, suffix: str = "") -> ByteSource:
        found = self.path(out, suffix)
        if found is None:
            raise ReadError(f"{str(self.folder)!r} does not hold the digest {out.md5}{suffix}")
        return LocalFile(found)


@dataclass(frozen=True, slots=True)
class WebStore:
    """A remote behind http or https."""

    url: str
    client: HttpClient

    def open(self, out: Out, *, suffix: str = "") -> ByteSource:
        first, second = (self._source(out, place) for place in places(out, suffix))
        try:
            _ = first.size
        except Refused as refusal:
            if refusal.status not in (404, 410):
                raise
            return second
        return first

    def _source(self, out: Out, place: str) -> ByteSource:
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        size = out.size_bytes
        file = RemoteFile(
            url=f"{self.url}/{place}",
            expected_bytes=_UNKNOWN_BYTES if size is None else size,
            prefers_tail=size is not None and has_directory_at_end(out.name),
        )
        return RangeSource(self.client, file)


@dataclass(frozen=True, slots=True)
class CloudStore:
    """A remote in an object store, read by the fetcher of its scheme."""

    url: str
    settings: FetchSettings
    opened: list[Fetched] = field(default_factory=list)

    def open(self, out: Out, *, suffix: str = "") -> ByteSource:
        from weighbridge.fetchers.registry import fetch

        trouble: TargetError | None = None
        for place in places(out, suffix):
            try:
                fetched = fetch(f"{self.url}/{place}", self.settings)
            except TargetError as error:
                trouble = trouble or error
                continue
            self.opened.append(fetched)
            entry = next((item for item in fetched.items if isinstance(item, Entry)), None)
            if entry is not None:
                return entry.open()
        raise ReadError(str(trouble or f"{self.url} does not hold the digest {out.md5}{suffix}"))


@dataclass(frozen=True, slots=True)
class Closed:
    """A remote that we do not ask, and why."""

    reason: str

    def open(self, out: Out, *, suffix: str = "") -> ByteSource:
        raise ReadError(self.reason)


class Remotes:
    """The remotes of one repository.

    Args:
        root: the folder that holds `.dvc`; None when there is none.
        settings: for whatever is asked.
        traffic: counts the requests.
    """

    def __init__(self, root: Path | None, settings: FetchSettings, traffic: TrafficCounter) -> None:
        self._root = root
        self._settings = settings
        self._traffic = traffic
        self._config = dict(_configuration(root)) if root is not None else {}
        self._stores: dict[str | None, Store] = {}
        self._clients: list[HttpClient] = []

    def store(self, name: str | None) -> Store:
        """Return a remote by its name, or the default one."""
        if name not in self._stores:
            said = os.environ.get(REMOTE, "").strip()
            self._stores[name] = self._said(said) if said else self._wished(name)
        return self._stores[name]

    def close(self) -> None:
        """Release connections."""
        for client in self._clients:
            client.close()
        for store in self._stores.values():
            for fetched in store.opened if isinstance(store, CloudStore) else ():
                fetched.close()

    def _wished(self, name: str | None) -> Store:
        name = name or self._config.get("core.remote")
        url = self._config.get(f"remote.{name}.url") if name else None
        if url is None or self._root is None:
            return Closed(f"no remote of DVC is configured; set {REMOTE} to the address of one")
        inner = self._inner(url)
        if inner is not None:
            return FolderStore(inner)
        if url.startswith("https://") and "@" not in url.partition("://")[2].partition("/")[0]:
            return self._web(url, endpoint=_NOBODY)
        return Closed(
            f"the repository's configuration names the remote {shown_address(url)[:200]!r}, which is "
            f"its author's wish and was not followed; set {REMOTE} to that address if it is yours too"
        )

    def _inner(self, url: str) -> Path | None:
        """Return the folder that a local remote means, when it lies in the repository."""
        if self._root is None or "://" in url or "\0" in url:
            return None
        root = os.path.realpath(self._root)
        path = os.path.realpath(os.path.join(root, ".dvc", url))
        return Path(path) if path.startswith(f"{root}{os.sep}") else None

    def _said(self, url: str) -> Store:
        scheme, colon, rest = url.partition("://")
        if not colon:
            return FolderStore(Path(url))
        if scheme in _CLOUDS:
            return CloudStore(f"{_CLOUDS[scheme]}://{rest.rstrip('/')}", self._settings)
        if scheme in ("https", "http"):
            return self._web(url, endpoint=url)
        return Closed(
            f"{REMOTE} names a remote of a kind that is not read: {shown_address(url)[:200]!r}"
        )

    def _web(self, url: str, *, endpoint: str) -> Store:
        from weighbridge.bytesource.http_client import HttpClient

        if self._settings.is_offline:
            return Closed("its remote is not on this machine, and --offline is set")
        try:
            parts = urlsplit(url)
            userinfo, _, host = parts.netloc.rpartition("@")
            plain = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
            is_whole = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole:
            return Closed(f"not an address that can be asked for: {shown_address(url)[:200]!r}")
        secret = {"authorization": basic_authorization(userinfo)} if userinfo else {}
        client = HttpClient(
            plain if endpoint == url else endpoint,
            credentials=lambda: secret,
            settings=self._settings.http,
            traffic=self._traffic,
            on_wait=self._settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )
        self._clients.append(client)
        return WebStore(plain, client)


def _configuration(root: Path) -> Iterator[tuple[str, str]]:
    """Yield `core.remote` and `remote.NAME.url`, what counts more last."""
    for name in ("config", "config.local"):
        try:
            source = LocalFile(root / ".dvc" / name)
        except ReadError:
            continue
        text = bytes(source.read_at(0, _CONFIG_BYTES)).decode("utf-8", "replace")
        source.close()
        for entry in parse_git_config(_QUOTED_SECTION.sub(r"\1\2\3", text)):
            yield entry.name, entry.value
