"""A policy as it was before a change: a change must not bring its own pardon.

The checkout of a pull request holds the policy as the request would have it. So a policy or a baseline
of this repository is taken from the commit that is compared with, with the keys that it names.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path


def git(*arguments: str) -> bytes | None:
    """Ask git; None when it says no."""
    done = subprocess.run(["git", *arguments], check=False, capture_output=True)
    return done.stdout if done.returncode == 0 else None


def as_of(commit: str, file: Path, folder: Path) -> tuple[Path | None, bool]:
    """Return a file as it was at a commit, and whether the checkout has another one.

    A file that this repository does not hold, neither then nor now, is returned as it is. Otherwise it
    is a copy below `folder`, or None when there was none yet.
    """
    name = _name(file)
    then = git("cat-file", "blob", f"{commit}:{name}") if name is not None else None
    if name is None or (then is None and git("cat-file", "-e", f"HEAD:{name}") is None):
        return (file if file.is_file() else None), False
    if then is None:
        return None, True
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(then)
    return copy, then != git("cat-file", "blob", f"HEAD:{name}")


def policy_as_of(commit: str, file: Path, folder: Path) -> tuple[Path | None, bool]:
    """As `as_of`, with the keys and certificates that the policy names beside the copy."""
    copy, is_changed = as_of(commit, file, folder)
    if copy is not None and copy != file:
        for name in _named(copy):
            as_of(commit, file.parent / name, folder)
    return copy, is_changed


def _name(file: Path) -> str | None:
    """Return the file's path in this repository as it is spelt, else as its folder really is."""
    top = git("rev-parse", "--show-toplevel")
    if top is None:
        return None
    root = os.path.realpath(os.fsdecode(top.rstrip(b"\n")))
    spelt = os.path.abspath(file)
    for path in (spelt, os.path.join(os.path.realpath(os.path.dirname(spelt)), os.path.basename(spelt))):
        if path.startswith(f"{root}{os.sep}"):
            return os.path.relpath(path, root).replace(os.sep, "/")
    return None


def _named(policy: Path) -> Iterator[str]:
    try:
        tables = tomllib.loads(policy.read_text(encoding="utf-8-sig")).get("source")
    except (OSError, ValueError):
        return  # the program says what is wrong with it
    for table in tables if isinstance(tables, list) else ():
        signature = table.get("signature") if isinstance(table, dict) else None
        if isinstance(signature, dict):
            several = signature.get("certificates")
            names = [signature.get("key"), signature.get("trust_root")]
            names += several if isinstance(several, list) else []
            yield from (name for name in names if isinstance(name, str))
