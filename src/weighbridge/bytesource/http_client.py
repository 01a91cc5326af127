"""HTTP as this product needs it: redirects by our rules, retries, bounded waits, counted traffic.

Laws: `Authorization` is sent to the endpoint's own origin only. A body is never read before its
status and headers were looked at. No exchange outlives its deadline.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from weighbridge.bytesource.http_lane import Deadline, Lane
from weighbridge.bytesource.http_patience import Patience, is_passing
from weighbridge.bytesource.http_redirect import RedirectPolicy, origin_of
from weighbridge.bytesource.http_settings import (
    HttpSettings,
    TrafficCounter,
    WaitCallback,
    wait_silently,
)
from weighbridge.bytesource.http_trust import tls_context
from weighbridge.core.limits import KIB
from weighbridge.errors import ReadError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SMALL_BODY_BYTES = 16 * KIB
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-amz-security-token"})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request.

    Attributes:
        own_headers: only the origin of `url` gets these, and none that it redirects to.
        expected_bytes: how long a body we are ready to wait for; it stretches the deadline.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    own_headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    expected_bytes: int = 0


class Reply:
    """A response whose body has not been read. Valid inside `exchange` only."""

    def __init__(
        self, response: httpx.Response, traffic: TrafficCounter, *, from_endpoint: bool
    ) -> None:
        self._response = response
        self._traffic = traffic
        self.from_endpoint = from_endpoint

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Names are matched in any case."""
        return self._response.headers

    @property
    def url(self) -> str:
        """The URL that answered, after redirects."""
        return str(self._response.request.url)

    @property
    def host(self) -> str:
        return self._response.request.url.host

    @property
    def content_length(self) -> int | None:
        """What the server says; None also where the length is void, as in front of a chunked body."""
        if "transfer-encoding" in self.headers:
            return None
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    def read(self, limit: int) -> bytes:
        """Return the first `limit` bytes of the body, or all of it when it is shorter.

        Raises:
            ReadError: the body is compressed although we asked for it as it is.
        """
        self.check_identity()
        body = bytearray()
        for chunk in self._response.iter_raw():
            self._traffic.count_bytes(len(chunk))
            body += chunk
            if len(body) >= limit:
                break
        return bytes(body[:limit])

    def chunks(self) -> Iterator[bytes]:
        """Give the body piece by piece, as it comes in.

        Raises:
            ReadError: the body is compressed although we asked for it as it is.
        """
        self.check_identity()
        for chunk in self._response.iter_raw():
            self._traffic.count_bytes(len(chunk))
            yield chunk

    def check_identity(self) -> None:
        """Refuse a body that is not the bytes themselves.

        Raises:
            ReadError: it is compressed.
        """
        if self.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise ReadError(f"{self.host} sends the file compressed; its bytes can't be addressed")

    def drain(self) -> None:
        """Read a small body, so that the connection can be used again. What it says is no matter."""
        length = self.content_length
        if length is not None and length <= _SMALL_BODY_BYTES:
            for chunk in self._response.iter_raw():
                self._traffic.count_bytes(len(chunk))


