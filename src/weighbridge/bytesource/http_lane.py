"""One thread's HTTP connections, with a deadline that holds even against a server that drips.

httpx bounds the silence between two packets, not the whole exchange. So each thread has its own
client (which also keeps httpx's pool out of contention), knows the sockets beneath it through
the documented `trace` extension, and shuts them down when the deadline of its exchange passes.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy

import httpx

from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import ReadError

_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete")
PeerCheck = Callable[[str], None]
"""Gets the address of a new connection before anything is sent; raises ReadError to refuse."""


class Deadline:
    """The moment at which an exchange ends, its redirects included."""

    def __init__(self, allowed_s: float) -> None:
        self.allowed_s = allowed_s
        self._at = time.monotonic() + allowed_s

    @property
    def left_s(self) -> float:
        return max(0.0, self._at - time.monotonic())


class Lane:
    """Connections that only one thread uses.

    Raises:
        ReadError: the environment names a proxy that can't be used.
    """

    def __init__(self, settings: HttpSettings, tls: ssl.SSLContext) -> None:
        try:
            self._client = httpx.Client(
                timeout=settings.inactivity_s,
                follow_redirects=False,
                verify=tls,
                limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # Its text may hold the proxy's password.
            raise ReadError(
                "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names can't be used: "
                "write it as http://host:port (SOCKS needs the package socksio)"
            ) from error
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._sockets: list[socket.socket] = []

    @contextmanager
    def send(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        deadline: Deadline,
        check_peer: PeerCheck,
    ) -> Iterator[httpx.Response]:
        """Send a request and give the response with its body unread.

        Raises:
            ReadError: the peer is refused, the deadline passed, or the host has no name.
            httpx.TransportError: anything else went wrong beneath HTTP.
        """
        expired = threading.Event()
        timer = threading.Timer(deadline.left_s, self._cut, (expired,))
        timer.daemon = True
        timer.start()
        trace = _Trace(url.raw_host.decode("ascii"), self._sockets, check_peer, expired)
        try:
            request = self._client.build_request(
                method, url, headers=dict(headers), content=content, extensions={"trace": trace}
            )
            try:
                response = self._client.send(request, stream=True)
            except UnicodeError as error:
                # The resolver's word for labels that are empty or too long: `a..example`.
                raise ReadError(f"{url.host[:200]!r} can't be the name of a host") from error
            try:
                yield response
            finally:
                response.close()
        except (httpx.TransportError, httpx.StreamError) as error:
            if expired.is_set():
                raise _too_slow(url.host, deadline) from None
            if (final := _final(error, url.host)) is not None:
                raise final from error
            raise
        finally:
            timer.cancel()

    def _cut(self, expired: threading.Event) -> None:
        expired.set()
        for connection in tuple(self._sockets):
            _shut(connection)

    def close(self) -> None:
        self._client.close()


def _final(error: Exception, host: str) -> ReadError | None:
    """Return the error for a failure that another try can't mend."""
    if isinstance(error, httpx.ProxyError) and str(error).startswith("4"):
        return ReadError(f"the proxy refuses to connect to {host}: {error}")
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    return ReadError(
        f"the certificate of {host} is not believed ({cause.verify_message}); if your organisation "
        "issues its own, name its certificates with --ca-bundle or SSL_CERT_FILE"
    )


def _too_slow(host: str, deadline: Deadline) -> ReadError:
    return ReadError(f"{host} took longer than {deadline.allowed_s:,.1f} s to answer")


class _Trace:
    """Collects the sockets of new connections and has each address checked."""

    def __init__(
        self,
        host: str,
        sockets: list[socket.socket],
        check_peer: PeerCheck,
        expired: threading.Event,
    ) -> None:
        self._host = host
        self._sockets = sockets
        self._check_peer = check_peer
        self._expired = expired
        self._is_direct = False

    def __call__(self, event: str, info: Mapping[str, object]) -> None:
        if event == "connection.connect_tcp.started":
            # Another host here is the user's own proxy: it resolves the name and sets the rules.
            self._is_direct = info.get("host") == self._host
        elif event in _CONNECTED:
            stream = info.get("return_value")
            connection = getattr(stream, "get_extra_info", lambda _: None)("socket")
            if isinstance(connection, socket.socket):
                self._connected(connection)

    def _connected(self, connection: socket.socket) -> None:
        self._sockets[:] = [known for known in self._sockets if known.fileno() >= 0]
        self._sockets.append(connection)
        if self._expired.is_set():
            # The timer has fired while there was no socket to cut.
            _shut(connection)
        if not self._is_direct:
            return
        try:
            self._check_peer(str(connection.getpeername()[0]))
        except ReadError:
            connection.close()
            raise


def _shut(connection: socket.socket) -> None:
    # The plain method even for TLS: it wakes the thread that reads, and frees nothing under it.
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
