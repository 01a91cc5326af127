"""Models of NVIDIA NGC, at one version: `ngc://org[/team]/name[:version]`.

Source: NGC's registry API, version 2, as its public download addresses and NVIDIA's own tools use it.
NGC states a size and a SHA-256 for each file.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError, UsageError
from weighbridge.fetchers.interface import Fetched, FetchSettings
from weighbridge.fetchers.json_answer import json_answer
from weighbridge.fetchers.rest_listing import (
    MOST_PAGES,
    ListedFile,
    Listing,
    Registry,
    RestSession,
    Secrets,
    count_of,
    endpoint_of,
    named,
    no_secrets,
)

_SCHEME: Final = "ngc://"
_EXAMPLE: Final = "ngc://org/name:version or ngc://org/team/name:version"
_LOG_IN: Final = "set NGC_API_KEY or run: ngc config set"
_VERSION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")
_PERSONAL_KEY: Final = "nvapi-"
_PAGE: Final = 1000
_RENEWED_AFTER_S: Final = 300.0


class _File(msgspec.Struct, frozen=True):
    path: str
    size: int | str | None = msgspec.field(default=None, name="sizeInBytes")
    sha256: str | None = msgspec.field(default=None, name="sha256_base64")


class _Paging(msgspec.Struct, frozen=True, rename="camel"):
    total_pages: int = 1


class _Files(msgspec.Struct, frozen=True, rename="camel"):
    model_files: list[_File] | None = None
    pagination_info: _Paging | None = None


class _Model(msgspec.Struct, frozen=True, rename="camel"):
    latest_version_id_str: str | None = None


class _Page(msgspec.Struct, frozen=True):
    model: _Model | None = None


class _Token(msgspec.Struct, frozen=True):
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    org: str
    team: str | None
    name: str
    version: str | None

    @property
    def shown(self) -> str:
        names = "/".join(part for part in (self.org, self.team, self.name) if part)
        return names if self.version is None else f"{names}:{self.version}"

    def path(self, *, is_known: bool) -> str:
        """Return where the API keeps it: for who has a key, and for who has none."""
        if not is_known:
            return f"/v2/models/{'/'.join(part for part in (self.org, self.team, self.name) if part)}"
        team = f"/team/{self.team}" if self.team else ""
        return f"/v2/org/{self.org}{team}/models/{self.name}"


class NgcFetcher:
    """`ngc://org[/team]/name[:version]`; without a version, the newest."""

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the version and list its files.

        Raises:
            UsageError: the target is spelt wrong, or the stored key can't be read.
            TargetError: not found, no access, not reachable.
        """
        parsed = _parsed(target)
        key = settings.token or _key()
        registry = Registry(
            kind="ngc",
            service="NGC",
            endpoint=endpoint_of("NGC_ENDPOINT", "https://api.ngc.nvidia.com"),
            shown=parsed.shown,
            log_in=_LOG_IN,
            secrets=_secrets(key, parsed, settings),
            has_secrets=bool(key),
        )
        return RestSession(registry, settings).fetched(
            lambda session: _listing(session, parsed, registry)
        )


def _parsed(target: str) -> _Target:
    text, colon, version = target.removeprefix(_SCHEME).partition(":")
    names = named(text, range(2, 4), _EXAMPLE)
    if colon and not _VERSION.fullmatch(version):
        raise UsageError(f"{target[:200]!r} has no version after the colon; write {_EXAMPLE}")
    team = names[1] if len(names) == 3 else None
    return _Target(org=names[0], team=team, name=names[-1], version=version or None)


def _listing(session: RestSession, target: _Target, registry: Registry) -> Listing:
    home = registry.endpoint + target.path(is_known=registry.has_secrets)
    if target.version is None:
        page = session.json(home, _Page)
        newest = page.model.latest_version_id_str if page.model else None
        if newest is None or not _VERSION.fullmatch(newest):
            raise ReadError("it does not tell the newest version; name one")
        target = replace(target, version=newest)
    return Listing(
        display_name=target.shown,
        location=f"{_SCHEME}{target.shown}",
        revision=target.version,
        files=_files(session, f"{home}/versions/{target.version}/files"),
    )


def _files(session: RestSession, home: str) -> Iterator[ListedFile]:
    for number in range(MOST_PAGES):
        query = urlencode({"page-number": number, "page-size": _PAGE})
        page = session.json(f"{home}?{query}", _Files)
        for file in page.model_files or ():
            yield ListedFile(
                name=file.path,
                url=f"{home}/{quote(file.path)}",
                size_bytes=count_of(file.size),
                sha256=_hex(file.sha256 or ""),
            )
        if page.pagination_info is None or number + 1 >= page.pagination_info.total_pages:
            return
    raise ReadError("its listing has no end")


def _hex(digest: str) -> str | None:
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError):
        return None


def _secrets(key: str | None, target: _Target, settings: FetchSettings) -> Secrets:
    """A personal key is sent as it is; one of the older kind buys a token that lives for minutes."""
    if not key:
        return no_secrets
    if key.startswith(_PERSONAL_KEY):
        return lambda: {"authorization": f"Bearer {key}"}
    return _Exchange(key, target, settings)


class _Exchange:
    """Buys tokens for a key. The key goes to NVIDIA's sign-in service and nowhere else."""

    def __init__(self, key: str, target: _Target, settings: FetchSettings) -> None:
        self._key = key
        self._settings = settings
        group = f"group/ngc:{target.org}"
        scopes = [group, *([f"{group}/{target.team}"] if target.team else [])]
        self._url = (
            f"{_sign_in()}?{urlencode([('service', 'ngc'), *(('scope', one) for one in scopes)])}"
        )
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] = {}
        self._bought = float("-inf")

    def __call__(self) -> Mapping[str, str]:
        with self._lock:
            if time.monotonic() - self._bought > _RENEWED_AFTER_S:
                self._headers = {"authorization": f"Bearer {self._buy()}"}
                self._bought = time.monotonic()
            return self._headers

    def _buy(self) -> str:
        from weighbridge.bytesource.http_client import Ask, HttpClient

        word = base64.b64encode(f"$oauthtoken:{self._key}".encode()).decode()
        client = HttpClient(
            self._url,
            credentials=lambda: {"authorization": f"Basic {word}"},
            settings=self._settings.http,
            on_wait=self._settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )
        try:
            return client.exchange(Ask(url=self._url), lambda reply: json_answer(reply, _Token)).token
        finally:
            client.close()


def _sign_in() -> str:
    return endpoint_of("NGC_AUTH_ENDPOINT", "https://authn.nvidia.com/token")


def _key() -> str | None:
    """Look where NVIDIA's own tools look.

    Raises:
        UsageError: the file of their login can't be read.
    """
    for variable in ("NGC_API_KEY", "NGC_CLI_API_KEY"):
        if key := os.environ.get(variable):
            return key
    file = Path(os.environ.get("NGC_CLI_HOME") or os.path.expanduser("~/.ngc")) / "config"
    stored = configparser.ConfigParser(interpolation=None)
    try:
        stored.read_string(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise UsageError(f"{str(file)!r} can't be read; run: ngc config set") from error
    return stored.get("CURRENT", "apikey", fallback=None)
