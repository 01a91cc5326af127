"""Hash bytes as they arrive, in the ways that registries state digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.fetchers.interface import Entry

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds: size, sha256, and the name that git gives to such a content."""

    size_bytes: int
    sha256: str
    git_object: str


class ContentHash:
    """Hashes a content of a known size, piece by piece."""

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        self._sha256.update(data)
        self._git.update(data)

    def content(self) -> Content:
        return Content(
            size_bytes=self._size, sha256=self._sha256.hexdigest(), git_object=self._git.hexdigest()
        )


def hash_file(file: BinaryIO, size_bytes: int) -> Content:
    """Hash a file from where it stands to its end."""
    digests = ContentHash(size_bytes)
    while block := file.read(BLOCK_BYTES):
        digests.update(block)
    return digests.content()


def hash_path(path: Path) -> Content:
    """Hash a file.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return hash_file(file, path.stat().st_size)


def stated_git_object(origin: Origin) -> str | None:
    """Return the name that git gives to the file, where the registry says it."""
    return origin.facts.get("git_object")


def is_stated(origin: Origin) -> bool:
    """Tell whether the registry states any digest that we can compute."""
    return origin.sha256 is not None or stated_git_object(origin) is not None


def agrees(content: Content, origin: Origin) -> bool:
    """Tell whether a content has every digest that the registry states for it, and it states one."""
    git = stated_git_object(origin)
    return (
        is_stated(origin)
        and origin.sha256 in (None, content.sha256)
        and git in (None, content.git_object)
    )


def contradictions(entry: Entry, content: Content) -> Iterator[Finding]:
    """Yield what a registry states of a file and its bytes do not keep."""
    stated_size = entry.size_bytes
    if stated_size is not None and stated_size != content.size_bytes:
        evidence = f"the registry states {stated_size:,} bytes, the file has {content.size_bytes:,}"
        yield Finding(rule="ORG003", path=(entry.name,), subject="size", evidence=evidence)
    if is_stated(entry.origin) and not agrees(content, entry.origin):
        stated = entry.origin.sha256 or stated_git_object(entry.origin)
        actual = content.sha256 if entry.origin.sha256 else content.git_object
        evidence = f"the registry states {stated}, the bytes give {actual}"
        yield Finding(rule="ORG008", path=(entry.name,), subject="digest", evidence=evidence)
