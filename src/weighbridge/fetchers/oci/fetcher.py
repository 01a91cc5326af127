"""Artifacts of OCI registries, read where they are: the manifest once, then byte ranges only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed, ReadError, TargetUnavailable
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem
from weighbridge.fetchers.oci.packed import named_by_content
from weighbridge.fetchers.oci.reference import OciReference, is_oci_target, parse_oci_target

if TYPE_CHECKING:
    from weighbridge.fetchers.oci.client import Pinned, RegistryClient
    from weighbridge.fetchers.oci.listing import Blob
    from weighbridge.fetchers.oci.manifest import Document

_DIRECTORY_AT_THE_END = (
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".zip",
    ".npz",
    ".keras",
    ".pt2",
    ".nemo",
    ".mar",
)
_COMPARED_BY_ENGINE = 1 * MIB
"""Of a remote file up to this size the engine itself compares the sha256, and reports a finding."""


class OciFetcher:
    """`oci://registry/repository:tag`, `…@sha256:digest`, and `oci+http://` for one without TLS."""

    def accepts(self, target: str) -> bool:
        return is_oci_target(target)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the tag to a digest and list what its manifest, or all of its index, names.

        Raises:
            UsageError: the target is spelt wrong.
            TargetError: not found, refused, not what its digest says, in words.
        """
        return fetch_from_registry(parse_oci_target(target), settings)


def fetch_from_registry(
    reference: OciReference, settings: FetchSettings, *, kind: str = "oci"
) -> Fetched:
    """Reach an artifact.

    Args:
        reference: which.
        settings: as for every fetcher.
        kind: the word for where it came from.

    Raises:
        TargetError: in words.
    """
    from weighbridge.fetchers.oci.client import RegistryClient
    from weighbridge.fetchers.oci.credentials import find_login
    from weighbridge.fetchers.oci.words import target_error

    found = find_login(reference.registry)
    client = RegistryClient(reference, found, settings)
    try:
        pinned = client.document(reference.wanted)
        return _fetched(client, pinned, settings, kind=kind)
    except ReadError as error:
        failure = target_error(error, reference, found, client)
        client.close()
        raise failure from error
    except BaseException:
        client.close()
        raise


def _fetched(client: RegistryClient, pinned: Pinned, settings: FetchSettings, *, kind: str) -> Fetched:
    from weighbridge.fetchers.oci.listing import Listing, in_order

    reference = client.reference
    document = read_document(pinned, reference.display_name)
    listing = Listing(client.document, settings.max_files)
    listing.add(pinned, document)
    origin = target_origin(reference, pinned, document, kind=kind)
    found = list(in_order(listing))
    return Fetched(
        display_name=reference.display_name,
        origin=origin,
        items=(item if isinstance(item, Problem) else _entry(client, item, origin) for item in found),
        count=len(found),
        traffic=client.traffic,
        close=client.close,
    )


def read_document(pinned: Pinned, name: str) -> Document:
    """Parse what the target's own tag or digest names.

    Raises:
        TargetUnavailable: it is nothing that we can list.
    """
    from weighbridge.fetchers.oci.manifest import parse_document

    try:
        return parse_document(pinned.content)
    except Malformed as error:
        raise TargetUnavailable(f"Can't read {name}: {error.reason}") from error


def target_origin(reference: OciReference, pinned: Pinned, document: Document, *, kind: str) -> Origin:
    facts = {
        "tag": reference.tag or ("" if reference.digest else reference.wanted),
        "media_type": document.media_type or pinned.media_type,
        "artifact_type": document.kind,
        "subject": document.subject.digest if document.subject is not None else "",
    }
    return Origin(
        kind=kind,
        location=reference.pinned(pinned.digest),
        revision=pinned.digest,
        facts={name: value[:200] for name, value in facts.items() if value},
    )


def blob_origin(origin: Origin, blob: Blob, name: str) -> Origin:
    """Say of one file what its manifest states."""
    facts = {"digest": blob.descriptor.digest, "media_type": blob.descriptor.media_type[:200]}
    return replace(
        origin,
        location=f"{origin.location}/{name}",
        sha256=blob.descriptor.sha256,
        size_bytes=blob.descriptor.size,
        facts={name: value for name, value in facts.items() if value},
    )


def _entry(client: RegistryClient, blob: Blob, origin: Origin) -> Entry:
    def open_blob() -> ByteSource:
        if blob.content is not None:
            return MemorySource(blob.content)
        return _source(client, blob)

    name, open_again = named_by_content(blob, open_blob)
    return Entry(
        name=name,
        size_bytes=blob.descriptor.size,
        origin=blob_origin(origin, blob, name),
        open=open_again,
    )


def _source(client: RegistryClient, blob: Blob) -> ByteSource:
    from weighbridge.bytesource.http_range import RangeSource, RemoteFile
    from weighbridge.fetchers.oci.verified import VerifiedSource

    digest, size = blob.descriptor.digest, blob.descriptor.size
    file = RemoteFile(
        url=f"{client.reference.api}/blobs/{digest}",
        expected_bytes=size,
        prefers_tail=blob.name.lower().endswith(_DIRECTORY_AT_THE_END),
    )
    source = RangeSource(client, file)
    if size <= _COMPARED_BY_ENGINE and blob.descriptor.sha256 is not None:
        return source
    return VerifiedSource(source, digest)
