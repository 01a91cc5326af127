"""Manifests and indexes of a registry: bytes in, typed and unambiguous documents out.

Clients disagree on documents that are two things at once, or that spell a key twice (Go also takes
`Layers` for `layers`): such ones are refused, whoever would be right.

Source: OCI image specification 1.1; CVE-2021-41190
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from weighbridge.errors import LimitReached, Malformed
from weighbridge.fetchers.oci.reference import DIGEST
from weighbridge.formats.documents.strict_json import Json, decode_json

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OLLAMA_INDEX = "application/vnd.ollama.manifest.list.v2+json"
ACCEPTED = ", ".join(
    (
        MANIFEST,
        INDEX,
        DOCKER_MANIFEST,
        DOCKER_INDEX,
        OLLAMA_INDEX,
        "application/vnd.oci.artifact.manifest.v1+json",
    )
)
EMPTY_JSON = b"{}"
_LISTS = ("config", "layers", "blobs", "manifests", "subject")
_MOST_INLINE = 1 << 20
_MOST_PARTS = 50_000
"""Of one document: what is small as text may be large in memory."""


class Platform(msgspec.Struct, frozen=True):
    """What an image of an index runs on."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    @property
    def words(self) -> str:
        """`linux-amd64`; "" when it says nothing."""
        parts = [part for part in (self.os, self.architecture, self.variant) if part]
        return "-".join(parts) if "unknown" not in parts else ""


class Descriptor(
    msgspec.Struct,
    frozen=True,
    rename={"media_type": "mediaType", "artifact_type": "artifactType"},
):
    """What a manifest says of a blob, or an index of a manifest.

    `name` and `runner` are Ollama's own, and so are `config` and `layers`: a manifest that stands
    in its list itself.
    """

    digest: str = ""
    size: int = 0
    media_type: str = ""
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None
    data: str | None = None
    platform: Platform | None = None
    name: str | None = None
    runner: str | None = None
    config: Descriptor | None = None
    layers: Sequence[Descriptor] = ()

    @property
    def sha256(self) -> str | None:
        """The hex digits, when that is the algorithm."""
        algorithm, _, digits = self.digest.partition(":")
        return digits if algorithm == "sha256" else None

    @property
    def inline(self) -> bytes | None:
        """The content, where the descriptor itself carries it and its digest agrees."""
        if self.digest == digest_of(EMPTY_JSON):
            return EMPTY_JSON
        if self.data is None or len(self.data) > _MOST_INLINE:
            return None
        try:
            content = base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError):
            return None
        return content if is_content(content, self.digest) else None


class Document(
    msgspec.Struct,
    frozen=True,
    rename={"media_type": "mediaType", "artifact_type": "artifactType"},
):
    """A manifest, or an index when it has `manifests`."""

    media_type: str = ""
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: Sequence[Descriptor] = ()
    blobs: Sequence[Descriptor] = ()
    manifests: Sequence[Descriptor] | None = None
    annotations: Mapping[str, str] | None = None
    subject: Descriptor | None = None

    @property
    def is_index(self) -> bool:
        return self.manifests is not None

    @property
    def kind(self) -> str:
        """The type of the artifact, as its maker states it; for provenance, not for judging."""
        return self.artifact_type or (self.config.media_type if self.config else "") or self.media_type


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def is_content(content: bytes, digest: str) -> bool:
    """True when these bytes are what the digest names."""
    return DIGEST.fullmatch(digest) is not None and digest_of(content, digest[:6]) == digest


def parts_of(content: bytes) -> int:
    """Count the objects and lists of a document, or more: what it costs to hold it parsed."""
    return content.count(b"{") + content.count(b"[")


def parse_document(content: bytes) -> Document:
    """Read a manifest or an index.

    Raises:
        Malformed: it is none, or clients would read different things in it.
    """
    if parts_of(content) > _MOST_PARTS:
        raise Malformed(f"not a manifest: it has more than {_MOST_PARTS:,} objects and lists")
    try:
        document = msgspec.json.decode(content, type=Document)
        json = decode_json(content.decode("utf-8"))
    except (msgspec.MsgspecError, LimitReached, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"not a manifest: {str(error)[:200]}") from error
    if json.duplicate_keys or _has_twins(json.value):
        raise Malformed(
            "a manifest in which a key stands more than once, which clients read differently"
        )
    if document.is_index and (document.layers or document.config or document.blobs):
        raise Malformed("a manifest and an index at once, which clients read differently")
    if not document.is_index and document.config is None and not (document.layers or document.blobs):
        raise Malformed("a document that lists nothing: neither a manifest nor an index of today")
    return document


def _has_twins(value: Json) -> bool:
    """True when two keys of an object differ only in case. Annotations may: they are data."""
    if isinstance(value, Mapping):
        folded = {key.casefold() for key in value}
        return len(folded) < len(value) or any(_has_twins(value.get(key)) for key in _LISTS)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_has_twins(one) for one in value)
    return False
