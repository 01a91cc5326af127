"""A server on loopback that gives out files, and breaks in the ways that real servers break.

    with running_faulty({"/model.pkl": content, "/big.pt": Path("big.pt")}) as server:
        server.fault("/model", Truncated(after_bytes=10))                  # every request
        server.fault("/big", Status(429, {"retry-after": "1"}), times=2)   # the next two
        ... read server.url("/model.pkl") ...
        assert [seen.status for seen in server.requests] == [...]

A fault is chosen by a regular expression that is searched in the path with its query; the first
that matches and is not used up acts, the others wait. What has no fault is answered as a good
server does: `Range`, 206, 416, `ETag`, HEAD, keep-alive. Faults:

    Status(status, headers, body)    any answer: 401, 403, 404, 429 with Retry-After or RateLimit, 5xx
    Truncated(after_bytes)           announces the whole body, sends a part of it, hangs up
    IgnoresRange()                   200 and the whole file, whatever range was asked for
    WrongRange(shift)                206 with a Content-Range (and bytes) that lie elsewhere
    UnstatedRange()                  206 without Content-Range
    RedirectLoop()                   302 to itself, for ever
    RedirectTo(location, status)     to any URL: another server's `url(...)`, METADATA
    DrippingBody(pause_s)            slow-loris: a byte, a pause, a byte
    DrippingHeaders(pause_s)         the same before the body
    Reset()                          a TCP reset instead of an answer
    Compressed()                     the body as gzip, and says so
    Endless()                        a body of zeros without a length and without an end

For a protocol and not just files, give a function `Seen -> Answer | None` (None: 404); it may
answer with `FileAnswer(content)`, whose ranges are served, or with any `Status`. Two servers
have two origins: `running_faulty(files, address="127.0.0.2")` is also another host. With `tls`, an
`ssl.SSLContext` of a server, it speaks HTTPS.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_CHUNK_BYTES = 64 * 1024
Content: TypeAlias = "bytes | Path"


@dataclass(frozen=True, slots=True)
class Status:
    """An answer as it stands."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file, of which ranges can be had."""

    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Truncated:
    """Hangs up in the middle of a body."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class IgnoresRange:
    """Gives the whole file, whatever was asked for."""


@dataclass(frozen=True, slots=True)
class WrongRange:
    """Gives, and states, a range that lies `shift` bytes from the one that was asked for."""

    shift: int = 1


@dataclass(frozen=True, slots=True)
class UnstatedRange:
    """Gives a part without saying which."""


@dataclass(frozen=True, slots=True)
class RedirectLoop:
    """Redirects to itself."""


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Redirects to where the test says."""

    location: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class DrippingBody:
    """Sends the body byte by byte."""

    pause_s: float = 0.05


@dataclass(frozen=True, slots=True)
class DrippingHeaders:
    """Sends one header line after another, for ever."""

    pause_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Reset:
    """Breaks the connection."""


@dataclass(frozen=True, slots=True)
class Compressed:
    """Sends the body as gzip although nobody accepts that."""


@dataclass(frozen=True, slots=True)
class Endless:
    """Sends zeros until the client goes away."""


