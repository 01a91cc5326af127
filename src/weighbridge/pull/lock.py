"""`weighbridge.lock`: what was pulled, from where, and what was known of it then.

JSON in a stable order; `docs/lock.schema.json` describes it. It lies in the pulled folder and comes into
being with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from weighbridge.core.report import Verdict
from weighbridge.errors import UsageError
from weighbridge.policy import Policy
from weighbridge.policy.digest import policy_digest

LOCK_VERSION = 1

_MOST_BYTES = 256 << 20
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_GitObject = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
_Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class LockedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file.

    Attributes:
        verdict: `pass`, or `incomplete` where the policy has accepted a gap.
        git_object: what git calls it, where the registry states that and no sha256.
        etag: what a server without digests calls this content.
    """

    name: str
    size_bytes: _Size
    sha256: _Sha256
    verdict: Verdict
    git_object: _GitObject | None = None
    etag: str | None = None


class LockedOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files came from: see `core.artifact.Origin`."""

    kind: str
    location: str
    revision: str | None


class LockedSelection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which files were asked for.

    Attributes:
        include: None for all.
        companions: small files of code and configuration that are left out were looked at, too.
    """

    include: tuple[str, ...] | None
    exclude: tuple[str, ...]
    companions: bool = False


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        target: as it was typed.
        policy: digest of the policy that let it pass.
        left_out: names of files of the target that were not asked for.
        files: by name.
    """

    version: int
    target: str
    origin: LockedOrigin
    selection: LockedSelection
    verdict: Verdict
    policy: str
    signatures: str
    tool: str
    scanned: datetime
    left_out: tuple[str, ...]
    files: tuple[LockedFile, ...]

    @property
    def by_name(self) -> Mapping[str, LockedFile]:
        return {file.name: file for file in self.files}

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def encode_lock(lock: Lock) -> bytes:
    """Return the bytes of the file, with a line break at the end."""
    return msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n"


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        UsageError: there is none, or it is not one that we can read.
    """
    try:
        data = _read(path)
    except FileNotFoundError:
        raise UsageError(
            f"there is no lock {str(path)!r}: weighbridge pull makes one; --lock names another"
        ) from None
    except OSError as error:
        raise UsageError(f"can't read the lock {str(path)!r}: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{str(path)!r} has more than {_MOST_BYTES:,} bytes, and no lock is that long")
    return _decoded(data, path)


def _read(path: Path) -> bytes:
    """Read a regular file; a pipe in its place would make us wait for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{str(path)!r} is no regular file, and a lock is one")
        return stream.read(_MOST_BYTES + 1)


def _decoded(data: bytes, path: Path) -> Lock:
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version != LOCK_VERSION:
            raise UsageError(
                f"{str(path)!r} is a lock of version {version}, and this program knows {LOCK_VERSION}: "
                "use the weighbridge that wrote it, or pull again"
            )
        lock = msgspec.json.decode(data, type=Lock)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{str(path)!r} is not a lock of ours: {error}") from error
    if len(lock.by_name) != len(lock.files):
        raise UsageError(f"{str(path)!r} is not a lock of ours: it names a file twice")
    return lock


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def policy_name(policy: Policy) -> str:
    """Name a policy by what it decides: `sha256:` and hex digits."""
    return f"sha256:{policy_digest(policy)}"
