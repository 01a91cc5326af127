"""A server that speaks MLflow's REST and does what a real one does not: lies, breaks off, drips.

It knows one model, `m`, with one version, `1`. Each request is recorded before it is answered.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_T = TypeVar("_T")
_SIGNED = "/api/2.0/mlflow-artifacts/presigned"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(slots=True)
class Stub:
    """What the server knows, and its faults. Tests change it while it runs."""

    url: str = ""
    source: str = "mlflow-artifacts:/store/m"
    files: dict[str, bytes] = field(default_factory=dict)
    """Path below the root of the artifacts -> content."""
    listings: dict[str, object] = field(default_factory=dict)
    """Folder -> the answer about it, in place of the true one."""
    runs: dict[str, str] = field(default_factory=dict)
    """Id -> artifact URI."""
    authorization: str | None = None
    """The header that is demanded."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Expression for the path and query -> the status that is answered there."""
    redirects: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    ignores_range: bool = False
    signed: str | None = None
    """The address in a store that it hands out for each file, without the file's path."""
    sends_only_bytes: int | None = None
    drip_s: float = 0.0
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path with query, and the header `Authorization` of each request."""

    def paths(self, expression: str) -> Sequence[str]:
        return [path for _, path, _ in self.seen if re.search(expression, path)]


class _Handler(BaseHTTPRequestHandler):
    stub: ClassVar[Stub]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        stub = self.stub
        stub.seen.append((self.command, self.path, self.headers.get("authorization")))
        if stub.authorization is not None and stub.authorization != self.headers.get("authorization"):
            self._send(401, b"You are not authenticated.")
        elif (status := self._matching(stub.statuses)) is not None:
            self._send(status, b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}')
        elif (location := self._matching(stub.redirects)) is not None:
            self._send(302, b"", {"location": location})
        elif (body := self._matching(stub.bodies)) is not None:
            self._send(200, body)
        else:
            self._route()

    def do_POST(self) -> None:
        self.do_GET()

    def _matching(self, table: Mapping[str, _T]) -> _T | None:
        return next((value for key, value in table.items() if re.search(key, self.path)), None)

    def _route(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path.removeprefix("/api/2.0/mlflow/"):
            case "model-versions/get" | "registered-models/alias" if self.command == "GET":
                self._json({"model_version": {"name": "m", "version": "1", "source": self.stub.source}})
            case "model-versions/get-download-uri":
                self._json({"artifact_uri": self.stub.source})
            case "runs/get":
                uri = self.stub.runs[query["run_id"]]
                self._json({"run": {"info": {"run_id": query["run_id"], "artifact_uri": uri}}})
            case "model-versions/set-tag" | "registered-models/alias":
                self._json({})
            case _ if url.path.startswith(_SIGNED) and self.stub.signed is not None:
                path = unquote(url.path).removeprefix(_SIGNED)
                self._json({"url": self.stub.signed.replace("PATH", path), "headers": {}})
            case _ if url.path == _ARTIFACTS:
                self._listing(query.get("path", "").strip("/"))
            case _ if url.path.startswith(_ARTIFACTS):
                self._file(unquote(url.path).removeprefix(_ARTIFACTS).strip("/"))
            case _:
                self._send(404, b"<!doctype html>")

    def _listing(self, folder: str) -> None:
        if folder in self.stub.listings:
            self._json(self.stub.listings[folder])
            return
        prefix = f"{folder}/" if folder else ""
        rows: dict[str, object] = {}
        for path, content in self.stub.files.items():
            if path.startswith(prefix):
                name, slash, _ = path.removeprefix(prefix).partition("/")
                row = {"path": name, "is_dir": bool(slash)}
                rows[name] = row if slash else {**row, "file_size": len(content)}
        self._json({"files": list(rows.values())} if rows else {})

    def _file(self, path: str) -> None:
        content = self.stub.files.get(path)
        if content is None:
            self._send(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such file"}')
            return
        asked = _RANGE.fullmatch(self.headers.get("range") or "")
        if asked is None or self.stub.ignores_range:
            self._send(200, content)
            return
        start, stop = int(asked[1]), min(int(asked[2]) + 1, len(content))
        self._send(
            206, content[start:stop], {"content-range": f"bytes {start}-{stop - 1}/{len(content)}"}
        )

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        is_file = self.path.startswith(f"{_ARTIFACTS}/") and status in (200, 206)
        if is_file and self.stub.sends_only_bytes is not None:
            body = body[: self.stub.sends_only_bytes]
            self.close_connection = True
        with suppress(OSError):
            if is_file and self.stub.drip_s:
                for at in range(len(body)):
                    self.wfile.write(body[at : at + 1])
                    time.sleep(self.stub.drip_s)
            else:
                self.wfile.write(body)


def self_signed(file: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that nobody vouches for; write it to `file`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlflow stub")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file.write_bytes(certificate.public_bytes(pem))
    both = file.with_suffix(".key")
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(key.private_bytes(pem, *plain) + file.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@contextmanager
def running_stub(address: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """Run the server until the block ends."""
    stub = Stub()
    server = ThreadingHTTPServer((address, 0), type("Bound", (_Handler,), {"stub": stub}))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stub.url = f"{'https' if tls else 'http'}://{address}:{server.server_address[1]}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
