"""A file at an `https://` address, read by ranges where its server can do that.

Laws: a name and a password in the address go to its own origin and nowhere else, and are shown
nowhere. A signed address is a secret. What the server calls the file is data. A page that stands
where a file should be is not taken for the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from weighbridge.bytesource.refused import Refused
from weighbridge.core.address import shown_address
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.version import VERSION
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.basic_credentials import basic_authorization
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings

_UNKNOWN_BYTES: Final = 1 << 40
"""What a file is taken for until its server has told its size: large."""
_HEAD_BYTES: Final = 1024
_PAGE: Final = (b"<!doctype html", b"<html", b"<head", b"<script")
_PAGE_NAMES: Final = (".html", ".htm", ".xhtml")
_LONGEST: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    """An address, taken apart.

    Attributes:
        url: to ask for, without userinfo and fragment.
        shown: to be seen by people.
        name: the last part of the path.
        is_signed: there are parameters behind the path.
    """

    url: str
    shown: str
    name: str
    is_signed: bool
    headers: Mapping[str, str]


class WebFetcher:
    """`https://host/path/file`, and the same over http."""

    def accepts(self, target: str) -> bool:
        return target.startswith(("https://", "http://"))

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Ask for the first bytes, which also tells the size.

        Raises:
            UsageError: it is not the address of a file.
            TargetError: the server does not give it, in words.
        """
        from weighbridge.bytesource.http_client import HttpClient
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        address = _parsed(target)
        client = HttpClient(
            address.url,
            credentials=lambda: address.headers,
            settings=settings.http,
            on_wait=settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

        def open_file() -> ByteSource:
            return RangeSource(client, RemoteFile(url=address.url, expected_bytes=_UNKNOWN_BYTES))

        try:
            met = open_file()
            size = _checked_size(met, address)
        except ReadError as error:
            client.close()
            raise _target_error(error, address) from error
        except TargetError:
            client.close()
            raise
        origin = Origin(
            kind="https", location=address.shown, size_bytes=size, facts=dict(_facts(address.url))
        )
        entry = Entry(name=address.name, size_bytes=size, origin=origin, open=_Once(met, open_file))
        return Fetched(
            display_name=address.shown,
            origin=origin,
            items=iter((entry,)),
            count=1,
            traffic=client.traffic,
            close=client.close,
        )


class _Once:
    """Gives a source that has met the file already to the first who opens it."""

    def __init__(self, met: ByteSource, then: Callable[[], ByteSource]) -> None:
        self._met: ByteSource | None = met
        self._then = then
        self._lock = threading.Lock()

    def __call__(self) -> ByteSource:
        with self._lock:
            met, self._met = self._met, None
        return met or self._then()


def _parsed(target: str) -> _Address:
    shown = shown_address(target)
    try:
        parts = urlsplit(target)
        is_whole = bool(parts.hostname) and parts.port != 0 and len(target) <= _LONGEST
    except ValueError:
        is_whole = False
    if not is_whole or any(ord(character) < 33 or ord(character) == 127 for character in target):
        raise UsageError(f"not an address that can be asked for: {shown[:200]!r}")
    name = unquote(parts.path.rpartition("/")[2])
    if name in ("", ".", ".."):
        raise UsageError(
            f"{shown[:200]!r} ends in a folder, and folders of web servers are not listed; give the "
            "address of each file"
        )
    userinfo, _, host = parts.netloc.rpartition("@")
    return _Address(
        url=urlunsplit((parts.scheme, host, parts.path, parts.query, "")),
        shown=shown.partition("#")[0],
        name=name.replace("/", "_"),
        is_signed=bool(parts.query),
        headers={"authorization": basic_authorization(userinfo)} if userinfo else {},
    )


def _facts(url: str) -> Mapping[str, str]:
    if url.startswith("https:"):
        return {}
    return {"transport": "http: whoever stands between here and the server can change the bytes"}


def _checked_size(source: ByteSource, address: _Address) -> int:
    size = source.size
    if size >= _UNKNOWN_BYTES:
        raise TargetUnavailable(
            f"Can't read {address.shown}: the server does not say how large the file is. Download it "
            "and scan the file"
        )
    head = bytes(source.read_at(0, _HEAD_BYTES)).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(_PAGE) and not address.name.lower().endswith(_PAGE_NAMES):
        raise TargetUnavailable(
            f"Can't read {address.shown}: the server sends a web page and not the file, perhaps one "
            "to log in. Give the address that a download has"
        )
    return size


def _target_error(error: ReadError, address: _Address) -> TargetError:
    words = f"Can't read {address.shown}: {error}"
    match error.status if isinstance(error, Refused) else None:
        case 404 | 410:
            return TargetNotFound(f"{words}; check the address")
        case 400 | 401 | 403 if address.is_signed:
            return AccessDenied(f"{words}. A signed address is valid for a while only; get a new one")
        case 401 | 403:
            return AccessDenied(
                f"{words}. A name and password can be given: https://name:password@host/..."
            )
        case _:
            return TargetUnavailable(words)
