"""One text to search, and the words for a place in it: a line, or the metadata that it stands in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_BOUNDARY: Final = "\n\x1e\n"
_SHOWN_PLACES: Final = 6


@dataclass(frozen=True, slots=True)
class Passage:
    """A text.

    Attributes:
        names: of the parts that it was joined from; empty when it is one text with lines.
        starts: where each part begins.
    """

    text: str
    names: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()

    def place(self, index: int) -> str:
        """Return where a character lies, for people."""
        if self.names:
            return self.names[max(0, bisect_right(self.starts, index) - 1)][:120]
        return f"line {self.text.count(chr(10), 0, index) + 1:,}"

    def places(self, indexes: Iterable[int]) -> str:
        """Return where some characters lie, each place once, the first few."""
        ordered = list(indexes)
        words = list(dict.fromkeys(self.place(index) for index in ordered[: 4 * _SHOWN_PLACES]))
        more = ", ..." if len(ordered) > 4 * _SHOWN_PLACES or len(words) > _SHOWN_PLACES else ""
        return ", ".join(words[:_SHOWN_PLACES]) + more


@dataclass(slots=True)
class Tally:
    """What was found of one kind: where, and how the first few look."""

    indexes: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def add(self, index: int, line: str) -> None:
        self.indexes.append(index)
        if len(self.lines) < _SHOWN_PLACES and line not in self.lines:
            self.lines.append(line)


def joined(parts: Iterable[tuple[str, str]], limit: int) -> Passage:
    """Return texts with their names as one, up to a number of characters."""
    names: list[str] = []
    starts: list[int] = []
    texts: list[str] = []
    at = 0
    for name, text in parts:
        if at >= limit:
            break
        part = text[: limit - at]
        names.append(name)
        starts.append(at)
        texts.append(part)
        at += len(part) + len(_BOUNDARY)
    return Passage(_BOUNDARY.join(texts), tuple(names), tuple(starts))
