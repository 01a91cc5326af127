"""Where a file of a target lies, as a relative URI: the path that a code-scanning page shows.

Local files are placed as the user typed the target, relative to the working directory of the run,
which in continuous integration is the repository; remote ones below the name of theirs.
"""

from __future__ import annotations

import posixpath
import re
from itertools import takewhile
from pathlib import PurePosixPath
from urllib.parse import quote

from weighbridge.core.repository import WHOLE
from weighbridge.reporters.interface import Scanned

_SCHEME = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]{0,63}://")
_WILDCARDS = frozenset("*?[")


def target_root(result: Scanned, *, working_directory: str | None) -> str:
    """Return the path that the target's artifact paths are relative to, "" for none.

    Args:
        result: a target.
        working_directory: absolute; a target outside of it keeps only its last part.
    """
    origin = result.report.origin
    if origin.kind != "local":
        pinned = f"@{origin.revision}" if origin.revision else ""
        return _SCHEME.sub("", origin.location).removesuffix(pinned).strip("/")
    if working_directory is None:
        location, inside = PurePosixPath(origin.location), None
    else:
        location = PurePosixPath(posixpath.normpath(posixpath.join(working_directory, result.target)))
        inside = PurePosixPath(working_directory)
    base = location.parent if _is_one_file(result, location.name) else _before_wildcards(location)
    if inside is not None and base.is_relative_to(inside):
        relative = str(base.relative_to(inside))
        return "" if relative == "." else relative
    return base.name if base == location else ""


def _is_one_file(result: Scanned, name: str) -> bool:
    """True when the only top-level artifact is the target itself."""
    paths = [row.path for row in result.report.coverage]
    paths += [found.finding.path for found in result.findings]
    return {path[:1] for path in paths} - {(WHOLE,)} == {(name,)}


def _before_wildcards(location: PurePosixPath) -> PurePosixPath:
    """A glob's files are named relative to the folders before its first wildcard."""
    return PurePosixPath(*takewhile(lambda part: _WILDCARDS.isdisjoint(part), location.parts))


def artifact_uri(root: str, path: tuple[str, ...]) -> str:
    """Return the percent-encoded relative URI of the file that holds an artifact.

    What is about a target as a whole lies at its root.
    """
    if path == (WHOLE,):
        path = ()
    joined = posixpath.normpath(posixpath.join(root, (path[0] if path else "").lstrip("/")))
    return quote(_file_system_bytes(joined), safe="/")


def _file_system_bytes(name: str) -> bytes:
    """Undo how Python reads names that are not UTF-8; other lone surrogates are spelled out."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace")
