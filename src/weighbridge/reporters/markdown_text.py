r"""Write GitHub's Markdown in which text of the target stays text.

Text of the target stands in code spans and code blocks only: there no HTML, link, mention or issue
reference comes to life. What `code` and `block` return can't be left by what is in it:

    code span   fenced by more backticks than any run inside; one line, blanks at its ends kept
    pipe        `\|` in a table; written `\x7c` where a backslash stands before one
    block       fenced by more backticks than any run inside, each line made printable

Source: GitHub Flavored Markdown 0.29, sections 4.5, 4.10 and 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.reporters.words import printable, shortened

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>|#~&])")
_CHARACTERS = 200


def code(text: str, *, most: int = _CHARACTERS) -> str:
    """Return text of the target as a code span, anywhere but in a table."""
    return _span(shortened(printable(text), most))


def cell_code(text: str, *, most: int = _CHARACTERS) -> str:
    """Return text of the target as a code span that fits into a table."""
    line = shortened(printable(text), most)
    pipe = "\\x7c" if "\\|" in line else "\\|"
    return _span(line.replace("|", pipe))


def _span(line: str) -> str:
    if not line.strip():
        return "(blank)"
    fence = "`" * (_longest_run(line) + 1)
    padding = " " if line[0] in " `" or line[-1] in " `" else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def block(rows: Iterable[str], *, most: int) -> str:
    """Return lines of the target as a code block."""
    lines = [shortened(printable(row), most) for row in rows]
    fence = "`" * max(3, max(map(_longest_run, lines), default=0) + 1)
    return "\n".join((f"{fence}text", *lines, fence))


def plain(text: str) -> str:
    """Return text of our own, on one line, with everything escaped that Markdown would act on."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a list is told."""

    rows: int
    text_bytes: int


def within(items: Sequence[str], bounds: Bounds) -> tuple[Sequence[str], int]:
    """The first items that fit, and how many do not."""
    left = bounds.text_bytes
    for number, item in enumerate(items):
        left -= len(item.encode()) + 2
        if number >= bounds.rows or left < 0:
            return items[:number], len(items) - number
    return items, 0


def table(columns: Sequence[str], rows: Sequence[str]) -> str:
    """A table from rows that `cells` made."""
    return "\n".join((cells(*columns), "|" + " --- |" * len(columns), *rows))


def cells(*texts: str) -> str:
    """One row of a table; the texts come from `cell_code` or `plain`."""
    return f"| {' | '.join(texts)} |"
