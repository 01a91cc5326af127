r"""Git's own files: `config` and `.gitmodules` (one syntax), `.gitattributes`.

    [section "subsection"]      ; comment
        key = value             # or a key alone, which is true
        key = "quoted \"value\"" \
              continued

    pattern attribute -attribute attribute=value

Law: any text gives entries; a line that git would refuse gives none.

Source: git-config(1), section "Syntax"; gitmodules(5); gitattributes(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MOST_LINES: Final = 50_000
_LINE_CHARS: Final = 8_192
_SECTION: Final = re.compile(r"\s*\[\s*([\w.-]+)\s*(?:\"((?:[^\"\\]|\\.)*)\")?\s*\]\s*(.*)\Z", re.DOTALL)
_ENTRY: Final = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:=(.*))?\Z", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "b": "\b"}


@dataclass(frozen=True, slots=True)
class GitEntry:
    """One value.

    Attributes:
        section: in lower case.
        subsection: as it is spelled; "" when there is none.
        key: in lower case.
        value: quotes and escapes taken out; "true" for a key without a value.
    """

    line: int
    section: str
    subsection: str
    key: str
    value: str

    @property
    def name(self) -> str:
        """The whole name, as `git config` shows it."""
        return ".".join(filter(None, (self.section, self.subsection, self.key)))


def parse_git_config(text: str) -> Iterator[GitEntry]:
    """Yield every value, in order, up to 50,000 lines."""
    section = subsection = ""
    for number, line in _logical(text):
        match = _SECTION.match(line)
        if match is not None:
            section, line = match[1].lower(), match[3]
            subsection = re.sub(r"\\(.)", r"\1", match[2] or "")
            if not match[2] and "." in section:
                section, _, subsection = section.partition(".")
        entry = _ENTRY.match(_uncommented(line))
        if entry is not None and section:
            value = "true" if entry[2] is None else _value(entry[2])
            yield GitEntry(number, section, subsection, entry[1].lower(), value)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    joined, first = "", 0
    for number, line in enumerate(text.splitlines()[:_MOST_LINES], start=1):
        if not joined:
            first = number
            if not line.strip() or line.lstrip().startswith(("#", ";")):
                continue
        is_continued = line.endswith("\\") and not line.endswith("\\\\")
        if is_continued and len(joined) < _LINE_CHARS:
            joined += line[:-1]
            continue
        yield first, (joined + line)[:_LINE_CHARS]
        joined = ""
    if joined:
        yield first, joined[:_LINE_CHARS]


def _uncommented(line: str) -> str:
    """The line up to a comment that is not in quotes."""
    quoted = False
    at = 0
    while at < len(line):
        char = line[at]
        if char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            return line[:at]
        at += 1
    return line


def _value(text: str) -> str:
    found: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            at += 1
            found.append(_ESCAPES.get(text[at], text[at]))
        elif char != '"':
            found.append(char)
        at += 1
    return "".join(found)


@dataclass(frozen=True, slots=True)
class GitAttribute:
    """One attribute of a pattern; `-name` is "false", `!name` "unset", `name` alone "true"."""

    line: int
    pattern: str
    name: str
    value: str


def parse_git_attributes(text: str) -> Iterator[GitAttribute]:
    """Yield every attribute of every line, up to 50,000 lines."""
    for number, line in enumerate(text.splitlines()[:_MOST_LINES], start=1):
        words = line[:_LINE_CHARS].split()
        if not words or words[0].startswith("#"):
            continue
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not name.strip("-!"):
                continue
            if name.startswith("-"):
                yield GitAttribute(number, words[0], name[1:], "false")
            elif name.startswith("!"):
                yield GitAttribute(number, words[0], name[1:], "unset")
            elif name:
                yield GitAttribute(number, words[0], name, value if equals else "true")
