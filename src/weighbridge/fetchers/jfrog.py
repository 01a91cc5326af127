"""Repositories of JFrog Artifactory: those that speak the hub's protocol, and generic ones.

    jfrog://host[:port]/artifactory/repository/org/name[@revision]     a Hugging Face repository
    jfrog-generic://host[:port]/artifactory/repository[/path]          a folder or file of a generic one

Source: JFrog's documentation of Hugging Face repositories (`api/huggingfaceml/REPOSITORY` as the
endpoint of the hub's own client), and of its REST API: File Info, Folder Info, File List.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from weighbridge.core.address import is_address, shown_address
from weighbridge.errors import TargetUnavailable, UsageError
from weighbridge.fetchers.huggingface_session import HubHome, HubSession
from weighbridge.fetchers.huggingface_target import parse_hub_target
from weighbridge.fetchers.interface import Fetched, FetchSettings
from weighbridge.fetchers.rest_listing import (
    ListedFile,
    Listing,
    Registry,
    RestSession,
    count_of,
    endpoint_of,
)

_HUB: Final = "jfrog://"
_GENERIC: Final = "jfrog-generic://"
_HUB_EXAMPLE: Final = "jfrog://host/artifactory/repository/org/name[@revision]"
_GENERIC_EXAMPLE: Final = "jfrog-generic://host/artifactory/repository/path"
_TOKENS: Final = ("JFROG_ACCESS_TOKEN", "JF_ACCESS_TOKEN")
_USERS: Final = (("JFROG_USER", "JFROG_PASSWORD"), ("JF_USER", "JF_PASSWORD"))
_ADDRESSES: Final = ("JFROG_URL", "JF_URL")
_LOG_IN: Final = "set JFROG_ACCESS_TOKEN, and JFROG_URL to the server that it is for"


class _Checksums(msgspec.Struct, frozen=True):
    sha256: str | None = None


class _Info(msgspec.Struct, frozen=True):
    """A file has a size and checksums, a folder has children; which, its own listing tells."""

    size: int | str | None = None
    checksums: _Checksums | None = None
    children: msgspec.Raw = msgspec.Raw()


class _Row(msgspec.Struct, frozen=True):
    """`sha2` is the SHA-256; `uri` is relative to the folder and begins with a slash."""

    uri: str
    size: int | str | None = None
    folder: bool | str = False
    sha2: str | None = None


class _List(msgspec.Struct, frozen=True):
    files: list[_Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """An Artifactory, and who we are there.

    Attributes:
        base: its address, with the context path (`/artifactory`).
        name: host and context path, as the target spells them.
        token: None for none.
        basic: user and password in one word; only where there is no token.
    """

    base: str
    name: str
    token: str | None
    basic: str | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        if self.token:
            return {"authorization": f"Bearer {self.token}"}
        return {"authorization": f"Basic {self.basic}"} if self.basic else {}


class JfrogFetcher:
    """`jfrog://host/artifactory/repository/org/name`, `jfrog-generic://host/artifactory/repository`."""

    def accepts(self, target: str) -> bool:
        return target.startswith((_HUB, _GENERIC))

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """List a repository of the hub's kind, or a folder.

        Raises:
            UsageError: the target is spelt wrong.
            TargetError: not found, no access, not reachable.
        """
        if target.startswith(_HUB):
            return _hub(target, settings)
        return _generic(target, settings)


def _hub(target: str, settings: FetchSettings) -> Fetched:
    from weighbridge.fetchers.huggingface_commit import is_offline

    host, context, repository, rest = _split(target, _HUB, _HUB_EXAMPLE)
    if "/" not in rest:
        raise UsageError(f"{target[:200]!r} names no model; write {_HUB_EXAMPLE}")
    if is_offline():
        raise TargetUnavailable(f"Can't reach {target[:200]!r}: HF_HUB_OFFLINE is set; unset it")
    server = _server(host, context, settings)
    endpoint = f"{server.base}/api/huggingfaceml/{repository}"
    home = HubHome(
        endpoint=endpoint,
        token=server.token,
        kind="jfrog",
        prefix=f"{_HUB}{server.name}/{repository}/",
        log_in=_LOG_IN,
    )
    return HubSession(parse_hub_target(f"hf://{rest}", endpoint), settings, home=home).fetched()


def _generic(target: str, settings: FetchSettings) -> Fetched:
    host, context, repository, rest = _split(target, _GENERIC, _GENERIC_EXAMPLE)
    server = _server(host, context, settings)
    path = "/".join(part for part in (repository, unquote(rest).strip("/")) if part)
    if ".." in path.split("/"):
        raise UsageError(f"{target[:200]!r} is not a path; write {_GENERIC_EXAMPLE}")
    registry = Registry(
        kind="jfrog",
        service=f"Artifactory {server.name}",
        endpoint=server.base,
        shown=path,
        log_in=_LOG_IN,
        secrets=lambda: server.headers,
        has_secrets=bool(server.headers),
    )
    return RestSession(registry, settings).fetched(lambda session: _listing(session, server, path))


def _split(target: str, scheme: str, example: str) -> tuple[str, str, str, str]:
    """Return host, context path, repository and what follows it."""
    parts = target.removeprefix(scheme).split("/", 3)
    parts += [""] * (4 - len(parts))
    host, context, repository, rest = parts
    is_whole = bool(context and repository) and is_address(f"https://{host}")
    if not is_whole or set("?#\\ ") & set(target):
        raise UsageError(f"{shown_address(target)[:200]!r} names no repository; write {example}")
    return host, context, quote(unquote(repository), safe=""), rest


def _server(host: str, context: str, settings: FetchSettings) -> _Server:
    """Find the scheme and the secrets: those of the environment are for the server that it names.

    Where it names none they are for nobody: a target may have been written by anybody.
    """
    scheme, is_ours = "https", False
    for variable in _ADDRESSES:
        if os.environ.get(variable):
            own = urlsplit(endpoint_of(variable, "https://example.jfrog.io"))
            is_ours = own.netloc.lower() == host.lower()
            scheme = own.scheme if is_ours else "https"
            break
    name = f"{host}/{context}"
    if not is_ours and settings.token is None:
        return _Server(base=f"{scheme}://{name}", name=name, token=None)
    token = settings.token or next((one for key in _TOKENS if (one := os.environ.get(key))), None)
    return _Server(base=f"{scheme}://{name}", name=name, token=token, basic=_basic())


def _basic() -> str | None:
    for user_key, word_key in _USERS:
        user, word = os.environ.get(user_key), os.environ.get(word_key)
        if user and word:
            return base64.b64encode(f"{user}:{word}".encode()).decode()
    return None


def _listing(session: RestSession, server: _Server, path: str) -> Listing:
    info = session.json(f"{server.base}/api/storage/{quote(path)}", _Info)
    location = f"{_GENERIC}{server.name}/{path}"
    if bytes(info.children) in (b"", b"null"):
        folder, _, name = path.rpartition("/")
        files = iter((_file(server, folder, name, size=info.size, sha256=_sha256(info)),))
        location = location.removesuffix(f"/{name}")
    else:
        files = _below(session, server, path)
    return Listing(display_name=path, location=location, revision=None, files=files)


def _below(session: RestSession, server: _Server, folder: str) -> Iterator[ListedFile]:
    url = f"{server.base}/api/storage/{quote(folder)}?list&deep=1&listFolders=0"
    for row in session.json(url, _List).files:
        if row.folder not in (True, "true"):
            name = row.uri.removeprefix("/")
            yield _file(server, folder, name, size=row.size, sha256=row.sha2)


def _file(
    server: _Server, folder: str, name: str, *, size: int | str | None, sha256: str | None
) -> ListedFile:
    return ListedFile(
        name=name,
        url=f"{server.base}/{quote(folder)}/{quote(name)}",
        size_bytes=count_of(size),
        sha256=sha256,
    )


def _sha256(info: _Info) -> str | None:
    return info.checksums.sha256 if info.checksums else None
