"""Where in a Markdown text a place lies: prose, an example, a quotation, or where no reader sees it.

Layout: front matter (YAML between lines of `---`) at the beginning; fences of three or more backticks
or tildes around code; `>` before quotations, `|` before rows of tables, `#` before headings; HTML
anywhere. Enough is read to tell examples from what the text says itself; nothing is rendered.

Source: CommonMark 0.31.2, sections 4.5, 4.6, 5.1; reStructuredText for literal blocks (`::`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weighbridge.formats.documents.html_text import attribute_texts, comments, hidden_elements

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+\Z")
_FENCE: Final = re.compile(r"[ \t>*+-]{0,12}(`{3,}|~{3,})")
_BACKTICKS: Final = re.compile("`+")
_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+(.{1,200})")
_UNDERLINE: Final = re.compile(r" {0,3}(?:=+|-{3,}|~{3,}|\^{3,})[ \t]*$")
_LITERAL: Final = re.compile(
    r"(?:.*::|\.\. (?:code|code-block|sourcecode|parsed-literal|prompt)::.*)\s*$"
)
_KEY: Final = re.compile(r"([A-Za-z_][\w-]{0,60})\s{0,4}:")
_IMAGE: Final = re.compile(r"!\[([^\[\]\n]{1,1000})\]")
_LINK_TITLE: Final = re.compile(
    r"\]\([^()\s]{0,500}\s{1,4}(?:\"([^\"\n]{1,1000})\"|'([^'\n]{1,1000})')\s{0,4}\)"
)
_HIDDEN_REFERENCE: Final = re.compile(
    r"^[ ]{0,3}\[[^\]\n]{0,60}\]:\s{0,4}(?:#|<>)\s{0,4}"
    r"(?:\(([^\n]{1,2000})\)|\"([^\n]{1,2000})\"|'([^\n]{1,2000})')",
    re.MULTILINE,
)


class Place(StrEnum):
    """What a reader makes of a part of the text."""

    PROSE = "text"
    CODE = "an example"
    QUOTE = "a quotation"
    TABLE = "a table"
    EXAMPLE = "an example of the front matter"
    FRONT_MATTER = "the front matter"
    COMMENT = "a comment that no reader sees"
    HIDDEN = "an element that is not shown"
    ATTRIBUTE = "a text that stands for a picture or link"


HIDDEN_PLACES: Final = frozenset({Place.COMMENT, Place.HIDDEN, Place.ATTRIBUTE})
SHOWN_PLACES: Final = frozenset({Place.CODE, Place.QUOTE, Place.TABLE, Place.EXAMPLE})


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    place: Place
    heading: str


class MarkdownText:
    """The blocks of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._blocks = list(_blocks(text))
        self._starts = [block.start for block in self._blocks]
        self._hidden = sorted(self._hidden_spans())
        self._hidden_starts = [start for start, _, _ in self._hidden]

    def at(self, index: int) -> Place:
        """Return what a reader makes of the character at an index."""
        block = self._block(index)
        if block.place is Place.CODE:
            return Place.CODE
        found = bisect_right(self._hidden_starts, index) - 1
        # Spans nest: an attribute within a comment begins later and ends earlier.
        for _, stop, place in reversed(self._hidden[max(0, found - 3) : found + 1]):
            if index < stop:
                return place
        if block.place is Place.PROSE and self._is_in_backticks(index):
            return Place.CODE
        return block.place

    def heading(self, index: int) -> str:
        """Return the heading above, or "" when there is none."""
        return self._block(index).heading

    def _block(self, index: int) -> _Block:
        return self._blocks[max(0, bisect_right(self._starts, index) - 1)]

    def _is_in_backticks(self, index: int) -> bool:
        line = self._text.rfind("\n", 0, index) + 1
        return len(_BACKTICKS.findall(self._text, max(line, index - 2_000), index)) % 2 == 1

    def _hidden_spans(self) -> Iterator[tuple[int, int, Place]]:
        for start, stop in comments(self._text):
            if self._block(start).place is not Place.CODE:
                yield start, stop, Place.COMMENT
        for start, stop in hidden_elements(self._text):
            yield start, stop, Place.HIDDEN
        for start, stop in attribute_texts(self._text):
            yield start, stop, Place.ATTRIBUTE
        for match in _IMAGE.finditer(self._text):
            yield *match.span(1), Place.ATTRIBUTE
        for match in _LINK_TITLE.finditer(self._text):
            yield *match.span(match.lastindex or 0), Place.ATTRIBUTE
        for match in _HIDDEN_REFERENCE.finditer(self._text):
            yield *match.span(match.lastindex or 0), Place.COMMENT


def _blocks(text: str) -> Iterator[_Block]:
    """Yield where the place or the heading changes."""
    reader = _Lines()
    last = _Block(0, Place.PROSE, "")
    yield last
    for match in _LINE.finditer(text):
        block = _Block(match.start(), reader.place(match.group()), reader.heading)
        if (block.place, block.heading) != (last.place, last.heading):
            yield block
            last = block


class _Lines:
    """Tells the place of one line after the other."""

    def __init__(self) -> None:
        self.heading = ""
        self._number = 0
        self._fence = ""
        self._previous = ""
        self._in_front_matter = False
        self._key = ""
        self._literal_indent = -1

    def place(self, line: str) -> Place:
        """Take the next line."""
        self._number += 1
        place = self._front_matter(line) or self._code(line) or self._plain(line)
        self._previous = line
        return place

    def _front_matter(self, line: str) -> Place | None:
        if self._number == 1 and line.lstrip("\ufeff").rstrip() == "---":
            self._in_front_matter = True
            return Place.FRONT_MATTER
        if not self._in_front_matter:
            return None
        if line.rstrip() in ("---", "..."):
            self._in_front_matter = False
            return Place.FRONT_MATTER
        if line.lstrip().startswith("#"):
            return Place.COMMENT
        match = _KEY.match(line)
        if match is not None:
            self._key = match.group(1)
        is_example = self._key in ("widget", "inference", "model-index", "dataset_info", "configs")
        return Place.EXAMPLE if is_example else Place.FRONT_MATTER

    def _code(self, line: str) -> Place | None:
        fence = _FENCE.match(line)
        if self._fence:
            if fence is not None and fence.group(1).startswith(self._fence):
                self._fence = ""
            return Place.CODE
        if fence is not None:
            self._fence = fence.group(1)
            return Place.CODE
        return self._literal(line)

    def _literal(self, line: str) -> Place | None:
        """A literal block of reStructuredText: what is indented behind a line that ends in `::`."""
        if self._literal_indent >= 0:
            indent = len(line) - len(line.lstrip())
            if not line.strip() or indent > self._literal_indent:
                return Place.CODE
            self._literal_indent = -1
        if _LITERAL.match(line):
            self._literal_indent = len(line) - len(line.lstrip())
        return None

    def _plain(self, line: str) -> Place:
        heading = _HEADING.match(line)
        if heading is not None:
            self.heading = heading.group(1).strip()
        elif _UNDERLINE.match(line) and 0 < len(self._previous.strip()) < 200:
            self.heading = self._previous.strip()
        stripped = line.lstrip()
        if stripped.startswith(">"):
            return Place.QUOTE
        return Place.TABLE if stripped.startswith("|") else Place.PROSE
