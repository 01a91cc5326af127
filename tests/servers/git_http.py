"""Git over HTTP on loopback: the real `git http-backend`, behind a handler of the standard library.

    with running_git(folder) as server:
        repository = server.create("org/name.git")          # bare; push by server.url("org/name.git")
        server.password = "secret"                          # from now on, basic authentication
        server.answer = lambda seen: (503, {})              # instead of git; None to go on

The handler speaks CGI, streams the body of a request to git and the answer back, and records both.
Repositories accept filters and any object by its digest, as the large hosts do; `plain` ones do not.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from tests.servers.programs import program

Answer = tuple[int, Mapping[str, str]]
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
WHO = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


@dataclass(slots=True, kw_only=True)
class GitServer:
    """What a test changes while the server runs, and what the server saw."""

    folder: Path
    origin: str = ""
    authorization: str | None = None
    answer: Callable[[Asked], Answer | None] = lambda _: None
    requests: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0

    def url(self, name: str) -> str:
        return f"{self.origin}/{name}"

    def create(self, name: str, *, is_plain: bool = False, algorithm: str = "sha1") -> Path:
        """Make an empty bare repository that takes pushes."""
        folder = self.folder / name
        git("init", "-q", "--bare", "-b", "main", f"--object-format={algorithm}", str(folder))
        git("config", "http.receivepack", "true", at=folder)
        if not is_plain:
            git("config", "uploadpack.allowFilter", "true", at=folder)
            git("config", "uploadpack.allowAnySHA1InWant", "true", at=folder)
        return folder


def git(*arguments: str, at: Path | None = None, feed: bytes = b"") -> bytes:
    """Run git as the one who makes repositories, without the configuration of whoever runs the tests."""
    done = subprocess.run(
        [program("git"), *arguments],
        cwd=at,
        input=feed,
        env={**os.environ, **CLEAN, **WHO, "GIT_LFS_SKIP_SMUDGE": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


def commit(folder: Path, files: Mapping[str, bytes], *, message: str = "x") -> str:
    """Commit files to the folder of a working copy, which is made if need be, and return the commit."""
    if not (folder / ".git").exists():
        git("init", "-q", "-b", "main", str(folder))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    git("add", "-A", at=folder)
    git("commit", "-q", "--allow-empty", "-m", message, at=folder)
    return git("rev-parse", "HEAD", at=folder).decode().strip()


def commit_tree(repository: Path, rows: Sequence[tuple[str, str, bytes]], *, ref: str = "main") -> str:
    """Commit a tree that no working copy could hold: (mode, name, content)."""
    listing = b""
    for mode, name, content in rows:
        kind = "commit" if mode == "160000" else "blob"
        made = (
            content
            if kind == "commit"
            else git("hash-object", "-w", "--stdin", at=repository, feed=content)
        )
        listing += f"{mode} {kind} {made.decode().strip()}\t".encode() + os.fsencode(name) + b"\0"
    tree = git("mktree", "-z", "--missing", at=repository, feed=listing).decode().strip()
    head = git("commit-tree", "-m", "x", tree, at=repository).decode().strip()
    git("update-ref", f"refs/heads/{ref}", head, at=repository)
    return head


class _Handler(BaseHTTPRequestHandler):
    server_state: ClassVar[GitServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(method=self.command, path=self.path, headers=headers, body=body)
        state = self.server_state
        state.requests.append(asked)
        instead = state.answer(asked)
        if instead is not None:
            self._send(instead[0], instead[1], b"")
        elif state.authorization is not None and asked.authorization != state.authorization:
            self._send(401, {"www-authenticate": 'Basic realm="git"'}, b"")
        else:
            self._send(*_backend(state.folder, asked))

    do_POST = do_GET  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.server_state.sent_bytes += len(body)


def _backend(folder: Path, asked: Asked) -> tuple[int, Mapping[str, str], bytes]:
    """Run git's own CGI program."""
    parts = urlsplit(asked.path)
    variables = {
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": asked.method,
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": asked.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(asked.body)),
        "HTTP_CONTENT_ENCODING": asked.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
        "REMOTE_USER": "tester",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(
        [program("git"), "http-backend"],
        input=asked.body,
        env={**os.environ, **CLEAN, **variables},
        capture_output=True,
        check=False,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    headers = {name.lower(): value for name, _, value in lines if name}
    return int(headers.pop("status", "200").split()[0]), headers, body


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is one of the cases."""


@contextmanager
def running_git(
    folder: Path, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[GitServer]:
    """Serve the repositories below a folder until the block ends; with `tls`, over HTTPS."""
    state = GitServer(folder=folder)
    handler: type[BaseHTTPRequestHandler] = type("Bound", (_Handler,), {"server_state": state})
    server = _Server((address, 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.origin = f"{'https' if tls else 'http'}://{address}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
