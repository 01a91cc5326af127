"""Where the symlinks of a git tree lead: told from their texts, followed on no disk."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Set
from typing import Final

from weighbridge.fetchers.interface import Problem, ProblemKind

LONGEST_LINK_BYTES: Final = 4096
_MOST_HOPS: Final = 40
_SHOWN: Final = 200


def link_problem(name: str, links: Mapping[str, str], names: Set[str], folders: Set[str]) -> Problem:
    """Say where the symlink `name` leads.

    Args:
        name: one of `links`.
        links: each symlink of the tree with its text.
        names: all other files of the tree.
        folders: all folders of the tree.
    """
    kind, words = _fate(name, links, names, folders)
    detail = f"a symlink to {links[name][:_SHOWN]!r}, {words}"
    return Problem(name=name, kind=kind, detail=detail)


def _fate(
    name: str, links: Mapping[str, str], names: Set[str], folders: Set[str]
) -> tuple[ProblemKind, str]:
    place: str | None = name
    for _ in range(_MOST_HOPS):
        if place is None:
            return (
                ProblemKind.SYMLINK_OUTSIDE,
                "which lies outside of the repository; it was not followed",
            )
        if place in names or place in folders:
            return ProblemKind.SYMLINK_TO_ENTRY, "which is scanned under its own name"
        link = _first_link(place, links)
        if link is None:
            return ProblemKind.SYMLINK_DANGLING, "which does not exist"
        place = _target(link, links[link], place[len(link) :].lstrip("/"))
    return ProblemKind.SYMLINK_LOOP, "which leads back to itself"


def _first_link(place: str, links: Mapping[str, str]) -> str | None:
    """Return the first part of a path that is a symlink itself."""
    parts = place.split("/")
    below = ("/".join(parts[:number]) for number in range(1, len(parts) + 1))
    return next((part for part in below if part in links), None)


def _target(link: str, text: str, rest: str) -> str | None:
    """Return the path in the tree that a link means; None when it leads out of it, even for a while."""
    if text.startswith("/") or not text or "\\" in text or "\0" in text:
        return None
    here = posixpath.dirname(link).split("/") if "/" in link else []
    for part in (*text.split("/"), *rest.split("/")):
        if part == "..":
            if not here:
                return None
            here.pop()
        elif part not in ("", "."):
            here.append(part)
    return "/".join(here)
