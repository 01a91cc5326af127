"""What the test hub holds: repositories of files on disk, which may be sparse."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LFS_FROM_BYTES = 100_000


@dataclass(slots=True, kw_only=True)
class HubFile:
    """One file, and how its server misbehaves.

    Attributes:
        listed_bytes: the size that the listing states; None for the true one.
        storage_ignores_range: answers 200 with the whole file.
        cut_after_bytes: closes the connection after that much of a body, `cuts` times.
        drip_s: pause between single bytes of a body.
        redirect_to: where `/resolve/` leads instead of to the file.
        strict_from_bytes: storage refuses ranges shorter than this with 403.
        changed: date of the commit that changed it last.
        listed_object: what the listing says that git calls it; None for the truth.
    """

    disk: Path
    listed_bytes: int | None = None
    verdicts: Mapping[str, object] | None = None
    storage_ignores_range: bool = False
    cut_after_bytes: int | None = None
    cuts: int = 0
    drip_s: float = 0.0
    redirect_to: str | None = None
    strict_from_bytes: int = 0
    changed: str = "2026-01-01T00:00:00.000Z"
    listed_object: str | None = None

    @property
    def size(self) -> int:
        return self.disk.stat().st_size

    @property
    def is_lfs(self) -> bool:
        return self.size >= LFS_FROM_BYTES

    @property
    def oid(self) -> str:
        """A stand-in for the hash of the content, which may be sparse and huge."""
        return hashlib.sha256(str(self.disk).encode()).hexdigest()

    @property
    def git_object(self) -> str:
        """What git calls a small file: a hash of its content; a stand-in for large ones."""
        if self.listed_object is not None:
            return self.listed_object
        if self.is_lfs:
            return self.oid[:40]
        content = self.disk.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(slots=True, kw_only=True)
class HubRepository:
    """One repository with one commit, that `main` and each of `branches` name.

    Attributes:
        facts: what else the API says of it, in its own words (`createdAt`, `cardData`).
    """

    kind: str
    repo_id: str
    files: dict[str, HubFile] = field(default_factory=dict)
    branches: tuple[str, ...] = ("main",)
    gated: str | bool = False
    is_private: bool = False
    gates_api: bool = False
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        return hashlib.sha1(f"{self.kind}/{self.repo_id}".encode()).hexdigest()

    def has_revision(self, revision: str) -> bool:
        return revision == self.commit or revision in self.branches

    def row(self, path: str, *, expand: bool) -> dict[str, object]:
        """One row of the API's listing."""
        file = self.files[path]
        size = file.size if file.listed_bytes is None else file.listed_bytes
        row: dict[str, object] = {"type": "file", "oid": file.git_object, "size": size, "path": path}
        if file.is_lfs:
            row["lfs"] = {"oid": file.oid, "size": size, "pointerSize": 135}
            row["xetHash"] = file.oid
        if expand:
            row["lastCommit"] = {"id": self.commit, "title": "t", "date": file.changed}
            row["securityFileStatus"] = file.verdicts or {"status": "unscanned"}
        return row

    def info(self) -> dict[str, object]:
        """The API's answer for the whole repository."""
        return {
            "_id": "0",
            "id": self.repo_id,
            "modelId": self.repo_id,
            "author": self.repo_id.partition("/")[0],
            "sha": self.commit,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "private": self.is_private,
            "gated": self.gated,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [{"rfilename": path} for path in sorted(self.files)],
            **self.facts,
        }


def file_on_disk(folder: Path, name: str, content: bytes = b"", *, size: int | None = None) -> HubFile:
    """Write a file; `size` beyond the content makes it sparse."""
    disk = folder / name.replace("/", "_")
    disk.write_bytes(content)
    if size is not None:
        with disk.open("r+b") as stream:
            stream.truncate(size)
    return HubFile(disk=disk)
