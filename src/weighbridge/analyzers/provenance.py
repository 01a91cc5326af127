"""Where bytes came from and whether they are the ones that were promised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.core.vendors import VENDORS
from weighbridge.formats.kinds import Format
from weighbridge.formats.weights.lfs_pointer import LfsPointer, parse_lfs_pointer

_UNSAFE = frozenset({"unsafe", "malicious", "infected", "dangerous"})
_SUSPICIOUS = frozenset({"suspicious", "caution"})
_GIT_OBJECT = "git_object"
_REMOTE_BYTES = MIB
_LOCAL_BYTES = 32 * MIB


def inspect_pointer(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Report a Git LFS pointer that stands where the content should.

    The coverage row says that the content itself was not scanned.

    Raises:
        Malformed: not a pointer.
    """
    pointer = parse_lfs_pointer(artifact.source)
    yield Finding(
        rule="ORG001",
        path=artifact.path,
        subject=pointer.sha256,
        evidence=f"stands for {pointer.content_bytes:,} bytes with sha256 {pointer.sha256}",
        offset=0,
        length=artifact.source.size if pointer.trailing_offset is None else pointer.trailing_offset,
    )
    if pointer.trailing_offset is not None:
        yield _trailing(artifact, pointer.trailing_offset)
    yield _content_row(artifact, pointer)


def _trailing(artifact: Artifact, offset: int) -> Finding:
    length = artifact.source.size - offset
    return Finding(
        rule="ORG002",
        path=artifact.path,
        subject="trailing bytes",
        evidence=f"{length:,} bytes follow the pointer's last line",
        offset=offset,
        length=length,
    )


def _content_row(artifact: Artifact, pointer: LfsPointer) -> Coverage:
    return Coverage(
        path=artifact.path,
        format=Format.LFS_POINTER.value,
        outcome=Outcome.UNSUPPORTED,
        size_bytes=artifact.source.size,
        bytes_read=artifact.source.bytes_read,
        detail=(
            f"a pointer: the {pointer.content_bytes:,} bytes it stands for were not scanned; "
            "run: git lfs pull"
        ),
    )


def check_origin(artifact: Artifact) -> Iterator[Finding]:
    """Compare a top-level artifact with what its registry says of it.

    A verdict of the registry's scanners is evidence to show. That they call a file clean is no
    reason to look less closely, and says nothing here.
    """
    if artifact.origin is None or artifact.depth > 0:
        return
    yield from _check_size(artifact, artifact.origin)
    yield from _check_verdicts(artifact, artifact.origin)


def check_content(artifact: Artifact) -> Iterator[Finding]:
    """Compare the bytes of a top-level artifact with the digest that its registry states.

    Only of small files, and of those far away only when all of their bytes were read anyway.

    Raises:
        ReadError: the bytes can't be read.
    """
    source, origin = artifact.source, artifact.origin
    if (
        origin is None
        or artifact.depth > 0
        or (origin.sha256 is None and _GIT_OBJECT not in origin.facts)
    ):
        return
    largest = _REMOTE_BYTES if source.is_remote else _LOCAL_BYTES
    if source.size > largest or (source.is_remote and source.bytes_read < source.size):
        return
    data = bytes(source.read_at(0, source.size))
    stated = origin.sha256 or origin.facts[_GIT_OBJECT]
    actual = hashlib.sha256(data).hexdigest() if origin.sha256 else git_object(data)
    if actual != stated:
        evidence = f"the registry states {stated}, the bytes give {actual}"
        yield Finding(rule="ORG008", path=artifact.path, subject="digest", evidence=evidence)


def git_object(data: bytes) -> str:
    """Return the name that git gives to a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _check_size(artifact: Artifact, origin: Origin) -> Iterator[Finding]:
    stated = origin.size_bytes
    if stated is not None and stated != artifact.source.size:
        yield Finding(
            rule="ORG003",
            path=artifact.path,
            subject="size",
            evidence=f"the registry states {stated:,} bytes, the file has {artifact.source.size:,}",
        )


def _check_verdicts(artifact: Artifact, origin: Origin) -> Iterator[Finding]:
    for rule, words in (("ORG004", _UNSAFE), ("ORG005", _SUSPICIOUS)):
        named = sorted(
            f"{VENDORS.get(vendor, vendor)}: {verdict}"
            for vendor, verdict in origin.registry_verdicts.items()
            if verdict.lower() in words
        )
        if named:
            yield Finding(
                rule=rule, path=artifact.path, subject="registry verdict", evidence="\n".join(named)
            )
