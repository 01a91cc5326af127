"""Glob patterns, matched part by part, so that a walk enters only folders that can matter."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence

_WILD = re.compile(r"[*?\[]")


class GlobPattern:
    """`*`, `?` and `[...]` match inside one part; `**` matches any number of parts, also none.

    Hidden names match like others: a scanner must not overlook them. What lies below a folder
    that matches, matches too.

    Attributes:
        text: as the user typed it.
        base: the folder before the first part with a wildcard; `.` when there is none.
        parts: the parts from there on.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts = text.split("/")
        first_wild = next(n for n, part in enumerate(parts) if _WILD.search(part))
        self.base = "/".join(parts[:first_wild]) or ("/" if text.startswith("/") else ".")
        self.parts = tuple(part for part in parts[first_wild:] if part not in ("", "."))
        self._matchers = tuple(re.compile(fnmatch.translate(part)) for part in self.parts)

    @staticmethod
    def is_pattern(text: str) -> bool:
        return _WILD.search(text) is not None

    def matches(self, names: Sequence[str]) -> bool:
        """Tell whether a path below `base`, or a folder that it lies in, matches."""
        return any(self._ends_in(state) for state in self._states(names))

    def may_lie_below(self, names: Sequence[str]) -> bool:
        """Tell whether something below this folder can match."""
        states = self._states(names)
        return bool(states[-1]) or any(self._ends_in(state) for state in states)

    def _ends_in(self, state: frozenset[int]) -> bool:
        return len(self.parts) in state

    def _states(self, names: Sequence[str]) -> list[frozenset[int]]:
        """Return, after each name, the positions in the pattern that may come next."""
        state = self._past_stars(frozenset({0}))
        states = []
        for name in names:
            state = self._past_stars(frozenset(self._after(state, name)))
            states.append(state)
        return states

    def _after(self, state: frozenset[int], name: str) -> set[int]:
        following: set[int] = set()
        for position in state:
            if position == len(self.parts):
                continue
            if self.parts[position] == "**":
                following.add(position)
            elif self._matchers[position].match(os.path.normcase(name)):
                following.add(position + 1)
        return following

    def _past_stars(self, state: frozenset[int]) -> frozenset[int]:
        """Add the positions after each `**`, which may match nothing at all."""
        reached = set(state)
        for position in range(len(self.parts)):
            if position in reached and self.parts[position] == "**":
                reached.add(position + 1)
        return frozenset(reached)
