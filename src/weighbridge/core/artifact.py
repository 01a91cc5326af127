"""What is scanned: named bytes, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class ByteSource(Protocol):
    """Random-access, read-only bytes: a file, an HTTP range, an archive member.

    Laws: `read_at` returns exactly `length` bytes, fewer only at the end of the source, and
    b"" at or after it. It never returns bytes from elsewhere; it raises `ReadError` instead.
    """

    @property
    def size(self) -> int:
        """Size in bytes."""
        ...

    @property
    def is_remote(self) -> bool:
        """True when each read may be a network round trip: parsers then read less eagerly."""
        ...

    @property
    def bytes_read(self) -> int:
        """Distinct bytes fetched so far from the medium beneath."""
        ...

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """Return the bytes of the half-open range [offset, offset + length).

        Raises:
            ReadError: the medium failed.
            LimitReached: the bytes come from a decompressor that crossed its budget.
        """
        ...

    def close(self) -> None:
        """Release the file, map or connection. Reading afterwards is an error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a target, or one of its files, came from and what its registry says of it.

    Attributes:
        kind: `local`, `huggingface`, or another word for where it came from: one for each fetcher.
        location: absolute path or canonical URI of the target.
        revision: the commit that the scan was pinned to, when there is one.
        sha256: hex digest that the registry states for this file (Git LFS oid).
        size_bytes: size that the registry states.
        registry_verdicts: each vendor's own verdict on this file, as the registry gives it.
        facts: further provenance, word by word (`private`, `gated`, `last_modified`).
    """

    kind: str
    location: str
    revision: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    registry_verdicts: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """Named bytes. `path` has one part for each container crossed.

    `("pytorch_model.bin", "archive/data.pkl")` is shown as
    `pytorch_model.bin!/archive/data.pkl`. Names are data from the target: never a path to open.
    """

    path: tuple[str, ...]
    source: ByteSource
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """The last part of the path, as its container spells it."""
        return self.path[-1]

    @property
    def depth(self) -> int:
        """Containers crossed."""
        return len(self.path) - 1

    def nested(self, name: str, source: ByteSource) -> Artifact:
        """Return the artifact of a member of this one."""
        return Artifact((*self.path, name), source, self.origin)

    def __str__(self) -> str:
        return "!/".join(self.path)
