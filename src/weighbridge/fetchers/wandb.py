"""Artifacts of Weights & Biases: `wandb://entity/project/artifact[:version]`.

An alias (`latest`) is pinned to the version that it means now. The files are those of the artifact's
manifest; what the manifest only refers to lies elsewhere and is said to be unread.

Source: the GraphQL API and the storage layouts of W&B's own SDK (wandb/apis/public/artifacts.py,
wandb/sdk/artifacts/storage_policies/wandb_storage_policy.py). W&B states an MD5 for each file.
"""

from __future__ import annotations

import base64
import binascii
import netrc
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from weighbridge.core.address import shown_address
from weighbridge.errors import ReadError, TargetNotFound, UsageError
from weighbridge.fetchers.interface import Fetched, FetchSettings
from weighbridge.fetchers.rest_listing import (
    ListedFile,
    Listing,
    Registry,
    RestSession,
    count_of,
    endpoint_of,
    named,
)

_SCHEME: Final = "wandb://"
_EXAMPLE: Final = "wandb://entity/project/artifact:version"
_VERSION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_QUERY: Final = """
query WeighbridgeArtifact($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifact(name: $name) {
      versionIndex
      digest
      state
      createdAt
      artifactType { name }
      currentManifest { file { directUrl } }
    }
  }
}
"""


class _ManifestFile(msgspec.Struct, frozen=True, rename="camel"):
    direct_url: str


class _Manifest(msgspec.Struct, frozen=True):
    file: _ManifestFile


class _Type(msgspec.Struct, frozen=True):
    name: str = ""


class _Artifact(msgspec.Struct, frozen=True, rename="camel"):
    version_index: int | None = None
    digest: str = ""
    state: str = ""
    created_at: str = ""
    artifact_type: _Type | None = None
    current_manifest: _Manifest | None = None


class _Project(msgspec.Struct, frozen=True):
    artifact: _Artifact | None = None


class _Data(msgspec.Struct, frozen=True):
    project: _Project | None = None


class _Reply(msgspec.Struct, frozen=True):
    data: _Data | None = None
    errors: msgspec.Raw = msgspec.Raw()


class _Layout(msgspec.Struct, frozen=True, rename="camel"):
    """`V1` keeps files by digest, `V2` by the artifact that brought them, too."""

    storage_layout: str = "V1"
    storage_region: str = "default"


class _Row(msgspec.Struct, frozen=True):
    digest: str = ""
    size: int | str | None = None
    ref: str | None = None
    birth_artifact_id: str = msgspec.field(default="", name="birthArtifactID")


class _Contents(msgspec.Struct, frozen=True, rename="camel"):
    contents: dict[str, _Row]
    storage_policy_config: _Layout = _Layout()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    entity: str
    project: str
    name: str
    version: str

    @property
    def collection(self) -> str:
        return f"{self.entity}/{self.project}/{self.name}"

    @property
    def shown(self) -> str:
        return f"{self.collection}:{self.version}"


class WandbFetcher:
    """`wandb://entity/project/artifact[:version]`; without a version, the one called `latest`."""

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the version and read the manifest.

        Raises:
            UsageError: the target is spelt wrong.
            TargetError: not found, no access, not reachable.
        """
        parsed = _parsed(target)
        endpoint = endpoint_of("WANDB_BASE_URL", "https://api.wandb.ai")
        key = settings.token or os.environ.get("WANDB_API_KEY") or _stored_key(endpoint)
        registry = Registry(
            kind="wandb",
            service="Weights & Biases",
            endpoint=endpoint,
            shown=parsed.shown,
            log_in="set WANDB_API_KEY or run: wandb login",
            secrets=lambda: _secrets(key),
            has_secrets=bool(key),
        )
        return RestSession(registry, settings).fetched(
            lambda session: _listing(session, parsed, registry)
        )


def _parsed(target: str) -> _Target:
    text, colon, version = target.removeprefix(_SCHEME).partition(":")
    entity, project, name = named(text, range(3, 4), _EXAMPLE)
    if colon and not _VERSION.fullmatch(version):
        raise UsageError(f"{target[:200]!r} has no version after the colon; write {_EXAMPLE}")
    return _Target(entity=entity, project=project, name=name, version=version or "latest")


def _listing(session: RestSession, target: _Target, registry: Registry) -> Listing:
    artifact = _artifact(session, target, registry)
    if artifact.current_manifest is None or artifact.version_index is None:
        raise ReadError(f"the artifact has no files yet (state {artifact.state[:40]!r})")
    revision = f"v{artifact.version_index}"
    manifest = session.json(artifact.current_manifest.file.direct_url, _Contents)
    facts = {
        "requested_revision": target.version if target.version != revision else "",
        "digest": artifact.digest[:100],
        "type": artifact.artifact_type.name[:100] if artifact.artifact_type else "",
        "created_at": artifact.created_at[:40],
    }
    return Listing(
        display_name=f"{target.collection}:{revision}",
        location=f"{_SCHEME}{target.collection}:{revision}",
        revision=revision,
        facts={name: value for name, value in facts.items() if value},
        files=_files(manifest, target, registry.endpoint),
    )


def _artifact(session: RestSession, target: _Target, registry: Registry) -> _Artifact:
    variables = {
        "entity": target.entity,
        "project": target.project,
        "name": f"{target.name}:{target.version}",
    }
    posted = msgspec.json.encode({"query": _QUERY, "variables": variables})
    reply = session.json(f"{registry.endpoint}/graphql", _Reply, posted=posted)
    if reply.data is not None and reply.data.project is not None and reply.data.project.artifact:
        return reply.data.project.artifact
    if bytes(reply.errors) not in (b"", b"null", b"[]"):
        raise ReadError("its API answers with errors and without the artifact")
    private = "this key may not read it" if registry.has_secrets else registry.log_in
    raise TargetNotFound(
        f"There is no {target.shown} at {registry.service}: check the spelling; "
        f"or it is private, and {private}"
    )


def _files(manifest: _Contents, target: _Target, endpoint: str) -> Iterator[ListedFile]:
    for name, row in sorted(manifest.contents.items()):
        md5 = _hex(row.digest)
        if row.ref is not None:
            why = f"only a reference, to {shown_address(row.ref)[:200]!r}; scan that address itself"
            yield ListedFile(name=name, url="", unreadable=why)
        elif md5 is None:
            yield ListedFile(name=name, url="", unreadable="listed with a digest that is none")
        else:
            yield ListedFile(
                name=name,
                url=endpoint
                + _place(manifest.storage_policy_config, row, entity=target.entity, md5=md5),
                size_bytes=count_of(row.size),
                facts={"md5": md5},
            )


def _place(layout: _Layout, row: _Row, *, entity: str, md5: str) -> str:
    if layout.storage_layout == "V1":
        return f"/artifacts/{quote(entity, safe='')}/{md5}"
    region, birth = quote(layout.storage_region, safe=""), quote(row.birth_artifact_id, safe="")
    return f"/artifactsV2/{region}/{quote(entity, safe='')}/{birth}/{md5}"


def _hex(digest: str) -> str | None:
    try:
        raw = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 16 else None


def _secrets(key: str | None) -> Mapping[str, str]:
    if not key:
        return {}
    return {"authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode()}


def _stored_key(endpoint: str) -> str | None:
    """Return what `wandb login` left in the file of the host that is asked.

    Raises:
        UsageError: the file can't be read.
    """
    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        found = netrc.netrc(path).authenticators(urlsplit(endpoint).hostname or "")
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        raise UsageError(f"{path!r} can't be read; mend it, or set WANDB_API_KEY") from error
    return found[2] if found else None
