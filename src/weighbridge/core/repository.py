"""All files of one target, for whoever must see them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weighbridge.core.artifact import Artifact, ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.trust import NOBODY, Trust

WHOLE = "(repository)"
"""The path of what is said about a target as a whole, and not about one of its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFile:
    """One file of the manifest.

    Attributes:
        name: relative to the target, parts joined by `/`. Data from the target, never a path to open.
        size_bytes: as the folder or the registry states it; None when it does not.
        origin: what the registry says of this file.
    """

    name: str
    size_bytes: int | None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The manifest of a target, its bytes on demand, and what was found file by file.

    Attributes:
        target: as the user typed it.
        origin: of the target as a whole.
        files: by name, in the order of the listing.
        source_of: opens a file of the manifest; raises ReadError.
        findings: of the files themselves, by the name of the file; those of members are with their file.
        base: what the user says the target derives from.
        trust: what signatures are verified with.
    """

    target: str
    origin: Origin
    files: Mapping[str, RepositoryFile]
    source_of: Callable[[str], ByteSource]
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    base: Repository | None = None
    trust: Trust = NOBODY

    def open(self, name: str) -> Artifact:
        """Return one file of the manifest.

        Raises:
            KeyError: there is no such file.
            ReadError: it can't be opened.
        """
        file = self.files[name]
        return Artifact((name,), self.source_of(name), file.origin)
