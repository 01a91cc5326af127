"""A registry that misbehaves on request, its storage and a token service on another address."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.servers.docker_registry import MANIFEST, Layer, digest_of, manifest_of

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came in."""

    host: str
    method: str
    path: str
    authorization: str | None


@dataclass(kw_only=True)
class Stub:
    """What the servers answer. Tests change it while they run.

    Attributes:
        documents: by tag or digest.
        realm: where the registry sends for tokens; `{elsewhere}` and `{here}` are replaced.
        challenge: the whole header, instead of one with `realm`.
        uses: requests that a token is good for.
    """

    documents: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    realm: str | None = None
    challenge: str | None = None
    uses: int = 1_000_000
    needs_login: bool = False
    stores_elsewhere: bool = False
    storage_asks_for_login: bool = False
    ignores_range: bool = False
    loops: bool = False
    takes_pushes: bool = False
    knows_subjects: bool = False
    uploads_elsewhere: bool = False
    drip_s: float = 0.0
    cut_after_bytes: int | None = None
    seen: list[Seen] = field(default_factory=list)
    here: str = ""
    elsewhere: str = ""
    tokens: int = 0
    used: int = 0

    @property
    def host(self) -> str:
        return self.here.removeprefix("http://")

    def put(self, tag: str, layers: list[Layer]) -> str:
        manifest = manifest_of(layers)
        self.documents[tag] = self.documents[digest_of(manifest)] = manifest
        self.blobs |= {layer.digest: layer.content for layer in layers}
        return digest_of(manifest)

    def to(self, base: str) -> list[Seen]:
        """Requests that one of the addresses got."""
        return [one for one in self.seen if one.host == base.removeprefix("http://")]


class _Handler(BaseHTTPRequestHandler):
    stub: ClassVar[Stub]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._record()
        self.asked, host = self.headers.get("authorization"), self.headers.get("host", "")
        if self.path.startswith("/token"):
            self._token()
        elif host in self.stub.elsewhere:
            self._stored()
        elif not self._is_let_in():
            self._challenge()
        else:
            self._route()

    def do_POST(self) -> None:
        self._record()
        if not self.stub.takes_pushes:
            self._send(403, b'{"errors":[{"code":"DENIED"}]}')
            return
        base = self.stub.elsewhere if self.stub.uploads_elsewhere else ""
        self._send(202, b"", {"location": f"{base}/v2/uploads/1?state=x"})

    def do_PUT(self) -> None:
        content = self._record()
        if "/manifests/" in self.path:
            self.stub.documents[self.path.rsplit("/", 1)[1]] = content
        subject = {"oci-subject": "sha256:0"} if self.stub.knows_subjects else {}
        self._send(201 if self.stub.takes_pushes else 403, b"", subject)

    def _record(self) -> bytes:
        host, asked = self.headers.get("host", ""), self.headers.get("authorization")
        self.stub.seen.append(Seen(host=host, method=self.command, path=self.path, authorization=asked))
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _token(self) -> None:
        if self.stub.needs_login and self.asked is None:
            self._send(401, b"{}")
            return
        self.stub.tokens += 1
        self.stub.used = 0
        self._send(200, json.dumps({"token": f"token-{self.stub.tokens}"}).encode())

    def _is_let_in(self) -> bool:
        if self.stub.realm is None and self.stub.challenge is None:
            return True
        self.stub.used += 1
        return self.asked == f"Bearer token-{self.stub.tokens}" and self.stub.used <= self.stub.uses

    def _challenge(self) -> None:
        realm = (self.stub.realm or "").format(here=self.stub.here, elsewhere=self.stub.elsewhere)
        header = self.stub.challenge or f'Bearer realm="{realm}",service="stub",scope="hostile"'
        self._send(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', {"www-authenticate": header})

    def _route(self) -> None:
        _, _, kind, name = self.path.rsplit("/", 3)
        if kind == "manifests" and name in self.stub.documents:
            body = self.stub.documents[name]
            self._send(200, body, {"content-type": MANIFEST, **self.stub.headers})
        elif kind == "blobs" and self.stub.loops:
            self._send(307, b"", {"location": self.path})
        elif kind == "blobs" and self.stub.stores_elsewhere:
            self._send(307, b"", {"location": f"{self.stub.elsewhere}{self.path}?signature=1"})
        elif kind == "blobs" and name in self.stub.blobs:
            self._blob(self.stub.blobs[name])
        else:
            self._send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

    def _stored(self) -> None:
        digest = self.path.partition("?")[0].rsplit("/", 1)[1]
        if self.stub.storage_asks_for_login:
            header = f'Bearer realm="{self.stub.elsewhere}/token",service="thief"'
            self._send(401, b"", {"www-authenticate": header})
        else:
            self._blob(self.stub.blobs[digest])

    def _blob(self, content: bytes) -> None:
        asked = _RANGE.fullmatch(self.headers.get("range") or "")
        if asked is None or self.stub.ignores_range:
            self._send(200, content)
            return
        start, stop = int(asked[1]), min(int(asked[2]) + 1, len(content))
        headers = {"content-range": f"bytes {start}-{stop - 1}/{len(content)}"}
        self._send(206, content[start:stop], headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self._write(body, is_blob=status == 206)
        except OSError:
            self.close_connection = True

    def _write(self, body: bytes, *, is_blob: bool) -> None:
        if is_blob and self.stub.cut_after_bytes is not None:
            body, self.close_connection = body[: self.stub.cut_after_bytes], True
        if not (is_blob and self.stub.drip_s):
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(self.stub.drip_s)


@contextmanager
def running_stub() -> Iterator[Stub]:
    """Run the registry on 127.0.0.1, and its storage and token service on 127.0.0.2."""
    stub = Stub()
    with _serving("127.0.0.1", stub) as here, _serving("127.0.0.2", stub) as elsewhere:
        stub.here, stub.elsewhere = here, elsewhere
        yield stub


@contextmanager
def _serving(address: str, stub: Stub) -> Iterator[str]:
    server = ThreadingHTTPServer((address, 0), type("Bound", (_Handler,), {"stub": stub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{address}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