class HttpClient:
    """Talks to one endpoint and to where that endpoint redirects. Thread-safe.

    Args:
        endpoint: the URL whose scheme, host and port the token belongs to.
        token: sent as a bearer token to the endpoint, never elsewhere.
        credentials: gives headers of another kind that are secret: sent to the endpoint, never
            elsewhere. Asked before each request, so that a short-lived token can be renewed.
        sleep: for tests.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        token: str | None = None,
        credentials: Callable[[], Mapping[str, str]] | None = None,
        settings: HttpSettings | None = None,
        traffic: TrafficCounter | None = None,
        on_wait: WaitCallback = wait_silently,
        user_agent: str = "weighbridge",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings or HttpSettings()
        self.traffic = traffic or TrafficCounter()
        self._policy = RedirectPolicy(endpoint)
        self._token = token
        self._credentials = credentials
        self._on_wait = on_wait
        self._sleep = sleep
        self._user_agent = user_agent
        self._tls = tls_context(self._settings.ca_bundle)
        self._slots = threading.BoundedSemaphore(self._settings.in_flight)
        self._local = threading.local()
        self._lanes: list[Lane] = []
        self._lock = threading.Lock()
        self._resume_at = 0.0

    def exchange(self, ask: Ask, consume: Callable[[Reply], _T]) -> _T:
        """Send, follow redirects, and return what `consume` makes of the reply.

        After a broken connection or a passing refusal (429, 5xx) it begins again; `consume` may
        therefore run more than once, and must not keep what an earlier run got.

        Raises:
            ReadError: the exchange failed in the end, in words; or `consume` raised it.
        """
        patience = Patience(self._settings, self._on_wait, sleep=self._sleep)
        while True:
            self._hold()
            try:
                with self._slots, self._followed(ask) as reply:
                    if not is_passing(reply.status, reply.headers):
                        return consume(reply)
                    pause = patience.after_status(reply.status, reply.headers, host=reply.host)
                    if reply.from_endpoint and reply.status in (403, 429):
                        self._resume_at = time.monotonic() + pause.seconds
            except httpx.UnsupportedProtocol as error:
                raise ReadError(f"not an address of http or https: {error}") from error
            except (httpx.TransportError, httpx.StreamError) as error:
                pause = patience.after_failure(error, host=httpx.URL(ask.url).host)
            except httpx.InvalidURL as error:
                raise ReadError(f"not a URL that can be asked for: {error}") from error
            patience.wait(pause)

    def _hold(self) -> None:
        """Wait while the endpoint has told another thread to wait."""
        seconds = self._resume_at - time.monotonic()
        if seconds > 0:
            self._sleep(seconds)

    @contextmanager
    def _followed(self, ask: Ask) -> Iterator[Reply]:
        url = httpx.URL(ask.url)
        self._policy.check_first(url)
        allowed_s = ask.expected_bytes / self._settings.slowest_bytes_per_s + self._settings.deadline_s
        deadline = Deadline(allowed_s)
        for _ in range(self._settings.redirects + 1):
            with self._sent(ask, url, deadline) as reply:
                location = reply.headers.get("location")
                if reply.status not in _REDIRECTS or location is None:
                    yield reply
                    return
                reply.drain()
            target = self._policy.next_url(url, location)
            self._check_repeatable(ask, reply.status, target)
            url = target
        raise ReadError(f"{url.host} redirects more than {self._settings.redirects} times")

    def _check_repeatable(self, ask: Ask, status: int, target: httpx.URL) -> None:
        if ask.method != "GET" and not (status in (307, 308) and self._policy.is_endpoint(target)):
            raise ReadError(f"a {ask.method} request is redirected to {target.host}; refused")

    @contextmanager
    def _sent(self, ask: Ask, url: httpx.URL, deadline: Deadline) -> Iterator[Reply]:
        to_endpoint = self._policy.is_endpoint(url)
        headers = {"accept-encoding": "identity", "user-agent": self._user_agent, **ask.headers}
        if to_endpoint and self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if to_endpoint and self._credentials is not None:
            headers |= self._credentials()
        if origin_of(url) == origin_of(httpx.URL(ask.url)):
            headers |= ask.own_headers
        _check_sendable(headers, url.host)
        self.traffic.count_request(to_endpoint=to_endpoint)
        with self._lane().send(
            ask.method,
            url,
            headers=headers,
            content=ask.content,
            deadline=deadline,
            check_peer=lambda address: self._policy.check_peer(url, address),
        ) as response:
            yield Reply(response, self.traffic, from_endpoint=to_endpoint)

    def _lane(self) -> Lane:
        lane: Lane | None = getattr(self._local, "lane", None)
        if lane is None:
            lane = Lane(self._settings, self._tls)
            self._local.lane = lane
            with self._lock:
                self._lanes.append(lane)
        return lane

    def close(self) -> None:
        """Close every connection. Call it when no thread reads any more."""
        with self._lock:
            for lane in self._lanes:
                lane.close()
            self._lanes.clear()


def _check_sendable(headers: Mapping[str, str], host: str) -> None:
    """Refuse headers that can't be sent, in words of ours: those of the library quote a token.

    Raises:
        ReadError: one of them holds what none may.
    """
    for name, value in headers.items():
        if _HEADER_VALUE.fullmatch(value):
            continue
        if name.lower() in _SECRET_HEADERS:
            raise ReadError(
                f"the token for {host} can't be sent: it begins or ends with a space, or holds a line "
                "break or a character beyond ASCII; set it again without that"
            )
        raise ReadError(f"{host} named something that can't be asked for: no header {name} can hold it")
