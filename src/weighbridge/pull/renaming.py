"""Move folders in one step: onto nothing, or in exchange for another. There is no moment in between."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from weighbridge.errors import DestinationError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def move_folder(source: Path, target: Path) -> None:
    """Rename a folder to a name that does not exist, or that is an empty folder.

    Raises:
        OSError: `target` holds something (ENOTEMPTY, EEXIST), or can't be written.
    """
    os.rename(source, target)
    sync_folder(target.parent)


def exchange(one: Path, other: Path) -> None:
    """Give each of two folders the other's name.

    Raises:
        DestinationError: this system or file system can't do that in one step.
        OSError: permission and the like.
    """
    _renameat2(one, other)
    sync_folder(one.parent)
    sync_folder(other.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # some file systems have no such thing
            raise
    finally:
        os.close(handle)


def _renameat2(one: Path, other: Path) -> None:
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        raise _impossible(other) from None
    paths = os.fsencode(one), os.fsencode(other)
    if call(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):
        raise _impossible(other)
    raise OSError(code, os.strerror(code), str(other))


def _impossible(folder: Path) -> DestinationError:
    return DestinationError(
        f"this system can't exchange two folders in one step, so {str(folder)!r} was left as it is; "
        "pull into a new folder"
    )
