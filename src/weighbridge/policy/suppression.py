"""Suppressions: the findings that a user has decided to accept, where, until when and why.

In artifact patterns `*` and `?` stay inside one directory, `**` crosses directories, and `!/`
crosses into a container as it does in our output. Nothing else is special: `[` is a bracket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """A decision of the user's: this rule may stand, here, until then, for this reason."""

    rule: str
    artifact: str
    reason: str
    expires: date
    """The last day on which it counts; `date.max` for what a baseline accepts."""
    sha256: str | None = None
    owner: str | None = None

    @property
    def lasts(self) -> str:
        """How long it counts, for people."""
        if self.expires == date.max:
            return "while this is the baseline"
        return f"until {self.expires.isoformat()}"

    def covers(self, path: tuple[str, ...], rule: str) -> bool:
        """True when rule and place match, whatever the digest and the day."""
        return self.rule == rule and matches_artifact(self.artifact, path)


def matches_artifact(pattern: str, path: tuple[str, ...]) -> bool:
    """True when each container part of `pattern` matches the corresponding part of `path`.

    A pattern for a file covers all that is nested in the file.

    Args:
        pattern: such as `models/*.pt` or `**/*.bin!/archive/data.pkl`.
        path: see `Artifact.path`.
    """
    parts = pattern.split("!/")
    if len(parts) > len(path):
        return False
    return all(_compiled(part).fullmatch(name) for part, name in zip(parts, path, strict=False))


@lru_cache(maxsize=256)
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile("".join(_translated(token) for token in _TOKEN.findall(part)), re.DOTALL)


def _translated(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _:
            return re.escape(token)
