"""Talks to a registry: its token renewed when it has run out, its answers checked."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from weighbridge.bytesource.http_client import Ask, HttpClient, Reply
from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.oci.credentials import FoundLogin
from weighbridge.fetchers.oci.manifest import ACCEPTED, digest_of, is_content
from weighbridge.fetchers.oci.reference import DIGEST, OciReference
from weighbridge.fetchers.oci.tokens import TokenService

_LARGEST_DOCUMENT = 4 * MIB
"""What the specification asks registries to take, and no client needs more."""
_LARGEST_ERROR = 16 * KIB
_LARGEST_TAGS = 1 * MIB
_WORD = re.compile(r"[A-Z_]{1,40}")
_T = TypeVar("_T")


class _Challenged(Exception):
    """The registry asks who we are."""

    def __init__(self, header: str) -> None:
        super().__init__(header)
        self.header = header


class _Trouble(msgspec.Struct, frozen=True):
    code: str = ""


class _Troubles(msgspec.Struct, frozen=True):
    errors: list[_Trouble] = []


class _Tags(msgspec.Struct, frozen=True):
    tags: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A manifest or an index as the registry gave it. `digest` is that of these very bytes."""

    content: bytes
    digest: str
    media_type: str


class OtherBytes(ReadError):
    """What came is not what was asked for by its digest."""


class RegistryClient(HttpClient):
    """A client of one registry, for one repository. Thread-safe.

    Args:
        reference: the repository; its tag and digest are not looked at.
        found: the login for the registry, or why there is none.
        actions: what to ask a token for: `pull`, or `pull,push`.
    """

    def __init__(
        self,
        reference: OciReference,
        found: FoundLogin,
        settings: FetchSettings,
        *,
        actions: str = "pull",
        traffic: TrafficCounter | None = None,
    ) -> None:
        traffic = traffic or TrafficCounter()
        super().__init__(
            reference.endpoint,
            credentials=self._headers,
            settings=settings.http,
            traffic=traffic,
            on_wait=settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )
        self.reference = reference
        self._authorization = f"Bearer {settings.token}" if settings.token else None
        self._renewing = threading.Lock()
        self._tokens = TokenService(
            reference,
            found,
            actions=actions,
            settings=settings.http,
            traffic=traffic,
            on_wait=settings.on_wait,
        )

    def exchange(self, ask: Ask, consume: Callable[[Reply], _T]) -> _T:
        """As `HttpClient.exchange`; asked who we are, it gets a token and asks once more.

        Raises:
            Refused: a status without bytes; 401 when there is no login, or it is refused.
            ReadError: the exchange failed in the end.
        """
        sent = self._authorization
        try:
            return super().exchange(ask, lambda reply: consume(_unchallenged(reply)))
        except _Challenged as challenged:
            with self._renewing:
                if self._authorization == sent:
                    self._authorization = self._tokens.authorization(challenged.header)
        return super().exchange(ask, consume)

    def _headers(self) -> Mapping[str, str]:
        return {"authorization": self._authorization} if self._authorization else {}

    def document(self, wanted: str) -> Pinned:
        """Get a manifest or an index by tag or digest.

        Raises:
            Refused: the registry does not give it.
            OtherBytes: its digest is not the one that was asked for or stated.
            ReadError: it can't be read.
        """
        ask = Ask(
            url=f"{self.reference.api}/manifests/{wanted}",
            headers={"accept": ACCEPTED},
            expected_bytes=_LARGEST_DOCUMENT,
        )
        content, stated, media_type = self.exchange(ask, _take_document)
        if DIGEST.fullmatch(wanted):
            stated = wanted
        if stated is None:
            stated = digest_of(content)
        if not is_content(content, stated):
            raise OtherBytes(
                f"{self.reference.registry} states {stated} for the manifest and sent "
                f"{len(content):,} bytes whose digest is {digest_of(content)}"
            )
        return Pinned(content=content, digest=stated, media_type=media_type)

    def tags(self, most: int) -> list[str]:
        """List some of the repository's tags.

        Raises:
            Refused: the registry does not give them.
            ReadError: they can't be read.
        """
        ask = Ask(url=f"{self.reference.api}/tags/list?n={most}", expected_bytes=_LARGEST_TAGS)
        found = self.exchange(ask, lambda reply: decoded(reply, _Tags, limit=_LARGEST_TAGS))
        return (found.tags or [])[:most]

    def close(self) -> None:
        self._tokens.close()
        super().close()


def decoded(reply: Reply, kind: type[_T], *, limit: int) -> _T:
    """Read an answer in JSON.

    Raises:
        Refused: it is another status than 200.
        ReadError: it can't be read.
    """
    if reply.status != 200:
        raise refused(reply)
    try:
        return msgspec.json.decode(reply.read(limit), type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ReadError(f"{reply.host} sent something that can't be read") from error


def refused(reply: Reply) -> Refused:
    """Make the error for a reply that gives no bytes, with the registry's own word for it."""
    code = None
    try:
        troubles = msgspec.json.decode(reply.read(_LARGEST_ERROR), type=_Troubles)
        code = next((one.code for one in troubles.errors if _WORD.fullmatch(one.code)), None)
    except (msgspec.MsgspecError, RecursionError, ReadError):
        pass
    said = f", {code}" if code else ""
    return Refused(
        f"{reply.host} answered with status {reply.status}{said}",
        status=reply.status,
        error_code=code,
        from_endpoint=reply.from_endpoint,
    )


def _unchallenged(reply: Reply) -> Reply:
    """Pass the reply on, unless the registry itself asks for a login: nobody else may."""
    if reply.status == 401 and reply.from_endpoint:
        header = reply.headers.get("www-authenticate", "")
        reply.drain()
        raise _Challenged(header)
    return reply


def _take_document(reply: Reply) -> tuple[bytes, str | None, str]:
    if reply.status != 200:
        raise refused(reply)
    content = reply.read(_LARGEST_DOCUMENT + 1)
    if len(content) > _LARGEST_DOCUMENT:
        raise ReadError(f"{reply.host} sends a manifest of more than {_LARGEST_DOCUMENT:,} bytes")
    stated = reply.headers.get("docker-content-digest", "")
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip()
    return content, stated if DIGEST.fullmatch(stated) else None, media_type
