"""Where the symlinks of a git tree lead: told from their texts, followed on no disk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

from weighbridge.fetchers.interface import Problem, ProblemKind

LONGEST_LINK_BYTES: Final = 4096
_MOST_HOPS: Final = 40
_MOST_STEPS: Final = 1000
_SHOWN: Final = 200


class Tree:
    """The files and symlinks of a commit.

    Args:
        names: of all files.
        links: each symlink with its text.
    """

    def __init__(self, names: Iterable[str], links: Mapping[str, str]) -> None:
        self._files = frozenset(names)
        self._links = links
        self._sorted = sorted((*self._files, *links))

    def problem(self, name: str) -> Problem:
        """Say where a symlink leads."""
        kind, words = self._fate(name)
        detail = f"a symlink to {self._links[name][:_SHOWN]!r}, {words}"
        return Problem(name=name, kind=kind, detail=detail)

    def _fate(self, name: str) -> tuple[ProblemKind, str]:
        """Walk as the kernel does: `..` behind a link is the folder above where that link leads."""
        here: list[str] = []
        ahead = list(reversed(name.split("/")))
        hops = 0
        for _ in range(_MOST_STEPS):
            if not ahead:
                return self._end("/".join(here))
            part = ahead.pop()
            if part == ".." and not here:
                return _OUTSIDE
            if part == "..":
                here.pop()
            elif part not in ("", "."):
                here.append(part)
            text = self._links.get("/".join(here)) if part != ".." else None
            if text is not None:
                if text.startswith("/") or not text or "\\" in text or "\0" in text:
                    return _OUTSIDE
                hops += 1
                here.pop()
                ahead += reversed(text.split("/"))
            if hops > _MOST_HOPS:
                break
        return ProblemKind.SYMLINK_LOOP, "which leads back to itself, or on and on"

    def _end(self, place: str) -> tuple[ProblemKind, str]:
        if place in self._files or self._is_folder(place):
            return ProblemKind.SYMLINK_TO_ENTRY, "which is scanned under its own name"
        return ProblemKind.SYMLINK_DANGLING, "which does not exist"

    def _is_folder(self, place: str) -> bool:
        at = bisect_left(self._sorted, f"{place}/")
        return not place or (at < len(self._sorted) and self._sorted[at].startswith(f"{place}/"))


_OUTSIDE: Final = (
    ProblemKind.SYMLINK_OUTSIDE,
    "which lies outside of the repository; it was not followed",
)
