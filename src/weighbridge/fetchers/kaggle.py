"""Models and datasets of Kaggle, at one version: `kaggle://models/...`, `kaggle://datasets/...`.

Source: Kaggle's public API, version 1, as kagglehub uses it (http_resolver.py, clients.py, config.py).
Kaggle states a size for each file and no digest.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from weighbridge.errors import ReadError, UsageError
from weighbridge.fetchers.interface import Fetched, FetchSettings
from weighbridge.fetchers.rest_listing import (
    MOST_PAGES,
    ListedFile,
    Listing,
    Registry,
    RestSession,
    count_of,
    endpoint_of,
    named,
)

_SCHEME: Final = "kaggle://"
_EXAMPLE: Final = (
    "kaggle://models/owner/model/framework/variation[/version] or kaggle://datasets/owner/name[/version]"
)
_PAGE: Final = 200
_LOG_IN: Final = "set KAGGLE_USERNAME and KAGGLE_KEY, or KAGGLE_API_TOKEN, or save ~/.kaggle/kaggle.json"


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    """What the pages of a model variation and of a dataset call their newest version."""

    version_number: int | None = None
    current_version_number: int | None = None


class _File(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    size: int | str | None = None
    total_bytes: int | str | None = None


class _Files(msgspec.Struct, frozen=True, rename="camel"):
    """Models call the list `files`, datasets `datasetFiles`."""

    files: list[_File] | None = None
    dataset_files: list[_File] | None = None
    next_page_token: str | None = None


class _Stored(msgspec.Struct, frozen=True):
    """What kaggle.json holds."""

    username: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    kind: str
    names: tuple[str, ...]
    version: int | None

    @property
    def path(self) -> str:
        return "/".join(self.names)

    @property
    def shown(self) -> str:
        return f"{self.kind}/{self.path}" + (f"/{self.version}" if self.version is not None else "")

    @property
    def page(self) -> str:
        """Where the API tells the newest version."""
        return f"models/{self.path}/get" if self.kind == "models" else f"datasets/view/{self.path}"

    def listing(self, page_token: str) -> str:
        paging = {"page_size": str(_PAGE)} | ({"page_token": page_token} if page_token else {})
        if self.kind == "models":
            return f"models/{self.path}/{self.version}/files?{urlencode(paging)}"
        version = {"dataset_version_number": str(self.version)}
        return f"datasets/list/{self.path}?{urlencode(version | paging)}"

    def file(self, name: str) -> str:
        if self.kind == "models":
            return f"models/{self.path}/{self.version}/download/{quote(name)}"
        query = {"dataset_version_number": str(self.version), "file_name": name}
        return f"datasets/download/{self.path}?{urlencode(query)}"


class KaggleFetcher:
    """`kaggle://models/owner/model/framework/variation[/version]`, `kaggle://datasets/owner/name`."""

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the version and list its files.

        Raises:
            UsageError: the target is spelt wrong, or the stored credentials can't be read.
            TargetError: not found, no access, not reachable.
        """
        parsed = _parsed(target)
        secrets = _secrets(settings.token)
        registry = Registry(
            kind="kaggle",
            service="Kaggle",
            endpoint=endpoint_of("KAGGLE_API_ENDPOINT", "https://www.kaggle.com"),
            shown=parsed.shown,
            log_in=_LOG_IN,
            secrets=lambda: secrets,
            has_secrets=bool(secrets),
        )
        api = f"{registry.endpoint}/api/v1"
        return RestSession(registry, settings).fetched(lambda session: _listing(session, parsed, api))


def _parsed(target: str) -> _Target:
    kind, _, rest = target.removeprefix(_SCHEME).partition("/")
    size = {"models": 4, "datasets": 2}.get(kind)
    if size is None:
        raise UsageError(f"{target[:200]!r} names neither a model nor a dataset; write {_EXAMPLE}")
    names = named(rest, range(size, size + 2), _EXAMPLE)
    version = count_of(names[size]) if len(names) > size else None
    if len(names) > size and version is None:
        raise UsageError(f"{target[:200]!r} does not end in the number of a version; write {_EXAMPLE}")
    return _Target(kind=kind, names=tuple(names[:size]), version=version)


def _listing(session: RestSession, target: _Target, api: str) -> Listing:
    if target.version is None:
        newest = session.json(f"{api}/{target.page}", _Version)
        number = newest.version_number or newest.current_version_number
        if number is None:
            raise ReadError("it does not tell the newest version; name one")
        target = replace(target, version=number)
    return Listing(
        display_name=target.shown,
        location=f"{_SCHEME}{target.shown}",
        revision=str(target.version),
        files=_files(session, target, api),
    )


def _files(session: RestSession, target: _Target, api: str) -> Iterator[ListedFile]:
    token, seen = "", {""}
    for _ in range(MOST_PAGES):
        page = session.json(f"{api}/{target.listing(token)}", _Files)
        for file in page.files or page.dataset_files or ():
            size = count_of(file.total_bytes if file.size is None else file.size)
            yield ListedFile(name=file.name, url=f"{api}/{target.file(file.name)}", size_bytes=size)
        token = page.next_page_token or ""
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise ReadError("its listing has no end")


def _secrets(given: str | None) -> Mapping[str, str]:
    """Look where Kaggle's own tools look; the first that is there counts.

    Raises:
        UsageError: the file of their login can't be read.
    """
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or os.path.expanduser("~/.kaggle"))
    user, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if token := given or os.environ.get("KAGGLE_API_TOKEN"):
        return {"authorization": f"Bearer {token}"}
    if user and key:
        return _basic(user, key)
    return _stored(folder / "kaggle.json")


def _stored(file: Path) -> Mapping[str, str]:
    try:
        stored = msgspec.json.decode(file.read_bytes(), type=_Stored)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        # The text of a decoding error may quote what it found.
        raise UsageError(f"{str(file)!r} can't be read; save it again at Kaggle's settings") from error
    return _basic(stored.username, stored.key)


def _basic(user: str, key: str) -> Mapping[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}
