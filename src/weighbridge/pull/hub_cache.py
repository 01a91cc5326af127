"""The cache of the hub's own client as a destination, so that `from_pretrained` finds what was pulled.

    models--org--name/
        blobs/<sha256 or git object>          contents, under the names that the client gives them
        snapshots/<commit>/config.json        links ../../blobs/…, and our lock
        refs/main                             the commit

Blobs first, then the snapshot in one step, then the ref. Law: a snapshot that carries our lock holds
nothing else: links that the lock does not name are dropped (their blobs stay).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from weighbridge.core.artifact import Origin
from weighbridge.core.report import Verdict
from weighbridge.errors import DestinationError, UsageError
from weighbridge.fetchers.huggingface import hub_endpoint
from weighbridge.fetchers.huggingface_target import HubTarget, is_hub_target, parse_hub_target
from weighbridge.fetchers.interface import Entry
from weighbridge.pull.digests import stated_git_object
from weighbridge.pull.download import Arrived
from weighbridge.pull.folder import sync_tree, write_synced
from weighbridge.pull.lock import Lock, LockedFile, encode_lock, read_lock
from weighbridge.pull.names import LOCK_NAME, check_names, path_of
from weighbridge.pull.quarantine import PREFIX, Quarantine
from weighbridge.pull.renaming import exchange, move_folder, sync_folder


def default_cache() -> Path:
    """Return the cache that the hub's client uses, as the environment says now."""
    explicit = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


