"""Registries on loopback that answer as their documented APIs do: listings here, bytes elsewhere.

Each stub speaks the part of its registry's protocol that a listing and a download need. It stands on
127.0.0.1; what it redirects to, a storage with signed addresses that expire, on 127.0.0.2. Both are
servers of `faulty.py`: they record every request, and break where a test says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.engine.sparse_models import torch_zip
from tests.servers.faulty import (
    Answer,
    Content,
    FaultyServer,
    FileAnswer,
    Seen,
    Status,
    json_answer,
    running_faulty,
)
from weighbridge.core.report import Report
from weighbridge.core.repository import WHOLE
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.fetchers.interface import FetchSettings

COMMIT = "5" * 40
PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"


def sha256(content: Content) -> bytes:
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).digest()


class StubHub:
    """What the stubs have in common.

    Attributes:
        files: by name; may change while the servers run.
        authorization: the header that every request must bear; None when anybody may read.
    """

    def __init__(self, files: Mapping[str, Content], *, authorization: str | None = None) -> None:
        self.files = dict(files)
        self.authorization = authorization
        self.storage = ""
        self._signature = 0

    def __call__(self, seen: Seen) -> Answer | None:
        if self.authorization not in (None, seen.authorization):
            return Status(401)
        return self.answer(seen)

    def answer(self, seen: Seen) -> Answer | None:
        raise NotImplementedError

    def expire(self) -> None:
        """Make every signed address that was given out so far answer 403."""
        self._signature += 1

    def size(self, name: str) -> int:
        return FileAnswer(self.files[name]).size

    def given(self, name: str) -> Answer | None:
        """Redirect to where the bytes of a file are."""
        if name not in self.files:
            return None
        return Status(302, {"location": f"{self.storage}/{quote(name)}?signature={self._signature}"})

    def stored(self, seen: Seen) -> Answer | None:
        """Answer for the storage."""
        if seen.query.get("signature") != str(self._signature):
            return Status(403)
        content = self.files.get(seen.route[1:])
        return FileAnswer(content) if content is not None else None


class ModelScopeStub(StubHub):
    """`acme/model` and the dataset `acme/data`, with the same files."""

    def __init__(self, files: Mapping[str, Content], *, authorization: str | None = None) -> None:
        super().__init__(files, authorization=authorization)
        self.code = 200

    def answer(self, seen: Seen) -> Answer | None:
        models, datasets = "/api/v1/models/acme/model/repo", "/api/v1/datasets/acme/data/repo"
        match seen.route:
            case route if route in (f"{models}/files", f"{datasets}/tree"):
                return self._listing(seen)
            case route if route in (models, datasets) and seen.query["Revision"] == COMMIT:
                return self.given(seen.query["FilePath"])
            case _:
                return None

    def _listing(self, seen: Seen) -> Answer | None:
        if seen.query["Revision"] not in ("master", COMMIT):
            return None
        number, size = int(seen.query.get("PageNumber", 1)), int(seen.query.get("PageSize", 10_000))
        rows = [self._row(name) for name in self.files][(number - 1) * size : number * size]
        rows += [{"Name": "sub", "Path": "sub", "Type": "tree", "Size": 0}] if number == 1 else []
        data = {"Files": rows, "LatestCommitter": {"Id": COMMIT, "ShortId": COMMIT[:8]}}
        return json_answer({"Code": self.code, "Data": data, "Message": "", "Success": True})

    def _row(self, name: str) -> object:
        row = {"Name": name.rpartition("/")[2], "Path": name, "Type": "blob", "IsLFS": True}
        digest = sha256(self.files[name]).hex()
        return {**row, "Size": self.size(name), "Sha256": digest, "Revision": COMMIT}


class KaggleStub(StubHub):
    """Version 3 of a model and of a dataset; one file on each page of a listing."""

    def answer(self, seen: Seen) -> Answer | None:
        route = seen.route.removeprefix("/api/v1/")
        model = "models/acme/model/pyTorch/base"
        match route:
            case "models/acme/model/pyTorch/base/get":
                return json_answer({"id": 1, "versionNumber": 3, "framework": "pyTorch"})
            case "datasets/view/acme/data":
                return json_answer({"id": 1, "currentVersionNumber": 3, "ref": "acme/data"})
            case "models/acme/model/pyTorch/base/3/files":
                return self._page(seen, "files", "size")
            case "datasets/list/acme/data" if seen.query["dataset_version_number"] == "3":
                return self._page(seen, "datasetFiles", "totalBytes")
            case "datasets/download/acme/data" if seen.query["dataset_version_number"] == "3":
                return self.given(seen.query["file_name"])
            case _ if route.startswith(f"{model}/3/download/"):
                return self.given(route.removeprefix(f"{model}/3/download/"))
            case _:
                return None

    def _page(self, seen: Seen, rows: str, size: str) -> Answer:
        names, at = sorted(self.files), int(seen.query.get("page_token", 0))
        row = {"name": names[at], size: self.size(names[at]), "creationDate": "2026-01-01T00:00:00Z"}
        return json_answer({rows: [row], "nextPageToken": str(at + 1) if at + 1 < len(names) else ""})


class WandbStub(StubHub):
    """`acme/vision/model`, whose `latest` is `v7`."""

    def __init__(self, files: Mapping[str, Content], *, authorization: str | None = None) -> None:
        super().__init__(files, authorization=authorization)
        self.references: dict[str, str] = {}

    def answer(self, seen: Seen) -> Answer | None:
        if seen.route == "/graphql" and seen.method == "POST":
            return self._graphql(json.loads(seen.body)["variables"])
        place = re.fullmatch(r"/artifactsV2/us-east/acme/QXJ0aWZhY3Q6MQ==/([0-9a-f]{32})", seen.route)
        names = (name for name in self.files if place and self._md5(name).hex() == place[1])
        return self.given(next(names, ""))

    def stored(self, seen: Seen) -> Answer | None:
        return json_answer(self._manifest()) if seen.route == "/manifest.json" else super().stored(seen)

    def _graphql(self, asked: Mapping[str, str]) -> Answer:
        if asked["name"] not in ("model:latest", "model:v7") or asked["project"] != "vision":
            return json_answer({"data": {"project": None}})
        artifact = {
            "versionIndex": 7,
            "digest": "d" * 32,
            "state": "COMMITTED",
            "createdAt": "2026-01-01T00:00:00Z",
            "artifactType": {"name": "model"},
            "currentManifest": {"file": {"directUrl": f"{self.storage}/manifest.json?signature=0"}},
        }
        return json_answer({"data": {"project": {"artifact": artifact}}})

    def _manifest(self) -> object:
        rows: dict[str, object] = {
            name: {
                "digest": base64.b64encode(self._md5(name)).decode(),
                "birthArtifactID": "QXJ0aWZhY3Q6MQ==",
                "size": self.size(name),
            }
            for name in self.files
        }
        rows |= {name: {"digest": "e", "ref": ref} for name, ref in self.references.items()}
        layout = {"storageLayout": "V2", "storageRegion": "us-east"}
        policy = {"storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": layout}
        return {"version": 1, **policy, "contents": rows}

    def _md5(self, name: str) -> bytes:
        content = self.files[name]
        data = content if isinstance(content, bytes) else content.read_bytes()
        return hashlib.md5(data, usedforsecurity=False).digest()


class NgcStub(StubHub):
    """`acme/research/model`, whose newest version is 1.2; also for who has a key."""

    def answer(self, seen: Seen) -> Answer | None:
        home = "/v2/models/acme/research/model"
        if self.authorization is not None:
            home = "/v2/org/acme/team/research/models/model"
        if seen.route == home:
            return json_answer({"model": {"name": "model", "latestVersionIdStr": "1.2"}})
        if seen.route == f"{home}/versions/1.2/files":
            return self._page(int(seen.query["page-number"]))
        if seen.route.startswith(f"{home}/versions/1.2/files/"):
            return self.given(seen.route.removeprefix(f"{home}/versions/1.2/files/"))
        return None

    def _page(self, number: int) -> Answer:
        name = sorted(self.files)[number]
        digest = base64.b64encode(sha256(self.files[name])).decode()
        row = {"path": name, "sizeInBytes": self.size(name), "sha256_base64": digest}
        paging = {"index": number, "size": 1, "totalPages": len(self.files)}
        return json_answer({"modelFiles": [row], "paginationInfo": paging})


class ArtifactoryStub(StubHub):
    """A generic repository `ml`, and `hf`, which speaks the hub's protocol for `acme/model`.

    Attributes:
        has_tree: whether the hub's newer listing is known.
    """

    def __init__(self, files: Mapping[str, Content], *, authorization: str | None = None) -> None:
        super().__init__(files, authorization=authorization)
        self.has_tree = True

    def answer(self, seen: Seen) -> Answer | None:
        route = seen.route.removeprefix("/artifactory")
        hub = "/api/huggingfaceml/hf"
        if route.startswith(f"{hub}/api/models/acme/model"):
            return self._hub_api(route.removeprefix(f"{hub}/api/models/acme/model"))
        if route.startswith(f"{hub}/acme/model/resolve/{COMMIT}/"):
            return self.given(route.removeprefix(f"{hub}/acme/model/resolve/{COMMIT}/"))
        if route.startswith("/api/storage/ml"):
            return self._storage_api(seen, route.removeprefix("/api/storage/ml").strip("/"))
        name = route.removeprefix("/ml/models/")
        return FileAnswer(self.files[name]) if route != name and name in self.files else None

    def _hub_api(self, view: str) -> Answer | None:
        if view in ("/revision/main", f"/revision/{COMMIT}", ""):
            siblings = [{"rfilename": name} for name in self.files]
            return json_answer({"id": "acme/model", "sha": COMMIT, "siblings": siblings})
        if view != f"/tree/{COMMIT}" or not self.has_tree:
            return None
        rows = [
            {
                "type": "file",
                "path": name,
                "size": self.size(name),
                "oid": "0" * 40,
                "lfs": {"oid": sha256(content).hex(), "size": self.size(name)},
            }
            for name, content in self.files.items()
        ]
        return json_answer(rows)

    def _storage_api(self, seen: Seen, path: str) -> Answer | None:
        name = path.removeprefix("models").strip("/")
        if name in self.files:
            checksums = {"sha1": "0" * 40, "sha256": sha256(self.files[name]).hex()}
            return json_answer(
                {"path": f"/{path}", "size": str(self.size(name)), "checksums": checksums}
            )
        if name:
            return None
        if "list" not in seen.path.partition("?")[2].split("&"):
            return json_answer({"path": f"/{path}", "children": [{"uri": "/x", "folder": False}]})
        rows = [
            {"uri": f"/{name}", "size": self.size(name), "folder": False, "sha2": sha256(content).hex()}
            for name, content in self.files.items()
        ]
        return json_answer({"uri": seen.path, "files": rows})


@dataclass(frozen=True, slots=True)
class Running:
    """A registry and its storage."""

    stub: StubHub
    api: FaultyServer
    storage: FaultyServer

    @property
    def host(self) -> str:
        return self.api.origin.partition("//")[2]

    @property
    def requests(self) -> tuple[int, int]:
        """How many the registry got, and how many its storage."""
        return len(self.api.requests), len(self.storage.requests)

    @property
    def sent_bytes(self) -> int:
        return self.api.sent_bytes + self.storage.sent_bytes


@contextmanager
def running_stub(stub: StubHub) -> Iterator[Running]:
    """Run a stub and its storage until the block ends."""
    with running_faulty(stub) as api, running_faulty(stub.stored, address="127.0.0.2") as storage:
        stub.storage = storage.origin
        yield Running(stub, api, storage)


def samples(folder: Path, *, is_dirty: bool = False) -> dict[str, Content]:
    """A repository with a checkpoint of 8 MiB; a dirty one runs a command when it is loaded."""
    torch_zip(folder / "model.bin", 8 << 20, payload=PAYLOAD if is_dirty else b"")
    return {"config.json": b'{"model_type": "bert"}', "weights/model.bin": folder / "model.bin"}


def scanned(target: str, **settings: Any) -> Report:
    return scan_target(target, ScanSettings(jobs=1, fetch=FetchSettings(**settings)))


def found(report: Report) -> set[tuple[str, str]]:
    """Which rules hit what, of those that speak of single artifacts."""
    return {(hit.rule, hit.artifact) for hit in report.findings if hit.path != (WHOLE,)}


COMMAND = ("PKL002", "weights/model.bin!/model/data.pkl")
"""What a dirty repository is found to hold."""
