"""What the REST registries have in common: list the files once, read each by range, words for errors.

Laws: secrets go to the registry's own origin only. What the registry answers is hostile input: every
listing is bounded, every name is checked, and a wrong type is a sentence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from weighbridge.bytesource.refused import Refused
from weighbridge.core.address import is_address
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.limits import MIB
from weighbridge.core.version import VERSION
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.json_answer import json_answer

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient

_UNKNOWN_BYTES: Final = 1 << 40
"""What a file is taken for until its server has told its size: large."""
_LISTING_BYTES: Final = 64 * MIB
MOST_PAGES: Final = 10_000
"""Of one listing; `max_files` stops an honest one earlier."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 4096
_LARGEST_SIZE: Final = 1 << 60
_NAME_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_T = TypeVar("_T")

Secrets = Callable[[], Mapping[str, str]]
"""Gives the headers that say who we are; asked before each request."""


def no_secrets() -> Mapping[str, str]:
    """For registries that know us not."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One registry, as one target needs it.

    Attributes:
        kind: see `Origin.kind`.
        service: its name, for the words.
        endpoint: without a slash at the end.
        shown: the target, for the words.
        log_in: what to do to be let in.
        missing: what to check when there is no such target.
        secrets: for the endpoint only.
        has_secrets: whether there are any.
    """

    kind: str
    service: str
    endpoint: str
    shown: str
    log_in: str
    missing: str = "check the spelling"
    secrets: Secrets = no_secrets
    has_secrets: bool = False

    def error(self, error: ReadError) -> TargetError:
        """Make the error for a target that can't be listed."""
        status = error.status if isinstance(error, Refused) and error.from_endpoint else None
        match status:
            case 401 | 403 if not self.has_secrets:
                return AccessDenied(
                    f"Can't read {self.shown} at {self.service}: it asks who we are (status {status}); "
                    f"{self.log_in}"
                )
            case 401:
                return AccessDenied(
                    f"Can't read {self.shown} at {self.service}: it refuses the credentials "
                    f"(status 401); {self.log_in}"
                )
            case 403:
                return AccessDenied(
                    f"Can't read {self.shown} at {self.service}: these credentials may not read it "
                    f"(status 403); ask its owner, or accept its terms at its page"
                )
            case 404 | 410:
                private = "" if self.has_secrets else f"; if it is private, {self.log_in}"
                return TargetNotFound(
                    f"There is no {self.shown} at {self.service}: {self.missing}{private}"
                )
            case _:
                return TargetUnavailable(
                    f"Can't reach {self.shown} at {self.service} ({self.endpoint}): {error}. "
                    "Check the network and the proxy, or try again later"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """One row of a listing.

    Attributes:
        name: as the registry spells it.
        url: that gives its bytes, perhaps by way of a redirect.
        size_bytes: None when the registry does not state it.
        sha256: hex; None when the registry does not state it.
        facts: see `Origin.facts`.
        unreadable: why it can't be read here, in a sentence; None when it can.
    """

    name: str
    url: str
    size_bytes: int | None = None
    sha256: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    unreadable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A target that was found.

    Attributes:
        display_name: see `Fetched`.
        location: canonical, with what it was pinned to.
        revision: what it was pinned to; None when the registry knows no such thing.
        facts: see `Origin.facts`.
        files: in any order; read until `max_files`.
    """

    display_name: str
    location: str
    revision: str | None
    files: Iterable[ListedFile]
    facts: Mapping[str, str] = field(default_factory=dict)


class RestSession:
    """One fetch from one registry."""

    def __init__(self, registry: Registry, settings: FetchSettings) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        self._registry = registry
        self._settings = settings
        self._client: HttpClient = HttpClient(
            registry.endpoint,
            credentials=registry.secrets,
            settings=settings.http,
            on_wait=settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

    def json(self, url: str, kind: type[_T], *, posted: bytes | None = None) -> _T:
        """Ask for JSON, by POST when there is something to post.

        Raises:
            Refused: the status is not 200.
            ReadError: no answer, or none of this kind.
        """
        from weighbridge.bytesource.http_client import Ask

        headers = {"accept": "application/json"}
        if posted is not None:
            headers["content-type"] = "application/json"
        ask = Ask(
            url=url,
            method="GET" if posted is None else "POST",
            headers=headers,
            content=posted,
            expected_bytes=8 * MIB,
        )
        return self._client.exchange(
            ask, lambda reply: json_answer(reply, kind, most_bytes=_LISTING_BYTES)
        )

    def fetched(self, find: Callable[[RestSession], Listing]) -> Fetched:
        """Find the target and list it, with every error in words.

        Raises:
            TargetError: it can't be listed.
        """
        try:
            return self._fetched(find(self))
        except ReadError as error:
            self._client.close()
            raise self._registry.error(error) from error
        except BaseException:
            self._client.close()
            raise

    def _fetched(self, listing: Listing) -> Fetched:
        origin = Origin(
            kind=self._registry.kind,
            location=listing.location,
            revision=listing.revision,
            facts=listing.facts,
        )
        items = list(self._items(listing, origin))
        return Fetched(
            display_name=listing.display_name,
            origin=origin,
            items=iter(items),
            count=len(items),
            traffic=self._client.traffic,
            close=self._client.close,
        )

    def _items(self, listing: Listing, origin: Origin) -> Iterator[Entry | Problem]:
        items: list[Entry | Problem] = []
        most = self._settings.max_files
        for file in listing.files:
            if len(items) >= most:
                detail = f"it has more than {most:,} files; the rest was not looked at"
                items.append(Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail))
                break
            items.append(_problem_with(file) or self._entry(file, origin))
        return iter(sorted(items, key=lambda item: (item.name == "...", item.name)))

    def _entry(self, file: ListedFile, target_origin: Origin) -> Entry:
        digest = (file.sha256 or "").lower()
        origin = replace(
            target_origin,
            location=f"{target_origin.location}/{file.name}",
            sha256=digest if _SHA256.fullmatch(digest) else None,
            size_bytes=file.size_bytes,
            facts=file.facts,
        )

        def open_file() -> ByteSource:
            return self._source(file)

        return Entry(name=file.name, size_bytes=file.size_bytes, origin=origin, open=open_file)

    def _source(self, file: ListedFile) -> ByteSource:
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        is_known = file.size_bytes is not None
        remote = RemoteFile(
            url=file.url,
            expected_bytes=file.size_bytes if file.size_bytes is not None else _UNKNOWN_BYTES,
            prefers_tail=is_known and has_directory_at_end(file.name),
        )
        return RangeSource(self._client, remote)


def _problem_with(file: ListedFile) -> Problem | None:
    name, kind = file.name[:1000], ProblemKind.UNREADABLE
    if file.unreadable is not None:
        return Problem(name=name, kind=kind, detail=file.unreadable)
    parts = file.name.split("/")
    if file.name.startswith("/") or "\\" in file.name or re.match(r"[A-Za-z]:", file.name):
        kind, detail = ProblemKind.NAME_ABSOLUTE, "listed under an absolute name"
    elif ".." in parts:
        kind, detail = ProblemKind.NAME_LEAVES, "listed under a name that leads out of the target"
    elif (
        not {"", "."}.isdisjoint(parts)
        or "\0" in file.name
        or len(file.name) > _LONGEST_NAME
        or not 0 <= (file.size_bytes or 0) <= _LARGEST_SIZE
    ):
        detail = "listed with a name or size that no file can have"
    else:
        return None
    return Problem(name=name, kind=kind, detail=detail)


def endpoint_of(variable: str, default: str) -> str:
    """Return the registry's address: the one that the environment names, or its own.

    Raises:
        UsageError: the variable holds no address.
    """
    endpoint = (os.environ.get(variable) or default).strip().rstrip("/")
    if not is_address(endpoint):
        raise UsageError(f"{variable} is not an address such as {default}")
    return endpoint


def named(text: str, count: range, example: str) -> list[str]:
    """Split a target into names.

    Args:
        text: what follows `scheme://`.
        count: how many names there may be.
        example: of a right target, for the words.

    Raises:
        UsageError: another number of names, or one that can't be a name.
    """
    parts = text.rstrip("/").split("/")
    if len(parts) not in count or not all(_NAME_PART.fullmatch(part) for part in parts):
        raise UsageError(f"{text[:200]!r} does not name it; write {example}")
    return parts


def count_of(value: object) -> int | None:
    """Return a count that servers write as a number or as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