class HubCacheDestination:
    """One repository in the cache.

    Args:
        target: `hf://…`, a whole repository.
        cache: the folder with all repositories; None for the usual one.
        renews: take nothing from the cache itself.

    Raises:
        UsageError: the target is no repository of the hub.
    """

    def __init__(self, target: str, cache: Path | None = None, *, renews: bool = False) -> None:
        self._hub = _hub_target(target)
        self.repository = (cache or default_cache()) / folder_name(self._hub)
        self._renews = renews
        self._old: Lock | None = None

    @property
    def quarantine(self) -> Path:
        return self.repository / f"{PREFIX}pull"

    @property
    def revision(self) -> str:
        return self._hub.revision or "main"

    def snapshot(self, commit: str) -> Path:
        return self.repository / "snapshots" / commit

    def commit_of_ref(self) -> str | None:
        """Return the commit that the cache knows for the revision."""
        try:
            check_names([self.revision])
            return path_of(self.repository / "refs", self.revision).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def check(self, target: str) -> None:
        check_names([self.revision])

    def copies_of(self, entry: Entry) -> Iterable[Path]:
        stated = entry.origin.sha256 or stated_git_object(entry.origin)
        if stated is not None and not self._renews:
            blob = self.repository / "blobs" / stated
            if blob.is_file():
                yield Path(os.path.realpath(blob))

    def locked_at(self, commit: str) -> Lock | None:
        """Return the lock of a snapshot, when there is one that we can read."""
        try:
            return read_lock(self.snapshot(commit) / LOCK_NAME)
        except UsageError:
            return None

    def merged(self, lock: Lock) -> Lock:
        """Keep what another pull of the same commit has locked under the same policy and signatures."""
        old = self.locked_at(lock.origin.revision or "")
        if old is None or not is_comparable(old, lock):
            return lock
        new = lock.by_name
        kept = [file for file in old.files if file.name not in new and self._has(lock, file)]
        files = sorted((*lock.files, *kept), key=lambda file: file.name)
        names = {file.name for file in files}
        seen = lock.selection.companions or old.selection.companions
        return msgspec.structs.replace(
            lock,
            selection=msgspec.structs.replace(lock.selection, companions=seen),
            files=tuple(files),
            verdict=max((lock.verdict, *(file.verdict for file in kept)), key=_is_incomplete),
            left_out=tuple(name for name in lock.left_out if name not in names),
        )

    def _has(self, lock: Lock, file: LockedFile) -> bool:
        path = path_of(self.snapshot(lock.origin.revision or ""), file.name)
        return holds(path, file, self.repository)

    def place(
        self, quarantine: Quarantine, arrived: Sequence[Arrived], *, lock: Lock, origin: Origin
    ) -> Path:
        if origin.revision is None:
            raise DestinationError("the hub named no commit, and the cache is ordered by commits")
        blobs = dict(self._blobs(arrived))
        for name, blob in self._kept_blobs(lock, origin.revision):
            blobs.setdefault(name, blob)
        snapshot = self._built(quarantine, lock, blobs)
        self._swap(snapshot, self.snapshot(origin.revision))
        self.point_at(origin.revision)
        return self.snapshot(origin.revision)

    def _blobs(self, arrived: Iterable[Arrived]) -> Iterator[tuple[str, str]]:
        folder = self.repository / "blobs"
        folder.mkdir(parents=True, exist_ok=True)
        for one in arrived:
            blob = blob_name(one)
            os.replace(one.path, folder / blob)
            yield one.entry.name, blob
        sync_folder(folder)

    def _kept_blobs(self, lock: Lock, commit: str) -> Iterator[tuple[str, str]]:
        for file in lock.files:
            link = path_of(self.snapshot(commit), file.name)
            if link.is_symlink():
                yield file.name, os.path.basename(os.readlink(link))

    def _built(self, quarantine: Quarantine, lock: Lock, blobs: dict[str, str]) -> Path:
        snapshot = quarantine.root / "snapshot"
        snapshot.mkdir()
        for file in lock.files:
            link = path_of(snapshot, file.name)
            link.parent.mkdir(parents=True, exist_ok=True)
            depth = file.name.count("/") + 2
            link.symlink_to("../" * depth + f"blobs/{blobs[file.name]}")
        write_synced(snapshot / LOCK_NAME, encode_lock(lock))
        sync_tree(snapshot)
        return snapshot

    def _swap(self, snapshot: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and any(place.iterdir()):
            exchange(snapshot, place)
        else:
            move_folder(snapshot, place)

    def point_at(self, commit: str) -> None:
        """Have the revision's ref name this commit."""
        if commit in (self.revision, self.commit_of_ref()):
            return
        ref = path_of(self.repository / "refs", self.revision)
        ref.parent.mkdir(parents=True, exist_ok=True)
        written = self.repository / f".weighbridge-ref-{os.getpid()}"
        write_synced(written, commit.encode("ascii"))
        os.replace(written, ref)
        sync_folder(ref.parent)


def _is_incomplete(verdict: Verdict) -> bool:
    return verdict is not Verdict.PASS


def is_comparable(old: Lock, new: Lock) -> bool:
    """Tell whether both were decided by the same policy and signatures, about the same commit."""
    return (old.origin, old.policy, old.signatures, old.tool) == (
        new.origin,
        new.policy,
        new.signatures,
        new.tool,
    )


def blob_name(arrived: Arrived) -> str:
    """Name a content as the hub's client does: by sha256 for large files, else as git does."""
    return arrived.entry.origin.sha256 or arrived.content.git_object


def holds(path: Path, file: LockedFile, repository: Path) -> bool:
    """Tell without reading it whether a link of a snapshot leads to a blob of the locked size."""
    target = Path(os.path.realpath(path))
    try:
        return (
            target.parent == Path(os.path.realpath(repository)) / "blobs"
            and target.is_file()
            and target.stat().st_size == file.size_bytes
        )
    except OSError:
        return False


def folder_name(target: HubTarget) -> str:
    """`models--org--name`."""
    return "--".join((target.repo_type.api_word, *target.repo_id.split("/")))


def _hub_target(target: str) -> HubTarget:
    if not is_hub_target(target, hub_endpoint()):
        raise UsageError(f"only repositories of the hub go into its cache, and {target[:200]!r} is none")
    parsed = parse_hub_target(target, hub_endpoint())
    if parsed.path:
        raise UsageError(
            f"{target[:200]!r} is a part of a repository: name the repository, and use --include"
        )
    return parsed
