"""Refuse names that a target could use to write elsewhere, or over each other.

A name of a target becomes a path here and nowhere else in the program, and only when this module has
let it through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from weighbridge.errors import GateClosed
from weighbridge.reporters.words import printable, shortened

LOCK_NAME = "weighbridge.lock"

_PART_BYTES = 255
_NAME_BYTES = 3000
"""Leaves room for the folder in the 4096 bytes of a path."""
_PARTS = 64
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_GIT = re.compile(r"\.git|git~[0-9]", re.IGNORECASE)
"""The second is the short name of the first on Windows."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 5


def check_names(names: Iterable[str]) -> None:
    """Let names through that are harmless, alone and together.

    Raises:
        GateClosed: some are not; the message names them and says why.
    """
    refused = list(_refusals(tuple(names)))
    if not refused:
        return
    shown = "; ".join(f"{_shown(name)} {why}" for name, why in refused[:_SHOWN])
    more = f"; and {len(refused) - _SHOWN:,} more" if len(refused) > _SHOWN else ""
    raise GateClosed(
        f"the target has names that no folder should get: {shown}{more}. Nothing was downloaded; "
        "leave them out with --exclude if you can do without them",
        exit_code=1,
    )


def path_of(root: Path, name: str) -> Path:
    """Return where a name that `check_names` let through lies below `root`."""
    return root.joinpath(*name.split("/"))


def _refusals(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        why = _objection(name)
        if why is not None:
            yield name, why
    yield from _collisions([name for name in names if _objection(name) is None])


def _objection(name: str) -> str | None:
    if name.startswith("/") or re.match(r"[A-Za-z]:[\\/]", name):
        return "is an absolute path"
    parts = name.split("/")
    if ".." in parts or "." in parts or "" in parts:
        return "leaves its folder or has an empty part"
    if "\\" in name:
        return "has a backslash, which is a separator elsewhere"
    if _CONTROL.search(name):
        return "has control characters"
    if (long := _too_long(name, parts)) is not None:
        return long
    if any(_DEVICES.fullmatch(part) for part in parts):
        return "is reserved for a device on Windows"
    if any(_GIT.fullmatch(_visible(part)) for part in parts):
        return "would make its folder a git repository, whose hooks and settings git runs"
    if any(part.endswith((" ", ".")) for part in parts):
        return "has a part that ends in a blank or a dot"
    if _folded(parts[0]) == LOCK_NAME:
        return "is the name of our own lock"
    return None


def _too_long(name: str, parts: Sequence[str]) -> str | None:
    try:
        sizes = [len(part.encode("utf-8")) for part in parts]
    except UnicodeEncodeError:
        return "is not Unicode text"
    if max(sizes) > _PART_BYTES or sum(sizes) + len(sizes) > _NAME_BYTES:
        return "is too long for a file"
    return f"lies more than {_PARTS} folders deep" if len(parts) > _PARTS else None


def _collisions(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Files that are one on some file systems, and files that others need as a folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        if (folded := _folded(name)) in files:
            yield name, f"is the same name as {_shown(files[folded])} where case does not count"
        files.setdefault(folded, name)
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if _folded(folder) in files:
                yield name, f"needs a folder where {_shown(files[_folded(folder)])} is a file"
            other = folders.setdefault(_folded(folder), folder)
            if other != folder:
                yield name, f"is in a folder that is {_shown(other)} where case does not count"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _visible(part: str) -> str:
    """Drop what some file systems leave out of names: marks that can't be seen."""
    return "".join(char for char in part if unicodedata.category(char) != "Cf")


def _shown(name: str) -> str:
    return f"'{printable(shortened(name, 80))}'"
