"""What a listing holds that is no file to scan: folder markers, names of no file, what was cut off."""

from __future__ import annotations

from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Problem, ProblemKind
from weighbridge.fetchers.objectstore_pages import Listed
from weighbridge.fetchers.objectstore_target import flaw_of

_REST = "..."


def problem_with(listed: Listed, name: str, prefix: str) -> Problem | None:
    """Say what is wrong with an object of a listing; None when it is a file."""
    if listed.size_bytes == 0 and (listed.is_folder or listed.key.endswith("/")):
        detail = "an object without bytes that stands for a folder"
        return Problem(name=name or ".", kind=ProblemKind.FOLDER_MARKER, detail=detail)
    if not (listed.key.startswith(prefix) or listed.key == prefix.removesuffix("/")):
        flaw: str | None = "is not below what was asked for"
    else:
        flaw = flaw_of(listed.key) if listed.is_exact else "is not UTF-8"
    if flaw is None:
        return None
    detail = f"its key {flaw}: no file can have that name, so it was not read; copy it to another key"
    return Problem(name=name or ".", kind=_kind_of(name), detail=detail)


def _kind_of(name: str) -> ProblemKind:
    if ".." in name.split("/"):
        return ProblemKind.NAME_LEAVES
    return ProblemKind.NAME_ABSOLUTE if name.startswith("/") else ProblemKind.UNREADABLE


def too_many(max_files: int) -> Problem:
    """Say that the user's limit ends the listing."""
    detail = f"there are more than {max_files:,} objects; the rest was not looked at"
    return Problem(name=_REST, kind=ProblemKind.TOO_MANY_FILES, detail=detail)


def broken_off(error: ReadError) -> Problem:
    """Say that a later page could not be had."""
    detail = f"the listing broke off, and what comes after is not known: {error}"
    return Problem(name=_REST, kind=ProblemKind.UNREADABLE, detail=detail)
