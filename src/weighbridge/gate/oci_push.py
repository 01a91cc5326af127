"""Writes to a registry: blobs, manifests, and the list of referrers where the registry keeps none.

Source: OCI distribution specification 1.1, "Pushing" and "Referrers Tag Schema"
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from weighbridge.bytesource.http_client import Ask, Reply
from weighbridge.bytesource.refused import Refused
from weighbridge.errors import ReadError
from weighbridge.fetchers.oci.client import RegistryClient, refused
from weighbridge.fetchers.oci.manifest import EMPTY_JSON, INDEX, MANIFEST, digest_of

_EMPTY = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"
_TRIES = 3
_MOST_REFERRERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of an artifact to be."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The manifest that an artifact is about."""

    digest: str
    media_type: str
    size_bytes: int

    @property
    def descriptor(self) -> Mapping[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """What came of it: `tag` is that of the list of referrers, None where the registry keeps one."""

    digest: str
    tag: str | None


class _Referrers(msgspec.Struct, frozen=True):
    manifests: list[msgspec.Raw]


class _Named(msgspec.Struct, frozen=True):
    digest: str = ""


def attach(
    client: RegistryClient,
    subject: Subject,
    files: Sequence[Attachment],
    *,
    artifact_type: str,
    annotations: Mapping[str, str],
) -> Attached:
    """Push files as an artifact that refers to a manifest of the same repository.

    Raises:
        ReadError: the registry does not take it, in words; the subject is as it was.
    """
    put_blob(client, EMPTY_JSON)
    for file in files:
        put_blob(client, file.content)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": _descriptor(_EMPTY, EMPTY_JSON),
            "layers": [
                {**_descriptor(file.media_type, file.content), "annotations": {_TITLE: file.name}}
                for file in files
            ],
            "subject": subject.descriptor,
            "annotations": annotations,
        }
    ).encode()
    digest = digest_of(manifest)
    if put_manifest(client, digest, manifest, MANIFEST):
        return Attached(digest=digest, tag=None)
    row = {
        **_descriptor(MANIFEST, manifest),
        "artifactType": artifact_type,
        "annotations": annotations,
    }
    tag = subject.digest.replace(":", "-")[:128]
    _enlist(client, tag, digest, row)
    return Attached(digest=digest, tag=tag)


def put_blob(client: RegistryClient, content: bytes) -> None:
    """Upload a blob in two steps.

    Raises:
        ReadError: the registry does not take it.
    """
    start = Ask(url=f"{client.reference.api}/blobs/uploads/", method="POST", content=b"")
    location = client.exchange(start, _upload_location)
    url = urljoin(f"{client.reference.endpoint}/", location)
    if urlsplit(url)[:2] != urlsplit(client.reference.endpoint)[:2]:
        raise ReadError(f"{client.reference.registry} wants uploads to go to another host; refused")
    mark = "&" if urlsplit(url).query else "?"
    ask = Ask(
        url=f"{url}{mark}digest={quote(digest_of(content), safe='')}",
        method="PUT",
        headers={"content-type": "application/octet-stream"},
        content=content,
        expected_bytes=len(content),
    )
    client.exchange(ask, _created)


def put_manifest(client: RegistryClient, name: str, content: bytes, media_type: str) -> bool:
    """Put a manifest under a tag or its digest.

    Returns:
        True when the registry says that it knows of the manifest's subject.

    Raises:
        ReadError: the registry does not take it.
    """
    ask = Ask(
        url=f"{client.reference.api}/manifests/{name}",
        method="PUT",
        headers={"content-type": media_type},
        content=content,
        expected_bytes=len(content),
    )
    return client.exchange(ask, _created)


def _enlist(client: RegistryClient, tag: str, digest: str, row: Mapping[str, object]) -> None:
    """Add a row to the list of referrers, which others may be writing at the same time."""
    for _ in range(_TRIES):
        rows = _rows(client, tag)
        if any(listed == digest for listed, _ in rows):
            return
        if len(rows) >= _MOST_REFERRERS:
            raise ReadError(f"the tag {tag} lists {len(rows):,} referrers already")
        listed = b",".join([*(bytes(row) for _, row in rows), json.dumps(row).encode()])
        index = b'{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' % (INDEX.encode(), listed)
        put_manifest(client, tag, index, INDEX)
    if not any(listed == digest for listed, _ in _rows(client, tag)):
        raise ReadError(f"somebody else keeps writing the tag {tag}, which lists the referrers")


def _rows(client: RegistryClient, tag: str) -> Sequence[tuple[str, msgspec.Raw]]:
    """Return the rows of a list of referrers as they are, each with its digest."""
    try:
        pinned = client.document(tag)
    except Refused as refusal:
        if refusal.status == 404:
            return ()
        raise
    try:
        rows = msgspec.json.decode(pinned.content, type=_Referrers).manifests
        return [(msgspec.json.decode(row, type=_Named).digest, row) for row in rows]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ReadError(f"the tag {tag} is taken by something that is no list of referrers") from error


def _upload_location(reply: Reply) -> str:
    if reply.status != 202 or "location" not in reply.headers:
        raise refused(reply)
    return reply.headers["location"]


def _created(reply: Reply) -> bool:
    if reply.status not in (200, 201, 202, 204):
        raise refused(reply)
    return "oci-subject" in reply.headers


def _descriptor(media_type: str, content: bytes) -> Mapping[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
