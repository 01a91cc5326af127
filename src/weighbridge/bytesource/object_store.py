"""An object of a store, read by ranges through obstore, and only as long as it stays the same.

Laws: only absolute ranges are asked for. Each request carries the object's ETag or version as it
was listed; what comes back is exactly what was asked of exactly that object, or it is a ReadError.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from weighbridge.bytesource.http_patience import Patience
from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.bytesource.refused import Refused
from weighbridge.bytesource.windows import RangeAnswer, WindowedSource
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError

PIECE_BYTES = 4 * MIB
"""The most that one request asks for: obstore knows one deadline for all of them."""
_STATUS = re.compile(r"status code: ([0-9]{3})")
_ASKED = re.compile(r"https?://([^/\s\"]+)/")
_TIMEOUTS = 2
"""Requests that may run into the deadline before we give up; each has cost minutes."""
_FINAL = {
    "NotPartial": "ignores range requests; download the object and scan the file",
    "UnexpectedRange": "sent another range than the one that was asked for",
    "NoContentRange": "sent a part of the object without saying which",
    "source: Header": "left out of its answer what obstore must know (size, ETag or date)",
}
"""What obstore calls an answer that will be the same the next time -> what it means."""


class Got(Protocol):
    """obstore's answer to a request, its body unread."""

    @property
    def meta(self) -> Mapping[str, object]: ...
    @property
    def range(self) -> tuple[int, int]: ...
    def stream(self, min_chunk_size: int = ...) -> Iterable[bytes]: ...


class ObjectStore(Protocol):
    """A store of obstore's."""

    def get(self, path: str, *, options: Mapping[str, object] | None = None) -> Got: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteObject:
    """An object as it was listed.

    Attributes:
        key: in its bucket, a path by obstore's rules.
        etag: what its bytes must still have; None when the store states none.
        version: the one to read; None for the newest.
        prefers_tail: the object is an archive whose directory is at its end.
    """

    key: str
    size_bytes: int
    etag: str | None = None
    version: str | None = None
    prefers_tail: bool = False


