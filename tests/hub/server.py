"""A hub on loopback: the API and small files on one address, large files on another.

It speaks what clients see of the Hugging Face hub: info, tree with pages, paths-info, resolve
(307 for small files, 302 to signed storage for large ones, 308 for renamed repositories), gates,
rate limits. Each request is recorded before it is answered.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.hub.repository import HubFile, HubRepository

_API = re.compile(
    r"/api/(models|datasets|spaces)/((?:[^/]+/)?[^/]+?)"
    r"(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?"
)
_RESOLVE = re.compile(r"/(?:(datasets|spaces)/)?((?:[^/]+/)?[^/]+)/resolve/([^/]+)/(.+)")
_CACHED = re.compile(r"/api/resolve-cache/(models|datasets|spaces)/(.+?)/([0-9a-f]{40})/(.+)")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
Headers = Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Recorded:
    """One request as it came in, and the body bytes that went out."""

    method: str
    host: str
    path: str
    range: str | None
    authorization: str | None
    user_agent: str
    status: int = 0
    sent_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Fault:
    """An answer given `times` times instead of the right one, to requests whose path matches."""

    path: str
    times: int
    status: int
    headers: Headers = field(default_factory=dict)


@dataclass(slots=True)
class Hub:
    """The state that both servers share. Tests change it while the servers run."""

    token: str = "hf_weighbridge_test"
    page_size: int = 1000
    foreign_links: bool = False
    repositories: dict[str, HubRepository] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Recorded] = field(default_factory=list)
    endpoint: str = ""
    storage: str = ""
    signature: int = 0
    latency_s: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repo_id: str, files: Mapping[str, HubFile], *, kind: str = "models") -> HubRepository:
        repository = HubRepository(kind=kind, repo_id=repo_id, files=dict(files))
        self.repositories[f"{kind}/{repo_id}"] = repository
        return repository

    def fail(self, path: str, status: int, *, times: int = 1, headers: Headers | None = None) -> None:
        """Answer the next requests whose path matches the expression with this status."""
        self.faults.append(Fault(path=path, times=times, status=status, headers=headers or {}))

    def expire_signatures(self) -> None:
        """Make every location that was given out so far answer 403."""
        self.signature += 1

    def seen(self, path: str) -> list[Recorded]:
        """Return the requests whose path matches the expression."""
        return [request for request in self.requests if re.search(path, request.path)]

    def by_host(self, url: str) -> list[Recorded]:
        host = urlsplit(url).netloc
        return [request for request in self.requests if request.host == host]

    @property
    def sent_bytes(self) -> int:
        return sum(request.sent_bytes for request in self.requests)

    def file_by_oid(self, oid: str) -> HubFile | None:
        files = (file for repository in self.repositories.values() for file in repository.files.values())
        return next((file for file in files if file.oid == oid), None)


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[Hub]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._record()
        with self.hub.lock:
            self.hub.at_once += 1
            self.hub.most_at_once = max(self.hub.most_at_once, self.hub.at_once)
        try:
            time.sleep(self.hub.latency_s)
            if not self._answered_by_fault():
                self._route()
        finally:
            with self.hub.lock:
                self.hub.at_once -= 1

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def _route(self) -> None:
        raise NotImplementedError

    def _record(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.posted = self.rfile.read(length)
        self.url = urlsplit(self.path)
        self.recorded = Recorded(
            method=self.command,
            host=self.headers.get("host", ""),
            path=self.path,
            range=self.headers.get("range"),
            authorization=self.headers.get("authorization"),
            user_agent=self.headers.get("user-agent", ""),
        )
        with self.hub.lock:
            self.hub.requests.append(self.recorded)

    def _answered_by_fault(self) -> bool:
        with self.hub.lock:
            fault = next(
                (f for f in self.hub.faults if f.times > 0 and re.search(f.path, self.path)), None
            )
            if fault is None:
                return False
            fault.times -= 1
        self._send(fault.status, fault.headers)
        return True

    def _send(self, status: int, headers: Headers | None = None, body: bytes = b"") -> None:
        self.recorded.status = status
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.recorded.sent_bytes += len(body)

    def _send_json(self, value: object, headers: Headers | None = None) -> None:
        body = json.dumps(value).encode()
        self._send(200, {"content-type": "application/json", **(headers or {})}, body)

    def _send_error(self, status: int, code: str) -> None:
        self._send(status, {"x-error-code": code, "x-error-message": code})

    def _send_file(self, file: HubFile, more: Headers | None = None) -> None:
        size = file.size
        start, stop = self._asked_range(file, size)
        if start >= size:
            self._send(416, {"content-range": f"bytes */{size}"})
            return
        if stop - start < file.strict_from_bytes:
            self._send(403, {"x-reason": "invalid range"})
            return
        headers = {"content-length": str(stop - start), "accept-ranges": "bytes", **(more or {})}
        is_part = self.recorded.range is not None and not file.storage_ignores_range
        if is_part:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        self.recorded.status = 206 if is_part else 200
        self.send_response(self.recorded.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._stream(file, start, stop)

    def _asked_range(self, file: HubFile, size: int) -> tuple[int, int]:
        asked = _RANGE.fullmatch(self.recorded.range or "")
        if asked is None or file.storage_ignores_range:
            return 0, size
        return int(asked[1]), min(int(asked[2]) + 1, size)

    def _stream(self, file: HubFile, start: int, stop: int) -> None:
        with file.disk.open("rb") as stream:
            stream.seek(start)
            while start < stop:
                if file.cuts > 0 and file.cut_after_bytes is not None:
                    stop = min(stop, start + file.cut_after_bytes)
                    file.cuts -= 1
                    self.close_connection = True
                chunk = stream.read(1 if file.drip_s else min(65536, stop - start))
                try:
                    self.wfile.write(chunk)
                except OSError:
                    return
                start += len(chunk)
                self.recorded.sent_bytes += len(chunk)
                time.sleep(file.drip_s)


class _HubHandler(_Handler):
    """The hub itself."""

    def _route(self) -> None:
        path = unquote(self.url.path)
        if cached := _CACHED.fullmatch(path):
            self._cached(f"{cached[1]}/{cached[2]}", cached[4])
        elif api := _API.fullmatch(self.url.path):
            self._api(api)
        elif resolve := _RESOLVE.fullmatch(self.url.path):
            self._resolve(resolve)
        else:
            self._send(404)

    def _repository(self, kind: str, repo_id: str, *, for_bytes: bool) -> HubRepository | None:
        key = f"{kind}/{repo_id}"
        if key in self.hub.renames:
            new = self.hub.renames[key]
            self._send(308, {"location": self.path.replace(repo_id, new, 1)})
            return None
        repository = self.hub.repositories.get(key)
        has_token = self.recorded.authorization == f"Bearer {self.hub.token}"
        if repository is None or (repository.is_private and not has_token):
            self._send_error(404 if self.recorded.authorization else 401, "RepoNotFound")
            return None
        if repository.gated and not has_token and (for_bytes or repository.gates_api):
            self._send_error(403 if self.recorded.authorization else 401, "GatedRepo")
            return None
        return repository

    def _api(self, match: re.Match[str]) -> None:
        kind, repo_id, view, revision, below = match.groups()
        repository = self._repository(kind, repo_id, for_bytes=False)
        if repository is None:
            return
        if revision is not None and not repository.has_revision(unquote(revision)):
            self._send_error(404, "RevisionNotFound")
        elif view == "tree":
            self._tree(repository, unquote(below or ""))
        elif view == "paths-info":
            self._paths_info(repository)
        else:
            self._send_json(repository.info())

    def _tree(self, repository: HubRepository, below: str) -> None:
        query = {name: values[0] for name, values in parse_qs(self.url.query).items()}
        prefix = f"{below}/" if below else ""
        paths = [path for path in sorted(repository.files) if path.startswith(prefix)]
        if below and not paths:
            self._send_error(404, "EntryNotFound")
            return
        start = int(query.get("cursor", "0"))
        stop = start + self.hub.page_size
        rows = [repository.row(p, expand=query.get("expand") == "true") for p in paths[start:stop]]
        headers = {}
        if stop < len(paths):
            host = "https://hub.example.invalid" if self.hub.foreign_links else self.hub.endpoint
            query["cursor"] = str(stop)
            following = "&".join(f"{name}={quote(value)}" for name, value in query.items())
            headers["link"] = f'<{host}{self.url.path}?{following}>; rel="next"'
        self._send_json(rows, headers)

    def _paths_info(self, repository: HubRepository) -> None:
        form = parse_qs(self.posted.decode())
        expand = form.get("expand", ["false"])[0].lower() == "true"
        rows: list[object] = []
        for path in form.get("paths", []):
            if path in repository.files:
                rows.append(repository.row(path, expand=expand))
            elif any(name.startswith(f"{path}/") for name in repository.files):
                rows.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": path})
        self._send_json(rows)

    def _resolve(self, match: re.Match[str]) -> None:
        kind, repo_id, revision, path = match[1] or "models", match[2], match[3], unquote(match[4])
        repository = self._repository(kind, repo_id, for_bytes=True)
        if repository is None:
            return
        file = repository.files.get(path)
        if not repository.has_revision(unquote(revision)):
            self._send_error(404, "RevisionNotFound")
        elif file is None:
            self._send_error(404, "EntryNotFound")
        else:
            self._redirect(repository, file, path)

    def _redirect(self, repository: HubRepository, file: HubFile, path: str) -> None:
        headers = {"x-repo-commit": repository.commit, "x-linked-size": str(file.size)}
        if file.redirect_to is not None:
            self._send(302, {**headers, "location": file.redirect_to})
        elif file.is_lfs:
            location = f"{self.hub.storage}/{file.oid}?Expires=3600&Signature={self.hub.signature}"
            self._send(302, {**headers, "location": location}, b"Found. Redirecting")
        else:
            location = f"/api/resolve-cache/{repository.kind}/{repository.repo_id}"
            location += f"/{repository.commit}/{quote(path)}"
            self._send(307, {**headers, "location": location}, b"Temporary Redirect")

    def _cached(self, key: str, path: str) -> None:
        repository = self.hub.repositories[key]
        file = repository.files[path]
        self._send_file(file, {"x-repo-commit": repository.commit, "etag": f'"{file.oid[:40]}"'})


class _StorageHandler(_Handler):
    """The storage behind the hub: signed locations on another host."""

    def _route(self) -> None:
        file = self.hub.file_by_oid(self.url.path.strip("/"))
        signature = parse_qs(self.url.query).get("Signature", [""])[0]
        if file is None or signature != str(self.hub.signature):
            self._send(403)
        else:
            self._send_file(file)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub on 127.0.0.1 and its storage on 127.0.0.2."""
    hub = Hub()
    with (
        _serving("127.0.0.1", _HubHandler, hub) as endpoint,
        _serving("127.0.0.2", _StorageHandler, hub) as storage,
    ):
        hub.endpoint, hub.storage = endpoint, storage
        yield hub


@contextmanager
def _serving(address: str, handler: type[_Handler], hub: Hub) -> Iterator[str]:
    bound: Callable[..., BaseHTTPRequestHandler] = type("Bound", (handler,), {"hub": hub})
    server = ThreadingHTTPServer((address, 0), bound)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
