"""Hold a folder or a target against a lock: what has changed since it was let in.

A lock says what was judged. A branch that moves on, a registry that states other digests for the same
commit, a file that was edited: each is a difference, by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Origin
from weighbridge.core.report import Report, Verdict
from weighbridge.engine.scan import ScanSettings, scan_fetched
from weighbridge.errors import GateClosed, UsageError
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings
from weighbridge.fetchers.registry import fetch
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Decision, Policy
from weighbridge.pull.comparison import (
    Comparison,
    Difference,
    DifferenceKind,
    Unchecked,
    compare_folder,
)
from weighbridge.pull.digests import hash_path, is_stated, stated_git_object
from weighbridge.pull.judging import trusting
from weighbridge.pull.lock import Lock, LockedFile, read_lock
from weighbridge.pull.names import LOCK_NAME, check_names, path_of
from weighbridge.pull.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of it.

    Attributes:
        target: what was held against the lock.
        notes: sentences of advice.
    """

    target: str
    lock: Lock
    differences: tuple[Difference, ...]
    unchecked: tuple[Unchecked, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 the same, 1 different, 3 not everything could be checked."""
        if self.differences:
            return 1
        return 3 if self.unchecked else 0


def verify(
    target: str,
    *,
    lock_file: Path | None = None,
    with_target: bool = False,
    settings: FetchSettings | None = None,
    signatures: Signatures | None = None,
) -> Verification:
    """Hold a folder, or a target where it is, against a lock.

    Args:
        target: a folder that was pulled, or any target.
        lock_file: by default the one in the folder.
        with_target: also ask the target that the folder was pulled from.
        settings: for asking it.
        signatures: to tell whether they are others than the lock's; the installed ones by default.

    Raises:
        UsageError: there is no lock, or it can't be read.
        DestinationError: the folder can't be listed.
        TargetError: the target can't be reached.
    """
    fetching = settings or FetchSettings()
    if os.path.isdir(target):
        folder = Path(target)
        lock = read_lock(lock_file or folder / LOCK_NAME)
        compared = compare_folder(folder, lock)
        if with_target:
            compared = _joined(compared, compare_target(_address(lock), lock, fetching))
    elif lock_file is None:
        raise UsageError(f"{target[:200]!r} is no folder with a lock in it: name one with --lock")
    else:
        lock = read_lock(lock_file)
        compared = compare_target(target, lock, fetching)
    return Verification(
        target=target,
        lock=lock,
        differences=compared.differences,
        unchecked=compared.unchecked,
        notes=tuple(_notes(lock, signatures or Signatures.installed())),
    )


def _address(lock: Lock) -> str:
    """Where to look: a path was typed from a folder that may not be the current one."""
    return lock.origin.location if lock.origin.kind == "local" else lock.target


def compare_target(target: str, lock: Lock, settings: FetchSettings) -> Comparison:
    """Compare what a target states of its files now with a lock; files on this machine are read.

    Raises:
        UsageError: the target is spelt wrong.
        TargetError: it can't be reached.
    """
    selection = Selection(
        include=lock.selection.include,
        exclude=lock.selection.exclude,
        also=frozenset(
            lock.by_name
        ),  # several pulls add up in the hub's cache, each with patterns of its own
    )
    with closing(fetch(target, settings)) as fetched:
        split = selection.split(fetched.items)
        found = {entry.name: entry for entry in split.wanted if entry.name != LOCK_NAME}
        unchecked = [Unchecked(name=one.name, detail=one.detail) for one in split.problems]
        differences = [*_moved(fetched.origin, lock), *_comings_and_goings(found, lock)]
        for name, file in lock.by_name.items():
            outcome = _compared(found[name], file) if name in found else None
            if isinstance(outcome, Difference):
                differences.append(outcome)
            elif isinstance(outcome, Unchecked):
                unchecked.append(outcome)
    return Comparison(differences=tuple(differences), unchecked=tuple(unchecked))


def _moved(origin: Origin, lock: Lock) -> Iterator[Difference]:
    locked = lock.origin.revision
    if locked is not None and origin.revision != locked:
        now = origin.revision[:12] if origin.revision is not None else "no revision"
        yield Difference(
            kind=DifferenceKind.MOVED,
            name=lock.target,
            detail=f"is at {now}, and was at {locked[:12]} when it was locked",
        )


def _comings_and_goings(found: Mapping[str, Entry], lock: Lock) -> Iterator[Difference]:
    locked = lock.by_name
    for name in sorted(locked.keys() - found.keys()):
        yield Difference(kind=DifferenceKind.MISSING, name=name, detail="the target has it no more")
    for name in sorted(found.keys() - locked.keys() - set(lock.left_out)):
        yield Difference(kind=DifferenceKind.ADDED, name=name, detail="at the target, not in the lock")


def _compared(entry: Entry, file: LockedFile) -> Difference | Unchecked | None:
    origin = entry.origin
    if entry.size_bytes not in (None, file.size_bytes):
        detail = f"the target states {entry.size_bytes:,} bytes, {file.size_bytes:,} in the lock"
        return Difference(kind=DifferenceKind.CHANGED, name=file.name, detail=detail)
    if origin.sha256 is None and entry.local_path is not None:
        return _compared_bytes(entry.local_path, file)
    if origin.sha256 is not None:
        return _same(file.name, origin.sha256, file.sha256, "sha256")
    if is_stated(origin) and file.git_object is not None:
        return _same(file.name, stated_git_object(origin), file.git_object, "git object")
    if file.etag is not None and "etag" in origin.facts:
        return _same(file.name, origin.facts["etag"], file.etag, "etag")
    return Unchecked(name=file.name, detail="the target states no digest of it")


def _compared_bytes(path: Path, file: LockedFile) -> Difference | Unchecked | None:
    try:
        return _same(file.name, hash_path(path).sha256, file.sha256, "sha256")
    except OSError as error:
        return Unchecked(name=file.name, detail=f"can't be read: {error.strerror}")


def _same(name: str, now: str | None, locked: str, kind: str) -> Difference | None:
    if now == locked:
        return None
    detail = f"the target states {kind} {(now or 'none')[:12]}…, {locked[:12]}… in the lock"
    return Difference(kind=DifferenceKind.CHANGED, name=name, detail=detail)


def _joined(one: Comparison, other: Comparison) -> Comparison:
    return Comparison(
        differences=(*one.differences, *other.differences),
        unchecked=(*one.unchecked, *other.unchecked),
    )


def _notes(lock: Lock, signatures: Signatures) -> Iterator[str]:
    if lock.signatures != signatures.version:
        yield (
            f"It was scanned with signatures {lock.signatures}, and {signatures.version} are installed: "
            "--rescan scans it again"
        )
    if lock.verdict is not Verdict.PASS:
        yield "The policy accepted then that not everything in it could be read"


def rescan(
    folder: Path, lock: Lock, *, policy: Policy, settings: ScanSettings, signatures: Signatures
) -> tuple[Report, Decision]:
    """Scan the files of a lock again where they lie, and decide, as if they came from its origin now.

    Raises:
        GateClosed: the policy does not let them pass any more.
        UsageError: the lock has names that no folder should get.
    """
    try:
        check_names(file.name for file in lock.files)
    except GateClosed as error:
        raise UsageError(f"the lock can't be trusted: {error}") from error
    fetched = _as_fetched(folder, lock)
    report = scan_fetched(lock.target, fetched, trusting(settings, policy, lock.target))
    digests = {file.name: file.sha256 for file in lock.files}
    decision = policy.decide(report, signatures.rules, sha256_of=digests.get)
    if decision.verdict is Verdict.PASS:
        return report, decision
    raise GateClosed(
        f"{lock.target} does not pass any more",
        exit_code=1 if decision.verdict is Verdict.FAIL else 3,
        report=report,
        decision=decision,
    )


def _as_fetched(folder: Path, lock: Lock) -> Fetched:
    origin = Origin(kind=lock.origin.kind, location=lock.origin.location, revision=lock.origin.revision)
    entries = [_locked_entry(folder, file, origin) for file in lock.files]
    return Fetched(display_name=lock.target, origin=origin, items=iter(entries), count=len(entries))


def _locked_entry(folder: Path, file: LockedFile, origin: Origin) -> Entry:
    path = Path(os.path.realpath(path_of(folder, file.name)))
    return Entry(
        name=file.name,
        size_bytes=file.size_bytes,
        origin=replace(origin, sha256=file.sha256, size_bytes=file.size_bytes),
        open=lambda: LocalFile(path),
        local_path=path,
    )
