"""What a fetcher is: a target as the user typed it in, named bytes with their origin out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Protocol

from weighbridge.bytesource.http_settings import (
    HttpSettings,
    TrafficCounter,
    WaitCallback,
    wait_silently,
)
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome


class CloudCredentials(StrEnum):
    """Where credentials for an object store may be looked for. Each word includes those before it."""

    NONE = "none"
    """Nowhere: requests are anonymous."""
    ENVIRONMENT = "environment"
    """In the environment variables of the store's own tools."""
    FILES = "files"
    """Also in the files that the store's own tools leave on this machine."""
    METADATA = "metadata"
    """Also at the cloud's metadata address; nothing else ever contacts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What the user may set.

    Attributes:
        token: for the registry; None means what its own login left on this machine.
        max_files: entries of one remote target; the rest is reported, not scanned.
        on_wait: told before each wait for a server.
        cloud: where credentials for object stores may come from.
        is_offline: nothing but this machine may be asked; other targets are `TargetUnavailable`.
    """

    token: str | None = field(default=None, repr=False)
    http: HttpSettings = field(default_factory=HttpSettings)
    max_files: int = 200_000
    on_wait: WaitCallback = wait_silently
    cloud: CloudCredentials = CloudCredentials.ENVIRONMENT
    is_offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a target.

    Attributes:
        name: relative to the target, parts joined by `/`. Data from the target, never a path to open.
        size_bytes: as the folder or the registry states it; None when it does not.
        open: gives the bytes; raises ReadError. Each call gives a source that the caller closes.
        local_path: the regular file that holds the bytes, for who opens it elsewhere.
    """

    name: str
    size_bytes: int | None
    origin: Origin
    open: Callable[[], ByteSource]
    local_path: Path | None = None


class ProblemKind(Enum):
    """Why something in a target is not an entry."""

    SYMLINK_TO_ENTRY = "symlink to an entry"
    """Leads to a file or folder of the same target, which is scanned under its own name."""
    SYMLINK_OUTSIDE = "symlink that leaves the target"
    SYMLINK_DANGLING = "dangling symlink"
    SYMLINK_LOOP = "symlink loop"
    SPECIAL_FILE = "special file"
    """A pipe, socket or device: opening one can block or act."""
    FOLDER_MARKER = "folder marker"
    """An object without bytes that stands for a folder; a listing of a store shows such."""
    UNREADABLE = "unreadable"
    TOO_MANY_FILES = "too many files"
    NAME_LEAVES = "name that leads out of the target"
    NAME_ABSOLUTE = "absolute name"
    OTHER_BYTES = "not the bytes that were asked for"
    """Its digest is another than the one by which it was asked for."""

    @property
    def outcome(self) -> Outcome:
        """What it means for coverage."""
        match self:
            case ProblemKind.SYMLINK_TO_ENTRY | ProblemKind.FOLDER_MARKER:
                return Outcome.ANALYZED
            case ProblemKind.TOO_MANY_FILES:
                return Outcome.LIMITED
            case _:
                return Outcome.FAILED

    @property
    def rule(self) -> str | None:
        """The rule that it breaks, for the kinds that are more than a gap in coverage."""
        match self:
            case ProblemKind.SYMLINK_OUTSIDE:
                return "ORG006"
            case ProblemKind.SPECIAL_FILE:
                return "ORG007"
            case ProblemKind.NAME_LEAVES:
                return "ARC001"
            case ProblemKind.NAME_ABSOLUTE:
                return "ARC002"
            case ProblemKind.OTHER_BYTES:
                return "ORG008"
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a target that could not become an entry, or need not.

    Attributes:
        name: as `Entry.name`.
        detail: a sentence for people.
    """

    name: str
    kind: ProblemKind
    detail: str

    @property
    def coverage(self) -> Coverage:
        return Coverage(
            path=(self.name,), format="unknown", outcome=self.kind.outcome, detail=self.detail
        )

    @property
    def finding(self) -> Finding | None:
        if self.kind.rule is None:
            return None
        return Finding(rule=self.kind.rule, path=(self.name,), subject=self.name, evidence=self.detail)


def _nothing_to_close() -> None:
    """For targets without connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A target that was reached.

    Attributes:
        display_name: what people call it: `org/name`, a file's or folder's name.
        origin: of the target as a whole.
        items: what is in it, in a fixed order, found as the caller goes on.
        count: how many items there are, when that is known before the last is found.
        traffic: counts on while entries are read.
        close: releases connections; call it when no entry is read any more.
    """

    display_name: str
    origin: Origin
    items: Iterator[Entry | Problem]
    count: int | None = None
    traffic: TrafficCounter = field(default_factory=TrafficCounter)
    close: Callable[[], None] = _nothing_to_close


class Fetcher(Protocol):
    """One kind of target."""

    def accepts(self, target: str) -> bool:
        """Tell from the spelling (and, for paths, the disk) whether this target is ours."""
        ...

    def is_local(self, target: str) -> bool:
        """True when fetching this target asks nothing but this machine."""
        ...

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Reach the target and list it.

        Raises:
            UsageError: the target is spelt wrong.
            TargetError: it can't be reached at all.
        """
        ...
