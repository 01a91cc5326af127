"""Hold what has arrived and was not judged yet: a folder of our own beside the destination.

    .weighbridge-quarantine-1f0c…/     mode 0700, locked while a pull runs
        state.json                     whose bytes these are
        journal                        what has arrived of them
        tree/                          the files, under their own names

Rule: it stays when going on later makes sense (interrupted, network, disk full) and goes when its
content was judged and refused, was handed over, or is of another target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from weighbridge.errors import DestinationError
from weighbridge.pull.journal import Journal

PREFIX = ".weighbridge-quarantine-"
_STATE_BYTES = 1 << 20
_SPARE_BYTES = 16 << 20


class _State(msgspec.Struct, frozen=True):
    """Whose bytes lie here."""

    identity: str
    version: int = 1


class Quarantine:
    """One quarantine that this process holds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = root / "tree"
        self._is_kept = False

    def take_over(self, identity: str) -> Journal:
        """Go on with what lies here when it has this identity; otherwise begin anew.

        Raises:
            OSError: the folder can't be written.
        """
        if not self._is_sound() or self._identity() != identity:
            self.clear()
            (self.root / "state.json").write_bytes(msgspec.json.encode(_State(identity)))
        self.tree.mkdir(exist_ok=True)
        return Journal(self.root / "journal")

    def _identity(self) -> str | None:
        try:
            with (self.root / "state.json").open("rb") as stream:
                return msgspec.json.decode(stream.read(_STATE_BYTES), type=_State).identity
        except (OSError, msgspec.DecodeError):
            return None

    def _is_sound(self) -> bool:
        """Tell whether files and folders are what we make: nothing that leads out, or makes us wait."""
        for folder, folders, files in os.walk(self.root):
            if any(os.path.islink(os.path.join(folder, name)) for name in folders):
                return False
            if not all(stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode) for name in files):
                return False
        journal = self.root / "journal"
        return not (os.path.lexists(self.tree) and not self.tree.is_dir()) and not journal.is_dir()

    def keep(self) -> None:
        """Leave what has arrived for the next time."""
        self._is_kept = True

    @property
    def is_kept(self) -> bool:
        return self._is_kept

    def clear(self) -> None:
        """Remove all that lies here."""
        for child in os.scandir(self.root):
            if child.is_dir(follow_symlinks=False):
                _remove_folder(Path(child.path))
            else:
                os.unlink(child.path)

    def drop_all_but(self, wanted: Collection[str]) -> None:
        """Remove what an earlier, interrupted pull has brought and this one does not want."""
        for folder, _, files in os.walk(self.tree, topdown=False):
            for name in files:
                path = Path(folder, name)
                if path.is_symlink() or path.relative_to(self.tree).as_posix() not in wanted:
                    path.unlink()
            if Path(folder) != self.tree:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)  # only an empty one goes

    def check_space(self, total_bytes: int) -> None:
        """Look whether the rest of the files fits on the disk.

        Raises:
            DestinationError: it does not.
        """
        there = sum(path.stat().st_blocks * 512 for path in self.tree.rglob("*") if path.is_file())
        status = os.statvfs(self.tree)
        needed, free = total_bytes - there, status.f_bavail * status.f_frsize
        if needed + _SPARE_BYTES > free:
            raise DestinationError(
                f"{needed:,} bytes are to come, and the disk of {str(self.root.parent)!r} has "
                f"{free:,} left; free some, or pull elsewhere"
            )


def _remove_folder(folder: Path) -> None:
    """Remove a folder; after an update it is the user's old one, which may be protected from writing."""
    for place, folders, _ in os.walk(folder):
        for name in (".", *folders):
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder)


def quarantine_for(destination: Path) -> Path:
    """Return where the quarantine of a destination is: beside it, on the same file system."""
    mark = hashlib.sha256(os.fsencode(destination.name)).hexdigest()[:16]
    return destination.parent / f"{PREFIX}{mark}"


@contextmanager
def held(root: Path, *, waits: bool = False) -> Iterator[Quarantine]:
    """Hold the quarantine at `root`, made when it is not there; removed at the end unless kept.

    Args:
        root: see `quarantine_for`.
        waits: for another process that holds it; otherwise that is an error.

    Raises:
        DestinationError: another process holds it, or it can't be made.
    """
    handle = _locked(root, waits=waits)
    quarantine = Quarantine(root)
    try:
        yield quarantine
        quarantine.clear()
        root.rmdir()
    except BaseException:
        if not quarantine.is_kept:
            with contextlib.suppress(OSError):
                shutil.rmtree(root)
        raise
    finally:
        os.close(handle)


def _locked(root: Path, *, waits: bool) -> int:
    while True:
        handle = _opened(root)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _in_use(root) from None
            raise DestinationError(f"can't lock {str(root)!r}: {error.strerror}") from error
        if _is_still_there(root, handle):
            return handle
        os.close(handle)  # whoever held it has removed it meanwhile


def _opened(root: Path) -> int:
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            root.mkdir(mode=0o700)
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return _opened(root)  # removed between the two steps
    except OSError as error:
        raise cannot_write(root.parent, error) from error
    status = os.fstat(handle)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        os.close(handle)
        raise DestinationError(
            f"{str(root)!r} is where downloads wait to be judged, and others may write to it; remove it"
        )
    return handle


def _is_still_there(root: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(root, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def _in_use(root: Path) -> DestinationError:
    return DestinationError(
        f"another pull is at work for the same place (it holds {str(root)!r}); wait until it has ended"
    )


def cannot_write(folder: Path, error: OSError) -> DestinationError:
    """Say what is wrong with a folder that can't be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DestinationError(
            f"no space left for {str(folder)!r}. What has arrived is kept beside it; "
            "free some space and pull again to go on, or remove it"
        )
    reason = error.strerror or type(error).__name__
    return DestinationError(f"can't write to {str(folder)!r}: {reason}")