class ObjectReader:
    """Reads from one store, at most so many requests at a time. Thread-safe.

    The store must not try again by itself: this does, so that each request is counted.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        host: str,
        settings: HttpSettings,
        traffic: TrafficCounter,
        on_wait: WaitCallback,
    ) -> None:
        self._store = store
        self._host = host
        self._settings = settings
        self._traffic = traffic
        self._on_wait = on_wait
        self._slots = threading.BoundedSemaphore(settings.in_flight)

    def read(self, remote: RemoteObject, start: int, stop: int) -> bytes:
        """Return exactly the bytes of the half-open range [start, stop).

        Raises:
            ReadError: they can't be had, or the object is not what was listed any more.
        """
        if stop - start <= PIECE_BYTES:
            return self._piece(remote, start, stop)
        pieces = range(start, stop, PIECE_BYTES)
        return b"".join(self._piece(remote, at, min(at + PIECE_BYTES, stop)) for at in pieces)

    def _piece(self, remote: RemoteObject, start: int, stop: int) -> bytes:
        from obstore.exceptions import BaseError

        patience = Patience(self._settings, self._on_wait)
        timeouts = 0
        while True:
            try:
                with self._slots:
                    return self._once(remote, start, stop)
            except (BaseError, FileNotFoundError, PermissionError) as error:
                timeouts += is_timeout(error)
                if timeouts == _TIMEOUTS:
                    raise ReadError(
                        f"{self._host} is too slow: {timeouts} requests ran out of time"
                    ) from None
                broken = in_words(error, self._host)
            if not isinstance(broken, Broken):
                raise broken
            patience.wait(patience.after_failure(broken, host=self._host))

    def _once(self, remote: RemoteObject, start: int, stop: int) -> bytes:
        self._traffic.count_request(to_endpoint=True)
        pins = {"if_match": remote.etag, "version": remote.version}
        options: dict[str, object] = {name: pin for name, pin in pins.items() if pin is not None}
        if (start, stop) != (0, remote.size_bytes):
            options["range"] = (start, stop)
        got = self._store.get(remote.key, options=options)
        _check(got, remote, start, stop)
        data = self._body(got, stop - start)
        if len(data) != stop - start:
            raise ReadError(f"{self._host} sent {len(data):,} bytes for a range of {stop - start:,}")
        return data

    def _body(self, got: Got, length: int) -> bytes:
        body = bytearray()
        for chunk in got.stream(min_chunk_size=length + 1):
            self._traffic.count_bytes(len(chunk))
            body += chunk
            if len(body) > length:
                break
        return bytes(body)


def _check(got: Got, remote: RemoteObject, start: int, stop: int) -> None:
    """Look at an answer before its body is read.

    Raises:
        ReadError: it is about another object or another range.
    """
    etag, size = got.meta.get("e_tag"), got.meta.get("size")
    if not is_same_etag(remote.etag, etag):
        raise ReadError(changed("its ETag is another"))
    if size != remote.size_bytes:
        raise ReadError(changed(f"it had {remote.size_bytes:,} bytes and now has {size:,}"))
    if tuple(got.range) != (start, stop):
        raise ReadError(
            f"the store sent bytes {got.range[0]}-{got.range[1] - 1}, asked for were {start}-{stop - 1}"
        )


def changed(how: str) -> str:
    """Say that an object is not what was listed."""
    return f"the object was changed after it was listed ({how}); scan again"


def is_same_etag(listed: str | None, now: object) -> bool:
    """Compare without quotes, which stores put and leave out; nothing listed is like anything."""
    return listed is None or _bare(now) == _bare(listed)


def _bare(etag: object) -> str:
    return str(etag).removeprefix("W/").strip('"')


class Broken(ReadError):
    """A request that may succeed when it is made again."""


def is_timeout(error: Exception) -> bool:
    return "TimedOut" in str(error) or "kind: Timeout" in str(error)


def in_words(error: Exception, host: str) -> ReadError:
    """Turn an error of obstore's into one of ours. Its own words may hold a signed URL.

    Args:
        error: what obstore raised.
        host: of the store, with its port. Who else was asked was asked for credentials.
    """
    from obstore.exceptions import (
        NotSupportedError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )

    text = str(error)
    found = _STATUS.search(text)
    status = int(found[1]) if found else None
    asked = _ASKED.search(text)
    if asked is not None and asked[1] != host:
        return ReadError(f"{asked[1]} gave no credentials" + (f" (status {status})" if status else ""))
    match error:
        case PreconditionError():
            return ReadError(changed(f"{host} says so"))
        case FileNotFoundError():
            return _refused(f"{host} says that the object does not exist any more", 404)
        case UnauthenticatedError():
            return _refused(f"{host} does not know these credentials", 401)
        case PermissionDeniedError() | PermissionError():
            return _refused(f"{host} refuses access", 403)
        case NotSupportedError():
            return ReadError(f"{host} does not do what obstore asked of it")
    final = next((words for name, words in _FINAL.items() if name in text), None)
    if final is not None:
        return ReadError(f"{host} {final}")
    if status is not None and status < 500 and status != 429:
        return _refused(f"{host} answered with status {status}", status)
    if status is not None:
        return Broken(f"status {status}")
    return Broken("it took too long" if is_timeout(error) else "no whole answer")


def _refused(words: str, status: int) -> Refused:
    return Refused(words, status=status, error_code=None, from_endpoint=True)


class ObjectSource(WindowedSource):
    """A `WindowedSource` over an object. A small one is asked for as a whole, without a range."""

    def __init__(self, reader: ObjectReader, remote: RemoteObject) -> None:
        super().__init__(remote.size_bytes, prefers_tail=remote.prefers_tail)
        self._reader = reader
        self._remote = remote

    def _ask(self, start: int, stop: int) -> RangeAnswer:
        size = self._remote.size_bytes
        data = self._reader.read(self._remote, start, min(stop, size))
        return RangeAnswer(start=start, data=data, total_bytes=size, url=self._remote.key)