Fault: TypeAlias = (
    "Status | Truncated | IgnoresRange | WrongRange | UnstatedRange | RedirectLoop | RedirectTo"
    " | DrippingBody | DrippingHeaders | Reset | Compressed | Endless"
)


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as it came in, and what went out.

    Attributes:
        path: with its query, as it was sent.
        headers: names in lower case.
        sent_bytes: of the body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    sent_bytes: int = 0

    @property
    def route(self) -> str:
        """The path without its query, decoded."""
        return unquote(urlsplit(self.path).path)

    @property
    def query(self) -> Mapping[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def range(self) -> str | None:
        return self.headers.get("range")

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


Answer: TypeAlias = "Status | FileAnswer"
Answering: TypeAlias = Callable[[Seen], "Answer | None"]


def json_answer(value: object, headers: Mapping[str, str] | None = None) -> Status:
    """Answer with JSON."""
    return Status(
        200, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode()
    )


@dataclass(slots=True)
class _Planned:
    pattern: str
    fault: Fault
    left: int | None


@dataclass(slots=True, kw_only=True)
class FaultyServer:
    """What a test changes while the server runs, and what the server saw."""

    answering: Answering
    origin: str = ""
    requests: list[Seen] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _planned: list[_Planned] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def fault(self, pattern: str, fault: Fault, *, times: int | None = None) -> None:
        """Break the requests that match; with `times`, only so many of them."""
        with self.lock:
            self._planned.append(_Planned(pattern, fault, times))

    def heal(self) -> None:
        """Forget all faults."""
        with self.lock:
            self._planned.clear()

    def seen(self, pattern: str) -> list[Seen]:
        """Return the requests whose path and query match the expression."""
        return [request for request in self.requests if re.search(pattern, request.path)]

    @property
    def sent_bytes(self) -> int:
        return sum(request.sent_bytes for request in self.requests)

    def next_fault(self, path: str) -> Fault | None:
        """Use up and return the fault of a request."""
        with self.lock:
            for planned in self._planned:
                if planned.left != 0 and re.search(planned.pattern, path):
                    planned.left = planned.left - 1 if planned.left is not None else None
                    return planned.fault
        return None


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[FaultyServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.recorded = Seen(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        with self.state.lock:
            self.state.requests.append(self.recorded)
        with suppress(OSError):
            self._respond(self.state.next_fault(self.path))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _respond(self, fault: Fault | None) -> None:
        match fault:
            case Status():
                self._send(fault.status, fault.headers, fault.body)
            case RedirectLoop():
                self._send(302, {"location": self.path})
            case RedirectTo():
                self._send(fault.status, {"location": fault.location})
            case DrippingHeaders():
                self._drip_headers(fault.pause_s)
            case Reset():
                self._reset()
            case Endless():
                self._endless()
            case _:
                self._answer(fault)

    def _answer(self, fault: Fault | None) -> None:
        answer = self.state.answering(self.recorded)
        match answer:
            case None:
                self._send(404)
            case Status():
                self._body(answer.status, dict(answer.headers), answer.body, fault)
            case FileAnswer():
                self._file(answer, fault)

    def _file(self, file: FileAnswer, fault: Fault | None) -> None:
        etag = f'"{hashlib.sha256(repr((file.size, self.recorded.route)).encode()).hexdigest()[:16]}"'
        headers = {"accept-ranges": "bytes", "etag": etag, **file.headers}
        asked = _RANGE.fullmatch(self.recorded.range or "")
        if asked is None or isinstance(fault, IgnoresRange):
            self._body(200, headers, _part(file.content, 0, file.size), fault)
            return
        start = int(asked[1]) + (fault.shift if isinstance(fault, WrongRange) else 0)
        stop = min(int(asked[2]) + 1 if asked[2] else file.size, file.size)
        if start >= file.size:
            self._send(416, {"content-range": f"bytes */{file.size}"})
            return
        if not isinstance(fault, UnstatedRange):
            headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
        self._body(206, headers, _part(file.content, start, stop), fault)

    def _body(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Compressed):
            body = gzip.compress(body)
            headers["content-encoding"] = "gzip"
        match fault:
            case Truncated():
                self._start(status, {**headers, "content-length": str(len(body))})
                self._write(body[: fault.after_bytes])
                self.close_connection = True
            case DrippingBody():
                self._start(status, {**headers, "content-length": str(len(body))})
                self._drip(body, fault.pause_s)
            case _:
                self._send(status, headers, body)

    def _send(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self._start(status, {"content-length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self._write(body)

    def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.recorded.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, body: bytes) -> None:
        for start in range(0, len(body), _CHUNK_BYTES):
            chunk = body[start : start + _CHUNK_BYTES]
            self.wfile.write(chunk)
            self.recorded.sent_bytes += len(chunk)

    def _drip(self, body: bytes, pause_s: float) -> None:
        for byte in body:
            self._write(bytes((byte,)))
            if self.state.stopped.wait(pause_s):
                return

    def _drip_headers(self, pause_s: float) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.state.stopped.wait(pause_s):
            self.wfile.write(b"x-slow: 1\r\n")

    def _reset(self) -> None:
        self.close_connection = True
        # SO_LINGER of zero seconds makes the close a reset. The plain method: TLS says goodbye first.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self.connection)

    def _endless(self) -> None:
        self.close_connection = True
        self._start(200, {"connection": "close"})
        while not self.state.stopped.is_set():
            self._write(bytes(_CHUNK_BYTES))


def _part(content: Content, start: int, stop: int) -> bytes:
    if isinstance(content, bytes):
        return content[start:stop]
    with content.open("rb") as stream:
        stream.seek(start)
        return stream.read(stop - start)


def files(contents: Mapping[str, Content]) -> Answering:
    """Answer with files by their path (`/name`, decoded). The mapping may change later."""

    def answer(seen: Seen) -> Answer | None:
        content = contents.get(seen.route)
        return FileAnswer(content) if content is not None else None

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: broken connections are what this server is for."""

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with suppress(OSError):
            super().shutdown_request(request)


@contextmanager
def running_faulty(
    contents: Mapping[str, Content] | Answering,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[FaultyServer]:
    """Run a server until the block ends. `server.origin` is its `http://address:port`."""
    answering = contents if callable(contents) else files(contents)
    state = FaultyServer(answering=answering)
    handler: type[BaseHTTPRequestHandler] = type("Bound", (_Handler,), {"state": state})
    server = _Server((address, 0), handler)
    if tls is not None:
        # The handshake belongs to the thread of the connection, not to the one that accepts.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if tls is None else "https"
    host = f"[{address}]" if ":" in address else address
    state.origin = f"{scheme}://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
