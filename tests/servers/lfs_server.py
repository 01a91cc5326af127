"""A Git LFS server on loopback: the batch API on one address, the storage behind it on another.

    with running_lfs() as lfs:
        git config lfs.url <lfs.url>       # a real git-lfs client pushes to it
        lfs.expire()                       # every action that was given out is over
        lfs.gone.add(oid)                  # the batch API answers 404 for this object

The storage honours `Range` and wants the header of the action, which is good until `expire`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.servers.faulty import (
    Answer,
    FaultyServer,
    FileAnswer,
    Seen,
    Status,
    json_answer,
    running_faulty,
)

_LFS = {"content-type": "application/vnd.git-lfs+json"}


@dataclass(slots=True, kw_only=True)
class LfsHost:
    """What a test changes while the servers run, and what they saw."""

    objects: dict[str, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    authorization: str | None = None
    header: str = "x-signature"
    signature: int = 0
    expires_in: int | None = 3600
    stated_sizes: dict[str, int] = field(default_factory=dict)
    href: str | None = None
    api: FaultyServer = field(init=False)
    storage: FaultyServer = field(init=False)

    @property
    def url(self) -> str:
        return self.api.url("/lfs")

    def expire(self) -> None:
        """End every action that was given out so far."""
        self.signature += 1

    def answer(self, seen: Seen) -> Answer | None:
        """The batch API."""
        if not seen.route.endswith("/objects/batch"):
            return Status(404)
        asked = json.loads(seen.body)
        if self.authorization is not None and seen.authorization != self.authorization:
            return Status(401, _LFS, b'{"message": "who are you"}')
        rows = [self._row(one["oid"], one["size"], asked["operation"]) for one in asked["objects"]]
        return json_answer({"transfer": "basic", "objects": rows, "hash_algo": "sha256"}, _LFS)

    def _row(self, oid: str, size: int, operation: str) -> dict[str, Any]:
        row: dict[str, Any] = {"oid": oid, "size": self.stated_sizes.get(oid, size)}
        if operation == "download" and (oid in self.gone or oid not in self.objects):
            return {**row, "error": {"code": 404, "message": "Object does not exist"}}
        if operation == "upload" and oid in self.objects:
            return row
        action: dict[str, Any] = {
            "href": self.href or self.storage.url(f"/objects/{oid}"),
            "header": {self.header: str(self.signature)},
        }
        if self.expires_in is not None:
            action["expires_in"] = self.expires_in
        return {**row, "authenticated": True, "actions": {operation: action}}

    def store(self, seen: Seen) -> Answer | None:
        """The storage."""
        oid = seen.route.rpartition("/")[2]
        if seen.headers.get(self.header) != str(self.signature):
            return Status(403)
        if seen.method == "PUT":
            assert hashlib.sha256(seen.body).hexdigest() == oid
            self.objects[oid] = seen.body
            return Status(200)
        return FileAnswer(self.objects[oid]) if oid in self.objects else None


@contextmanager
def running_lfs() -> Iterator[LfsHost]:
    """Run the API on 127.0.0.1 and its storage on 127.0.0.2."""
    host = LfsHost()
    with (
        running_faulty(host.answer) as api,
        running_faulty(host.store, address="127.0.0.2") as storage,
    ):
        host.api, host.storage = api, storage
        yield host
