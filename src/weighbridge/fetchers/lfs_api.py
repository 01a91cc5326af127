"""Git LFS: where the content of a pointer lies, asked for in batches with a client of our own.

Laws: what opens the repository is shown to the repository's own origin; the headers of an action to
the origin of that action. Where an answer sends us, a redirect could send us too, and no further.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.core.limits import MIB
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply

_BATCH: Final = 100
_ANSWER_BYTES: Final = 16 * MIB
_TYPE: Final = "application/vnd.git-lfs+json"
_MOST_HEADERS: Final = 30
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS: Final = frozenset(
    {"host", "range", "accept-encoding", "connection", "content-length", "transfer-encoding", "te"}
)
_NEARLY: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class LfsObject:
    """What a pointer stands for."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Where the bytes of an object can be had, for a while.

    Attributes:
        headers: for the origin of `url`; may hold secrets.
        expires: when the server says that it ends; None when it does not say.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    expires: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.expires is not None and datetime.now(UTC) + _NEARLY > self.expires


class _Download(msgspec.Struct, frozen=True):
    href: str
    header: dict[str, str] = {}
    expires_in: int | None = None
    expires_at: str | None = None


class _Actions(msgspec.Struct, frozen=True):
    download: _Download | None = None


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _Object(msgspec.Struct, frozen=True):
    oid: str
    size: int = -1
    authenticated: bool = False
    actions: _Actions | None = None
    error: _Error | None = None


class _Batch(msgspec.Struct, frozen=True):
    objects: list[_Object]
    transfer: str = "basic"
    hash_algo: str = "sha256"


class LfsServer:
    """One LFS server, and the client that reads what it names.

    Args:
        url: of the server, such as `https://host/org/repo.git/info/lfs`.
        authorization: opens it; None to go without.
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
        from weighbridge.bytesource.http_client import HttpClient

        self._url = url
        self._secret = {"authorization": authorization} if authorization else {}
        self.client = HttpClient(
            url, settings=settings, traffic=traffic, on_wait=on_wait, user_agent=f"weighbridge/{VERSION}"
        )

    def look_up(self, objects: Sequence[LfsObject]) -> Iterator[tuple[str, Action | ReadError]]:
        """Yield for each digest where its bytes are, or why they can't be had."""
        for start in range(0, len(objects), _BATCH):
            some = objects[start : start + _BATCH]
            try:
                found = self._ask(some)
            except ReadError as error:
                yield from ((one.sha256, error) for one in some)
                continue
            yield from ((one.sha256, self._judged(one, found.get(one.sha256))) for one in some)

    def action(self, wanted: LfsObject) -> Action:
        """Ask for one object, again if need be.

        Raises:
            ReadError: its bytes can't be had.
        """
        _, found = next(self.look_up([wanted]))
        if isinstance(found, ReadError):
            raise found
        return found

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    def _ask(self, objects: Sequence[LfsObject]) -> Mapping[str, _Object]:
        from weighbridge.bytesource.http_client import Ask

        body = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": one.sha256, "size": one.size_bytes} for one in objects],
            "hash_algo": "sha256",
        }
        ask = Ask(
            url=f"{self._url}/objects/batch",
            method="POST",
            headers={"accept": _TYPE, "content-type": _TYPE},
            own_headers=self._secret,
            content=msgspec.json.encode(body),
            expected_bytes=MIB,
        )
        return self.client.exchange(ask, _batch)

    def _judged(self, wanted: LfsObject, found: _Object | None) -> Action | ReadError:
        if found is None:
            return ReadError("the LFS server says nothing of this object")
        if found.error is not None:
            return _refusal(found.error)
        if found.size not in (-1, wanted.size_bytes):
            return ReadError(
                f"the LFS server has {found.size:,} bytes under this digest, the pointer states "
                f"{wanted.size_bytes:,}"
            )
        download = found.actions.download if found.actions is not None else None
        if download is None:
            return ReadError("the LFS server offers no download of this object")
        try:
            return self._action(download, is_open=found.authenticated)
        except ValueError as error:
            return ReadError(f"the LFS server sends us {error}; refused")

    def _action(self, download: _Download, *, is_open: bool) -> Action:
        here, there = urlsplit(self._url), urlsplit(download.href)
        if there.scheme not in ("http", "https") or not there.hostname or there.username is not None:
            raise ValueError("to something that is not a plain http or https address")
        if here.scheme == "https" and there.scheme == "http":
            raise ValueError(f"from https to http at {there.hostname}")
        headers = dict(_headers(download.header))
        if "authorization" not in headers and not is_open and _origin(here) == _origin(there):
            headers |= self._secret
        return Action(url=download.href, headers=headers, expires=_expiry(download))


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)


def _headers(stated: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if len(stated) > _MOST_HEADERS:
        raise ValueError(f"with {len(stated)} headers")
    for name, value in stated.items():
        is_plain = value.isascii() and value.isprintable() and len(value) < 16_384
        if not _HEADER_NAME.fullmatch(name) or not is_plain:
            raise ValueError("with a header that is none")
        if name.lower() not in _OURS:
            yield name.lower(), value


def _expiry(download: _Download) -> datetime | None:
    """`expires_in` comes first. A time that can't be read is one that is not stated."""
    try:
        if download.expires_in:
            return datetime.now(UTC) + timedelta(seconds=download.expires_in)
        return (
            datetime.fromisoformat(download.expires_at).astimezone(UTC) if download.expires_at else None
        )
    except (ValueError, OverflowError):
        return None


def _refusal(error: _Error) -> ReadError:
    match error.code:
        case 404:
            words = "does not have this object: only its pointer is there"
        case 410:
            words = "says that this object was removed"
        case 401 | 403:
            words = "does not give this object to us"
        case _:
            words = f"does not give this object: {error.message[:200]!r}"
    return ReadError(f"the LFS server {words} (code {error.code})")


def _batch(reply: Reply) -> Mapping[str, _Object]:
    if reply.status != 200:
        raise ReadError(_status_words(reply.status, reply.host))
    body = reply.read(_ANSWER_BYTES + 1)
    try:
        answer = msgspec.json.decode(body, type=_Batch)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReadError(f"{reply.host} sent an answer about LFS that can't be read: {error}") from error
    if answer.transfer != "basic" or answer.hash_algo != "sha256":
        raise ReadError(f"{reply.host} offers LFS objects in another way than `basic`, by sha256")
    return {one.oid: one for one in answer.objects}


def _status_words(status: int, host: str) -> str:
    if status in (401, 403):
        return f"the LFS server at {host} refuses access (status {status}); see WEIGHBRIDGE_GIT_TOKEN"
    if status in (404, 410, 501):
        return f"{host} has no LFS server for this repository (status {status})"
    return f"the LFS server at {host} answered with status {status}"
