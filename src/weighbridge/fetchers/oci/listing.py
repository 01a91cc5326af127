"""From a manifest or an index to what a scan looks at: documents, configurations and layers.

Laws: every blob that a manifest names is listed once under a name of its own, or is a problem that
says why not. Addresses that a descriptor gives for its blob (`urls`) are never asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed, ReadError
from weighbridge.fetchers.interface import Problem, ProblemKind
from weighbridge.fetchers.oci.client import OtherBytes, Pinned
from weighbridge.fetchers.oci.layout import Placement, config_name, placements, short
from weighbridge.fetchers.oci.manifest import (
    EMPTY_JSON,
    Descriptor,
    Document,
    digest_of,
    parse_document,
    parts_of,
)
from weighbridge.fetchers.oci.reference import DIGEST
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.member_paths import PathHazard

GetDocument = Callable[[str], Pinned]
"""Gives the manifest of a digest; raises ReadError."""

_DEEPEST_INDEX = 3
_MOST_MANIFESTS = 1_000
_MOST_DOCUMENT_BYTES = 64 * MIB
_MOST_PARTS = 500_000
"""Objects and lists of all manifests together."""
_LARGEST_SIZE = 1 << 60
_EMPTY = digest_of(EMPTY_JSON)
_MANIFEST_TYPE = re.compile(r"\.(?:manifest|index)\.")
_HAZARDS = {
    PathHazard.ESCAPES: ProblemKind.NAME_LEAVES,
    PathHazard.ABSOLUTE: ProblemKind.NAME_ABSOLUTE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file of the target.

    Attributes:
        content: where we have it already; else it is to be read by its digest.
        plain: its name when it turns out to be no archive, although `name` is that of one.
    """

    name: str
    descriptor: Descriptor
    content: bytes | None = None
    plain: str | None = None


