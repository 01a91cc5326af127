"""Cut Python text into tokens without a grammar: cheap, and for text that no parser takes.

Linear in the text: a string that is never closed ends with its line, or with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_START = re.compile(
    r"""(?P<space>[ \t\r\f]+|\\\r?\n)
      | (?P<comment>\#[^\n]*)
      | (?P<string>[rRbBuUfF]{0,2}(?:\"\"\"|'''|"|'))
      | (?P<name>[^\W\d]\w*)
      | (?P<number>\d[\w.]*)
      | (?P<newline>\n)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = {
    '"': re.compile(r'(?:[^"\\\n]|\\.)*+"', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\n]|\\.)*+'", re.DOTALL),
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''", re.DOTALL),
}
_OPENING, _CLOSING = "([{", ")]}"


class TokenKind(StrEnum):
    STRING = "string"
    NAME = "name"
    NUMBER = "number"
    NEWLINE = "newline"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Token:
    """`line` counts from 1; `text` of a string has its quotes and prefix."""

    kind: TokenKind
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What parsing the text would cost: tokens, and how deep brackets and blocks nest."""

    tokens: int
    brackets: int
    indents: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of any text; comments and spaces are left out."""
    at, line = 0, 1
    while at < len(text):
        match = _START.match(text, at)
        if match is None:  # every character is matched by one alternative
            return
        stop = match.end()
        if match.lastgroup == "string":
            stop = _string_end(text, match)
            yield Token(TokenKind.STRING, text[at:stop], line)
        elif match.lastgroup in _KINDS:
            yield Token(_KINDS[match.lastgroup], match.group(), line)
        line += text.count("\n", at, stop)
        at = stop


def shape(text: str, most: int) -> Shape:
    """Measure a text; counting stops behind `most` tokens."""
    count = depth = deepest = 0
    for token in tokens(text):
        count += 1
        if token.kind is TokenKind.MARK:
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
            deepest = max(deepest, depth)
        if count > most:
            break
    return Shape(count, deepest, _widest_indent(text))


def _string_end(text: str, match: re.Match[str]) -> int:
    quotes = match.group().lstrip("rRbBuUfF")
    found = _ENDS[quotes].match(text, match.end())
    if found is not None:
        return found.end()
    newline = text.find("\n", match.end()) if len(quotes) == 1 else -1
    return newline if newline >= 0 else len(text)


def _widest_indent(text: str) -> int:
    """Blocks open at once: each is indented by one character or more."""
    levels = [0]
    deepest = 0
    for line in text.splitlines():
        stripped = line.lstrip(" \t")
        if not stripped:
            continue
        width = len(line) - len(stripped)
        while levels[-1] > width:
            levels.pop()
        if width > levels[-1]:
            levels.append(width)
            deepest = max(deepest, len(levels) - 1)
    return deepest


_KINDS = {
    "name": TokenKind.NAME,
    "number": TokenKind.NUMBER,
    "newline": TokenKind.NEWLINE,
    "mark": TokenKind.MARK,
}
