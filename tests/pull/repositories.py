"""What the tests pull: repositories on the loopback hub whose digests are true, clean and dirty."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Mapping
from pathlib import Path

from tests.hub.repository import HubFile, HubRepository
from tests.hub.server import Hub

PAYLOAD = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."
CONFIG = b'{"model_type": "bert"}'


class TrueFile(HubFile):
    """A file whose stated sha256 is the one of its bytes, or another if a test says so."""

    __slots__ = ()

    @property
    def oid(self) -> str:
        lie = self.disk.with_name(f"{self.disk.name}.lie")
        if lie.exists():
            return lie.read_text()
        return hashlib.sha256(self.disk.read_bytes()).hexdigest()


class MovedRepository(HubRepository):
    """The same repository after another commit."""

    __slots__ = ()

    @property
    def commit(self) -> str:
        return hashlib.sha1(f"moved/{self.repo_id}".encode()).hexdigest()


def safetensors(size_bytes: int, seed: int = 0) -> bytes:
    """A valid file of one tensor with random bytes."""
    header = {"w": {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + random.Random(seed).randbytes(size_bytes)


def publish(hub: Hub, folder: Path, repo_id: str, files: Mapping[str, bytes]) -> HubRepository:
    """Put a repository with these contents on the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    on_disk: dict[str, HubFile] = {}
    for number, (name, content) in enumerate(files.items()):
        disk = folder / f"{repo_id.replace('/', '--')}-{number}"
        disk.write_bytes(content)
        on_disk[name] = TrueFile(disk=disk)
    return hub.add(repo_id, on_disk)


def publish_again(hub: Hub, folder: Path, repo_id: str, files: Mapping[str, bytes]) -> HubRepository:
    """Put other contents there, as another commit."""
    old = publish(hub, folder / "again", repo_id, files)
    moved = MovedRepository(kind=old.kind, repo_id=repo_id, files=old.files)
    hub.repositories[f"models/{repo_id}"] = moved
    return moved


def clean(weights_bytes: int = 600_000) -> dict[str, bytes]:
    """The files of a model that passes."""
    return {
        "config.json": CONFIG,
        "model.safetensors": safetensors(weights_bytes),
        "tokenizer/vocab.txt": b"a\nb\n",
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of all files below a folder, the lock left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in found
        if path.name != "weighbridge.lock"
    }
