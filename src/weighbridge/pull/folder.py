"""A folder as a destination: not there, empty, or with an older pull of the same target."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from weighbridge.core.address import shown_address
from weighbridge.core.artifact import Origin
from weighbridge.errors import DestinationError, UsageError
from weighbridge.fetchers.interface import Entry
from weighbridge.pull.comparison import compare_folder
from weighbridge.pull.download import Arrived
from weighbridge.pull.lock import Lock, encode_lock, read_lock
from weighbridge.pull.names import LOCK_NAME, path_of
from weighbridge.pull.quarantine import Quarantine, cannot_write, quarantine_for
from weighbridge.pull.renaming import exchange, move_folder, sync_folder

_IN_USE = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
_MOUNTED = (errno.EBUSY, errno.EXDEV)


class FolderChanged(DestinationError):
    """Somebody else was quicker. To try again can help."""


class FolderDestination:
    """A folder that comes into being, or is exchanged, in one step.

    Args:
        folder: as the user typed it; a symlink to a folder is followed.
        update: the folder may hold an older pull of the same target.
    """

    def __init__(self, folder: Path, *, update: bool = False) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._update = update
        self._old: Lock | None = None

    @property
    def quarantine(self) -> Path:
        return quarantine_for(self._folder)

    def check(self, target: str) -> None:
        if self._folder == self._folder.parent:
            raise DestinationError("can't pull into the root of the file system")
        if os.path.ismount(self._folder):
            raise _mounted(self._folder)
        try:
            held = os.listdir(self._folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        if held:
            self._old = self._older_pull(target)

    def _older_pull(self, target: str) -> Lock:
        shown = repr(str(self._folder))
        if not (self._folder / LOCK_NAME).exists():
            raise DestinationError(f"{shown} is not empty: pull into a new folder")
        try:
            lock = read_lock(self._folder / LOCK_NAME)
        except UsageError as error:
            raise DestinationError(f"{shown} is not empty, and {error}") from error
        if _without_revision(lock.target) != _without_revision(shown_address(target)):
            raise DestinationError(f"{shown} holds {lock.target!r}: pull into another folder")
        if not self._update:
            raise DestinationError(
                f"{shown} holds this target already: --update exchanges it, "
                "and weighbridge verify holds it against its lock"
            )
        self._check_untouched(lock)
        return lock

    def _check_untouched(self, lock: Lock) -> None:
        """What the user has changed or added would be lost."""
        differences = compare_folder(self._folder, lock).differences
        if differences:
            words = "; ".join(f"{one.name} ({one.kind.value})" for one in differences[:5])
            raise DestinationError(
                f"{str(self._folder)!r} is not what its lock says, and an update would lose that: "
                f"{words}. Move your changes elsewhere, or pull into a new folder"
            )

    def copies_of(self, entry: Entry) -> Iterable[Path]:
        if self._old is None:
            return
        locked = self._old.by_name.get(entry.name)
        if locked is not None and entry.origin.sha256 in (None, locked.sha256):
            yield path_of(self._folder, entry.name)

    def merged(self, lock: Lock) -> Lock:
        return lock

    def place(
        self, quarantine: Quarantine, arrived: Sequence[Arrived], *, lock: Lock, origin: Origin
    ) -> Path:
        write_synced(quarantine.tree / LOCK_NAME, encode_lock(lock))
        sync_tree(quarantine.tree)
        try:
            if self._old is None:
                move_folder(quarantine.tree, self._folder)
            else:
                self._check_still(self._old)
                exchange(quarantine.tree, self._folder)
        except OSError as error:
            if error.errno in _MOUNTED:
                raise _mounted(self._folder) from error
            if error.errno not in _IN_USE:
                raise
            raise FolderChanged(
                f"something was put into {str(self._folder)!r} meanwhile, so nothing was moved there; "
                "what has arrived is kept: empty the folder and pull again"
            ) from error
        return self._folder

    def _check_still(self, old: Lock) -> None:
        """Another pull may have ended while this one waited: what it has brought would be lost."""
        try:
            is_same = read_lock(self._folder / LOCK_NAME) == old
        except UsageError:
            is_same = False
        if not is_same:
            raise FolderChanged(
                f"another pull has exchanged {str(self._folder)!r} meanwhile, so it was left as it is; "
                "what has arrived is kept: pull again"
            )


def _mounted(folder: Path) -> DestinationError:
    return DestinationError(
        f"{str(folder)!r} is a mount point, which no folder can take the place of in one step: "
        "pull into a folder inside it"
    )


def write_synced(path: Path, data: bytes) -> None:
    """Write a file so that it survives a power cut."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(root: Path) -> None:
    """Have the names in all folders from `root` down survive a power cut."""
    for folder, _, _ in os.walk(root):
        sync_folder(Path(folder))


def _without_revision(target: str) -> str:
    """`hf://org/name@main` and `hf://org/name` are one target; what is not so written is itself."""
    return target.partition("@")[0] if target.startswith("hf://") else target
