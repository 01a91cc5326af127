"""Debian's docker-registry on loopback, with or without a password, and pushes by ORAS and by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.programs import free_port, program, running

USERNAME, PASSWORD = "reader", "weighbridge-test"
_HTPASSWD = "reader:$2b$05$abcdefghijklmnopqrstuuPXC4m2j7JmuxzjUWSX.b1WDPlDKnYY2"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A blob to be, and what the manifest says of it."""

    content: bytes
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, object]:
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
            **self.more,
        }


EMPTY_CONFIG = Layer(content=b"{}", media_type=EMPTY)


def manifest_of(
    layers: Sequence[Layer], *, config: Layer = EMPTY_CONFIG, media_type: str = MANIFEST, **more: object
) -> bytes:
    """Write a manifest as clients do."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.descriptor,
        "layers": [layer.descriptor for layer in layers],
        **more,
    }
    return json.dumps(document).encode()


def index_of(manifests: Sequence[Mapping[str, object]]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    host: str
    is_closed: bool = False

    def push(self, name: str, tag: str, layers: Sequence[Layer], *, config: Layer = EMPTY_CONFIG) -> str:
        """Push blobs and their manifest; return its digest."""
        for blob in (config, *layers):
            self.put_blob(name, blob.content)
        return self.put_manifest(name, tag, manifest_of(layers, config=config))

    def put_blob(self, name: str, content: bytes) -> None:
        started = self._send("POST", f"/v2/{name}/blobs/uploads/", b"")
        mark = "&" if "?" in started else "?"
        self._send("PUT", f"{started}{mark}digest={digest_of(content)}", content)

    def put_manifest(self, name: str, tag: str, content: bytes, media_type: str = MANIFEST) -> str:
        self._send("PUT", f"/v2/{name}/manifests/{tag}", content, media_type)
        return digest_of(content)

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(f"http://{self.host}{path}", headers=self._headers())
        request.add_header("accept", f"{MANIFEST}, {INDEX}")
        with urllib.request.urlopen(request) as response:
            return bytes(response.read())

    def _send(
        self, method: str, path: str, content: bytes, media_type: str = "application/octet-stream"
    ) -> str:
        url = path if path.startswith("http") else f"http://{self.host}{path}"
        headers = {"content-type": media_type, **self._headers()}
        request = urllib.request.Request(url, data=content, method=method, headers=headers)
        with urllib.request.urlopen(request) as response:
            return str(response.headers.get("location", ""))

    def _headers(self) -> dict[str, str]:
        if not self.is_closed:
            return {}
        pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        return {"authorization": f"Basic {pair}"}


@contextmanager
def running_registry(folder: Path, *, is_closed: bool = False) -> Iterator[Registry]:
    """Run a registry whose data is in `folder`; a closed one asks for USERNAME and PASSWORD."""
    port = free_port()
    auth = ""
    if is_closed:
        (folder / "htpasswd").write_text(f"{_HTPASSWD}\n", encoding="ascii")
        auth = f"auth: {{htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}}}\n"
    (folder / "registry.yml").write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n{auth}",
        encoding="utf-8",
    )
    command = [program("docker-registry"), "serve", str(folder / "registry.yml")]
    with running(command, port=port, folder=folder):
        yield Registry(f"127.0.0.1:{port}", is_closed)
