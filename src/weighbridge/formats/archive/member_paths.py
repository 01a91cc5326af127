"""Where an archive member would land if someone extracted it, told from names alone."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SEPARATORS = re.compile(r"[\\/]")
_MAX_PARTS = 256
"""Longer paths than any operating system takes are not resolved."""
_MAX_LINKS = 40


class PathHazard(StrEnum):
    """Why a name is dangerous to extract; the value is a phrase for people."""

    ESCAPES = "climbs out of the target directory"
    ABSOLUTE = "is absolute"


def path_hazard(name: str) -> PathHazard | None:
    """Judge a member's name; a backslash counts as a separator, as it does on Windows."""
    depth = 0
    for part in _SEPARATORS.split(name):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return PathHazard.ESCAPES
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return PathHazard.ABSOLUTE
    return None


@dataclass(slots=True)
class LinkTable:
    """The links of an archive met so far, and where paths lead through them."""

    _targets: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add_symlink(self, name: str, target: str) -> bool:
        """Remember a symbolic link.

        Returns:
            True when its target lies outside of the directory that is extracted to.
        """
        parts = _parts(name)
        leaves = (
            self.leaves("/".join((*parts[:-1], target))) or path_hazard(target) is PathHazard.ABSOLUTE
        )
        if len(parts) <= _MAX_PARTS:
            self._targets[tuple(parts)] = target
        return leaves

    def leaves(self, name: str) -> bool:
        """Tell whether writing to `name` would follow links, or `..`, out of the directory."""
        todo = deque(_parts(name))
        if len(todo) > _MAX_PARTS:
            return path_hazard(name) is PathHazard.ESCAPES
        reached: list[str] = []
        followed = 0
        while todo and followed <= _MAX_LINKS:
            part = todo.popleft()
            if part == "..":
                if not reached:
                    return True
                reached.pop()
                continue
            reached.append(part)
            target = self._targets.get(tuple(reached)) if self._targets else None
            if target is not None:
                followed += 1
                if path_hazard(target) is PathHazard.ABSOLUTE:
                    return True
                reached.pop()
                todo.extendleft(reversed(_parts(target)))
        return False


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]