@dataclass(slots=True)
class Listing:
    """What a target holds, as far as it was listed."""

    get: GetDocument
    max_files: int
    blobs: list[Blob] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    _documents: dict[str, tuple[Pinned, Document]] = field(default_factory=dict)
    _document_bytes: int = 0
    _parts: int = 0
    _manifests: int = 0
    _is_full: bool = False

    def add(self, pinned: Pinned, document: Document, *, prefix: str = "", depth: int = 0) -> None:
        """List a manifest, or all manifests of an index, below `prefix`."""
        itself = Descriptor(
            digest=pinned.digest, size=len(pinned.content), media_type=document.media_type
        )
        word = "oci-index.json" if document.is_index else "oci-manifest.json"
        self._put(f"{prefix}{word}", itself, pinned.content)
        if document.manifests is None:
            self._add_blobs(document.config, (*document.layers, *document.blobs), prefix)
            return
        if depth == _DEEPEST_INDEX:
            self._trouble(f"{prefix}{word}", f"indexes lie {depth + 1} deep in each other; not followed")
            return
        taken: set[str] = set()
        for child in document.manifests:
            if self._is_full:
                return
            self._manifests += 1
            if (
                self._manifests > _MOST_MANIFESTS
                or self._document_bytes > _MOST_DOCUMENT_BYTES
                or self._parts > _MOST_PARTS
            ):
                self._fill(
                    f"more than {_MOST_MANIFESTS:,} manifests, or {_MOST_DOCUMENT_BYTES:,} bytes or "
                    f"{_MOST_PARTS:,} objects of them"
                )
                return
            folder = _folder(child, taken)
            self._add_child(child, prefix=f"{prefix}{folder}/", depth=depth + 1)

    def _add_child(self, child: Descriptor, *, prefix: str, depth: int) -> None:
        if not child.digest and (child.layers or child.config is not None):
            self._add_blobs(child.config, tuple(child.layers), prefix)
            return
        name = f"{prefix}oci-manifest.json"
        if not DIGEST.fullmatch(child.digest):
            self._trouble(name, f"the index names it by {quoted(child.digest)}, which is no digest")
            return
        if child.media_type and not _MANIFEST_TYPE.search(child.media_type):
            self._put_checked(f"{prefix}blob", child)
            return
        try:
            pinned, document = self._document(child.digest)
        except OtherBytes as error:
            self._trouble(name, str(error), kind=ProblemKind.OTHER_BYTES)
        except Refused as error:
            self._trouble(
                name, f"the index names {child.digest}, and the registry has not got it: {error}"
            )
        except (ReadError, Malformed) as error:
            self._trouble(name, str(error))
        else:
            self.add(pinned, document, prefix=prefix, depth=depth)

    def _document(self, digest: str) -> tuple[Pinned, Document]:
        """Get a manifest; one that many rows name is asked for once."""
        if digest not in self._documents:
            pinned = self.get(digest)
            self._document_bytes += len(pinned.content)
            self._parts += parts_of(pinned.content)
            self._documents[digest] = pinned, parse_document(pinned.content)
        return self._documents[digest]

    def _add_blobs(self, config: Descriptor | None, layers: tuple[Descriptor, ...], prefix: str) -> None:
        if config is not None and config.digest != _EMPTY:
            self._put_checked(f"{prefix}{config_name(config)}", config)
        for number, layer in enumerate(layers, start=1):
            or_else = f"{prefix}layer-{number:02}"
            for placement in placements(layer, number):
                if self._is_full:
                    return
                if placement.hazard is not None:
                    self._warn(f"{prefix}{placement.name}", placement)
                plain = f"{prefix}{placement.plain}" if placement.plain is not None else None
                self._put_checked(f"{prefix}{placement.name}", layer, plain=plain, or_else=or_else)

    def _warn(self, name: str, placement: Placement) -> None:
        if placement.hazard is not None:
            detail = (
                f"the manifest names it {quoted(placement.stated)}, which {placement.hazard.value}; "
                "its content was looked at under this name"
            )
            self._trouble(name, detail, kind=_HAZARDS[placement.hazard])

    def _put_checked(
        self,
        name: str,
        descriptor: Descriptor,
        *,
        plain: str | None = None,
        or_else: str | None = None,
    ) -> None:
        if not DIGEST.fullmatch(descriptor.digest):
            detail = f"the manifest names it by {quoted(descriptor.digest)}, which is no digest"
            self._trouble(or_else or name, detail)
        elif not 0 <= descriptor.size <= _LARGEST_SIZE:
            self._trouble(or_else or name, "the manifest states a size that no file can have")
        else:
            self._put(name, descriptor, descriptor.inline, plain=plain)

    def _put(
        self, name: str, descriptor: Descriptor, content: bytes | None, *, plain: str | None = None
    ) -> None:
        """Add a file; the same bytes under the same name stand once."""
        name = self._unique(name, descriptor.digest)
        if name in self._seen:
            return
        if len(self.blobs) + len(self.problems) >= self.max_files:
            self._fill()
            return
        self._seen[name] = descriptor.digest
        if plain is not None:
            plain = self._unique(plain, descriptor.digest)
            self._seen[plain] = descriptor.digest
        self.blobs.append(Blob(name=name, descriptor=descriptor, content=content, plain=plain))

    def _unique(self, name: str, digest: str) -> str:
        """Return the name, or one below the digest when other bytes have it."""
        head, slash, tail = name.rpartition("/")
        number = 0
        while self._seen.get(name, digest) != digest:
            # Whoever pushed may have taken the name below the digest, too.
            number += 1
            again = f"-{number}" if number > 1 else ""
            name = f"{head}{slash}{_long(digest)}{again}/{tail}"
        return name

    def _trouble(self, name: str, detail: str, *, kind: ProblemKind = ProblemKind.UNREADABLE) -> None:
        if len(self.blobs) + len(self.problems) >= self.max_files:
            self._fill()
            return
        self.problems.append(Problem(name=name, kind=kind, detail=detail))

    def _fill(self, what: str | None = None) -> None:
        if not self._is_full:
            self._is_full = True
            what = what or f"more than {self.max_files:,} files"
            detail = f"the artifact has {what}; the rest was not looked at"
            self.problems.append(Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail))


def in_order(listing: Listing) -> Iterator[Blob | Problem]:
    yield from sorted(listing.blobs, key=lambda blob: blob.name)
    yield from listing.problems


def _long(digest: str) -> str:
    return digest.replace(":", "-")


def _folder(child: Descriptor, taken: set[str]) -> str:
    """`linux-amd64` where that is safe and the first of its kind, else from the digest."""
    platform = child.platform.words if child.platform is not None else child.runner or ""
    is_plain = platform.replace("-", "").replace("_", "").isalnum() and platform.isascii()
    if is_plain and platform not in taken and len(platform) < 60:
        folder = platform
    else:
        folder = (
            short(child.digest) if DIGEST.fullmatch(child.digest) else f"manifest-{len(taken) + 1:02}"
        )
    if folder in taken and DIGEST.fullmatch(child.digest):
        folder = _long(child.digest)
    taken.add(folder)
    return folder
