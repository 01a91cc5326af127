"""Models by the names that Ollama gives them: from its store on this machine, else its registry."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.bytesource.local import LocalFile
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.address import shown_address
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem
from weighbridge.fetchers.oci.fetcher import (
    blob_origin,
    fetch_from_registry,
    read_document,
    target_origin,
)
from weighbridge.fetchers.oci.reference import DIGEST, TAG, OciReference, is_host, is_loopback

if TYPE_CHECKING:
    from weighbridge.fetchers.oci.listing import Blob
    from weighbridge.fetchers.oci.ollama_store import OllamaStore

_SCHEME = "ollama://"
_REGISTRY = "registry.ollama.ai"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class OllamaFetcher:
    """`ollama://name:tag`, `ollama://namespace/name:tag`, `ollama://registry/namespace/name:tag`.

    What the store on this machine holds under that name is what `ollama run` loads, so it is read
    first; `oci://registry.ollama.ai/library/name:tag` always asks the registry.
    """

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        """True when the store holds it.

        Raises:
            UsageError: the target is spelt wrong.
        """
        reference = parse_ollama_target(target)
        return reference.digest is None and _store().manifest_file(reference) is not None

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """List a model of the store, or else of the registry.

        Raises:
            UsageError: the target is spelt wrong.
            TargetError: it is in neither, or can't be read, in words.
        """
        reference = parse_ollama_target(target)
        store = _store()
        file = store.manifest_file(reference) if reference.digest is None else None
        if file is None:
            return fetch_from_registry(reference, settings, kind="ollama")
        return _from_store(store, file, reference, settings)


def parse_ollama_target(target: str) -> OciReference:
    """Take a target apart, as Ollama completes a name.

    Raises:
        UsageError: it names no model.
    """
    path, at, digest = target.removeprefix(_SCHEME).partition("@")
    *before, last = path.split("/")
    name, colon, tag = last.partition(":")
    if len(before) > 1 or (
        before and ("." in before[0] or ":" in before[0] or before[0] == "localhost")
    ):
        registry, *namespaces = before
    else:
        registry, namespaces = _REGISTRY, before
    parts = [*(namespaces or ["library"]), name]
    is_spelt = (
        is_host(registry)
        and all(_PART.fullmatch(part) for part in parts)
        and (not colon or TAG.fullmatch(tag))
        and (not at or DIGEST.fullmatch(digest))
    )
    if not is_spelt:
        raise UsageError(
            f"can't read {_shown(target)!r}: write ollama://name:tag, ollama://namespace/name:tag or "
            "ollama://registry.example/namespace/name:tag"
        )
    return OciReference(
        registry=registry,
        repository="/".join(parts),
        tag=tag if colon else None,
        digest=digest if at else None,
        is_plain_http=is_loopback(registry),
    )


def _shown(target: str) -> str:
    """Return a target for the words; what stands before an `@` and a `/` may be a password."""
    is_digest = "/" not in target.rpartition("@")[2]
    return (target if is_digest else shown_address(target))[:200]


def _store() -> OllamaStore:
    from weighbridge.fetchers.oci.ollama_store import OllamaStore, store_folder

    return OllamaStore(store_folder())


def _from_store(
    store: OllamaStore, file: Path, reference: OciReference, settings: FetchSettings
) -> Fetched:
    from weighbridge.fetchers.oci.listing import Listing, in_order

    pinned = store.manifest(file)
    document = read_document(pinned, str(file))
    listing = Listing(store.document, settings.max_files)
    listing.add(pinned, document)
    origin = target_origin(reference, pinned, document, kind="ollama")
    origin = replace(
        origin,
        location=f"{_SCHEME}{reference.registry}/{reference.repository}@{pinned.digest}",
        facts={**origin.facts, "store": str(store.folder)},
    )
    items = [
        item if isinstance(item, Problem) else _item(store, item, origin) for item in in_order(listing)
    ]
    return Fetched(
        display_name=f"{reference.display_name} in {store.folder}",
        origin=origin,
        items=iter(items),
        count=len(items),
    )


def _item(store: OllamaStore, blob: Blob, target: Origin) -> Entry | Problem:
    size, origin = blob.descriptor.size, blob_origin(target, blob, blob.name)
    if blob.content is not None:
        content = blob.content
        return Entry(name=blob.name, size_bytes=size, origin=origin, open=lambda: MemorySource(content))
    file = store.blob_file(blob)
    if isinstance(file, Problem):
        return file
    return Entry(
        name=blob.name, size_bytes=size, origin=origin, open=partial(_open, file), local_path=file
    )


def _open(file: Path) -> ByteSource:
    return LocalFile(file)
