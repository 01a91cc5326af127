"""Which files of a commit git writes with other bytes when it checks them out.

`.gitattributes` is a part of the repository. By `working-tree-encoding`, `eol` and `ident` its author
decides what a file turns into on the disk of whoever clones it: what is a text in the repository can be
a pickle there. Patterns are read generously where they ask for a change, and exactly where they end one.

Source: gitattributes(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

ATTRIBUTES: Final = ".gitattributes"
LONGEST_ATTRIBUTES_BYTES: Final = 256 * 1024
_MOST_RULES: Final = 500
_LONGEST_PATTERN: Final = 512
_SAME: Final = ("utf-8", "utf8", "us-ascii")
_WORDS: Final = re.compile(r"!?-?(text|crlf|eol|ident|binary|working-tree-encoding)(=.*)?")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]+(.*)')
_PLAIN: Final = re.compile(r"[^/\\\[\]]+")
_ESCAPED: Final = re.compile(r"\\[0-7]{3}|\\.|\[.*\]")
_IDENT: Final = re.compile(rb"\$Id(?::[^$\n]*)?\$")
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
_MACRO: Final = "[attr]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What git does to a file.

    Attributes:
        encoding: that it is written in; None for that of the repository.
        text: `set`, `auto`, `unset`; "" where nothing is said.
        eol: `crlf`, `lf`, or "".
        has_ident: `$Id$` is replaced.
    """

    encoding: str | None = None
    text: str = ""
    eol: str = ""
    has_ident: bool = False

    def applied(self, data: bytes) -> bytes:
        """Return what is written somewhere, apart from the encoding; the digest in `$Id$` is made up."""
        is_text = self.text == "set" or (self.eol == "crlf" and self.text != "unset")
        is_text &= self.eol != "lf" and not (self.text == "auto" and b"\0" in data)
        if is_text:
            data = _LONE_LF.sub(b"\r\n", data)
        return _IDENT.sub(b"$Id: " + b"0" * 40 + b" $", data) if self.has_ident else data


@dataclass(frozen=True, slots=True)
class _Rule:
    folder: str
    pattern: str
    words: Sequence[str]


class Changes:
    """The rules of a commit.

    Args:
        texts: of each `.gitattributes`, by its name in the tree.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        outer_first = sorted(texts, key=lambda name: name.count("/"))
        rules = [rule for name in outer_first for rule in _rules(name, texts[name])]
        self._rules = rules[:_MOST_RULES]
        self.is_cut = len(rules) > _MOST_RULES

    def of(self, name: str) -> Change:
        """Say what git does to a file."""
        found = Change()
        for rule in self._rules:
            if name.startswith(rule.folder):
                below = name[len(rule.folder) :]
                if _is_met(rule.pattern, below):
                    ends = _PLAIN.fullmatch(rule.pattern) and fnmatchcase(
                        below.rpartition("/")[2], rule.pattern
                    )
                    for word in rule.words:
                        found = _with(found, word, is_exact=bool(ends))
        return found


def _rules(name: str, text: str) -> Iterator[_Rule]:
    macros: dict[str, Sequence[str]] = {"binary": ("-text",)}
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern, words = _taken_apart(line.strip())
        telling = [one for word in words for one in macros.get(word, (word,)) if _WORDS.fullmatch(one)]
        if pattern.startswith(_MACRO):
            macros[pattern.removeprefix(_MACRO)] = telling[:20]
        elif pattern and telling:
            yield _Rule(name[: -len(ATTRIBUTES)], pattern, telling[:20])


def _taken_apart(line: str) -> tuple[str, Sequence[str]]:
    if line.startswith("#"):
        return "", ()
    quoted = _QUOTED.fullmatch(line)
    if quoted is not None:
        return quoted[1], quoted[2].split()
    pattern, *words = line.split() or [""]
    return pattern, words


def _with(change: Change, word: str, *, is_exact: bool) -> Change:
    name, _, value = word.partition("=")
    match name:
        case "working-tree-encoding" if value.strip('"').lower() not in ("", *_SAME):
            return replace(change, encoding=value[:40])
        case "ident":
            return replace(change, has_ident=True)
        case "text" | "crlf" if value == "":
            return replace(change, text="set")
        case "text" if value == "auto" and (is_exact or change.text == ""):
            return replace(change, text="auto")
        case "-text" | "-crlf" if is_exact:
            return replace(change, text="unset")
        case "eol" if value == "crlf" or is_exact:
            return replace(change, eol=value[:10])
        case "-ident" | "!ident" if is_exact:
            return replace(change, has_ident=False)
        case _:
            return change


def _is_met(pattern: str, below: str) -> bool:
    """Tell whether a pattern could match; `*` takes slashes too, and case does not count."""
    if len(pattern) > _LONGEST_PATTERN:
        return True
    generous = _ESCAPED.sub("*", pattern).lower().replace("**/", "*").replace("[", "?")
    place = below.lower()
    if "/" in generous.rstrip("/"):
        return fnmatchcase(place, generous.removeprefix("/"))
    return fnmatchcase(place.rpartition("/")[2], generous)
