"""What makes two files one artifact: the same content, and all else that an analyzer is told.

Law: a worker that inspects for an audit is told nothing but what is in the key (`told_name`,
`told_origin`), so two locations with one key would be given the same findings.

    content      what the bytes are:  sha256 that we computed ourselves; else what the source states,
                 valid only within that source's own realm; else the run, which is to say: not known
    name         the file's name within its repository (`unet/model.bin`): analyzers judge names,
                 extensions, and folders such as `.git` and `.vscode`
    provenance   whose registry it came from and what its scanners say; nothing for plain stores

A stated digest is worth no more than who states it: a server that claims the digest of a clean
file elsewhere must not have its own file taken for seen.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from weighbridge.core.artifact import Origin
from weighbridge.core.limits import MIB, Limits
from weighbridge.core.trust import Trust
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry

STORES: Final = frozenset({"local", "s3", "gcs", "azure"})
"""Kinds of origin that hold many models and say nothing about them: judged prefix by prefix."""
UNREAD: Final = "unread"
"""How the key of a file begins that could not be read."""
_BLOCK_BYTES: Final = MIB
_CONTENT_FACTS: Final = ("git_object", "digest")
"""Facts that name bytes wherever they lie."""
_VERSION_FACTS: Final = ("etag", "version", "version_id", "generation", "md5")
"""Facts that say of one place whether its bytes are still the same."""
_WHO_ANSWERS: Final = ("endpoint", "server", "index", "store")
"""Facts of a source that name the server behind an address which does not."""
_KEPT_FACTS: Final = ("git_object",)


def digest_of(*parts: str) -> str:
    """Return 40 hex digits (160 bits) that name these texts, in this order."""
    joined = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:40]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """What the result of a scan depends on besides the bytes and their name."""

    tool_version: str
    signatures_version: str
    limits: Limits

    @property
    def limits_text(self) -> str:
        return json.dumps(asdict(self.limits), sort_keys=True)

    @property
    def id(self) -> str:
        return digest_of("examiner", self.tool_version, self.signatures_version, self.limits_text)


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of the bytes at one location.

    Attributes:
        stamp: changes when they may have changed; cheap to get from a listing.
        key: names the bytes.
        sha256: as we computed it; None when we did not.
    """

    stamp: str
    key: str
    sha256: str | None = None


def stamp_of(entry: Entry, run_id: int) -> str:
    """Return what a later listing is compared with: size, time and inode, or what a registry states."""
    if entry.local_path is not None:
        return local_stamp(entry.local_path) or f"run {run_id}"
    return _stated(entry) or f"run {run_id}"


def local_stamp(path: Path) -> str | None:
    """Return size, time and inode of a file; None when it can't be looked at."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def content_of(entry: Entry, stamp: str, source: Origin) -> Content:
    """Name the bytes of an entry; a local file is read for that, to its end."""
    if entry.local_path is None:
        return Content(stamp, f"stated:{digest_of(_realm(source), stamp)}")
    try:
        sha256 = _sha256(entry.local_path)
    except ReadError:
        return Content(stamp, f"{UNREAD}:{digest_of(str(entry.local_path), stamp)}")
    return Content(stamp, f"sha256:{sha256}", sha256)


def _stated(entry: Entry) -> str | None:
    """The strongest that a registry says; None when nothing that it says names the bytes."""
    origin, facts = entry.origin, entry.origin.facts
    size = "" if entry.size_bytes is None else str(entry.size_bytes)
    if origin.sha256 is not None:
        return f"sha256 {origin.sha256} {size}"
    digests = [f"{fact} {facts[fact]}" for fact in _CONTENT_FACTS if fact in facts]
    if digests:
        return " ".join((*digests, size))
    versions = [f"{fact} {facts[fact]}" for fact in _VERSION_FACTS if fact in facts]
    if versions or origin.revision is not None:
        return " ".join((origin.location, entry.name, *versions, origin.revision or "", size))
    return None


def _realm(source: Origin) -> str:
    """Within what a statement of this source counts: the host, bucket or organisation."""
    parts = urlsplit(source.location)
    host = f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else source.location
    asked = [source.facts[fact] for fact in _WHO_ANSWERS if fact in source.facts]
    return " ".join((source.kind, host, *asked))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise ReadError(f"can't read {path.name!r}: {error.strerror}") from error
    return digest.hexdigest()


def told_name(name: str, root: str) -> str:
    """Return the name within the repository that begins at `root` ("" for the source itself)."""
    return name[len(root) + 1 :] if root else name


def told_origin(entry: Entry, source: Origin) -> Origin:
    """Return what a worker is told of where an entry came from."""
    origin = entry.origin
    kept = {fact: origin.facts[fact] for fact in _KEPT_FACTS if fact in origin.facts}
    told = Origin(kind=origin.kind, location="", sha256=origin.sha256, facts=kept)
    if source.kind in STORES:
        return told
    return replace(
        told,
        location=_without_revision(source),
        size_bytes=origin.size_bytes,
        registry_verdicts=origin.registry_verdicts,
    )


def provenance_of(entry: Entry, source: Origin) -> str:
    """Name what `told_origin` says beyond the content."""
    told = told_origin(entry, source)
    # What the name of a local file states is told and compared; the content's key is our own digest.
    is_stated = entry.local_path is not None and (told.sha256 is not None or bool(told.facts))
    stated = json.dumps([told.sha256, dict(told.facts)]) if is_stated else ""
    if source.kind in STORES:
        return digest_of(told.kind, stated) if stated else ""
    verdicts = dict(sorted(told.registry_verdicts.items()))
    return digest_of(told.kind, told.location, json.dumps([told.size_bytes, verdicts]), stated)


def _without_revision(source: Origin) -> str:
    if source.revision is None:
        return source.location
    return source.location.removesuffix(f"@{source.revision}")


def artifact_id(content: str, name: str, provenance: str) -> str:
    """Return the key of an artifact."""
    return digest_of("artifact", content, name, provenance)


def repository_id(source_id: str, root: str) -> str:
    """Return the key of a repository."""
    return digest_of("repository", source_id, root)


def scan_id(subject_id: str, examiner_id: str) -> str:
    """Return the key of the scan of an artifact, or of a repository, by one examiner."""
    return digest_of("scan", subject_id, examiner_id)


def trust_text(trust: Trust) -> str:
    """Name whom the judgement of a repository trusts to sign it."""
    return json.dumps(asdict(trust), sort_keys=True)
