"""What a recogniser may look at: the first bytes, the name, and the source itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from weighbridge.core.artifact import ByteSource


@dataclass(frozen=True, slots=True)
class Probe:
    """One artifact that is about to be identified.

    Attributes:
        head: the first 4 KiB.
        source: for formats that are known by more than their start. Each read of a remote file
            is a request: read only when `head` already fits.
        name: as its container spells it. Evidence for formats without a magic number, no more.
    """

    head: bytes
    source: ByteSource
    name: str

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.source.size

    @property
    def suffix(self) -> str:
        """The last extension, in lower case, with its dot; "" without one."""
        return PurePosixPath(self.name.lower()).suffix

    @property
    def base(self) -> str:
        """The name without its folders, in lower case."""
        return PurePosixPath(self.name.lower()).name
