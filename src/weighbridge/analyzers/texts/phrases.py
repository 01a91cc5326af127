"""What a text says to machines and to people that would harm them, weighed by where it says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from weighbridge.analyzers.texts.addresses import rule_of
from weighbridge.analyzers.texts.passages import Passage, Tally
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.html_text import attribute_texts, comments, hidden_elements
from weighbridge.formats.documents.markdown_text import (
    HIDDEN_PLACES,
    SHOWN_PLACES,
    MarkdownText,
    Place,
)
from weighbridge.knowledge.stems import windows
from weighbridge.knowledge.text_patterns import (
    TextCheck,
    TextKind,
    TextPattern,
    installed_text_patterns,
)

_REACH: Final = 1_000
_BEFORE: Final = 700
_MOST_MATCHES: Final = 200
_LINE_CHARS: Final = 1_000
_ABOUT_ATTACKS: Final = re.compile(
    r"inject|jailbreak|attack|adversar|safety|threat|red.?team|robust|malicious|harm|guard|moderation|misuse|abuse|refus|examples?\b",
    re.IGNORECASE,
)
_INJECTIONS: Final = frozenset({"TXT010", "TXT011", "TXT012", "TXT013"})
_GROUP: Final = len("TXT01")
_ORDERS: Final = frozenset(
    {
        ("TXT011", "instruction override"),
        ("TXT011", "instruction override in another language"),
        ("TXT011", "verdict dictated"),
        ("TXT011", "verdict dictated to a scanner"),
        ("TXT011", "secrecy from the user"),
        ("TXT022", "image link that carries data away"),
    }
)
_TOGETHER: Final = "TXT010"
_CLOSE: Final = 400
_DESCRIPTION: Final = re.compile(
    r"[\"']?(?:[\w.-]{0,40}(?:description|comment|summary|notes?|readme|license|author|title|about|help|tooltip|usage|message|abstract))"
    r"[\"']?\s{0,4}[:=]\s{0,4}[\"'|>]",
    re.IGNORECASE,
)
_VALUE_CHARS: Final = 4_000


class _Places(Protocol):
    """Tells what a reader makes of a place."""

    def at(self, index: int) -> Place: ...

    def heading(self, index: int) -> str: ...


@dataclass(slots=True)
class _Plain:
    """A text without places."""

    def at(self, index: int) -> Place:
        return Place.PROSE

    def heading(self, index: int) -> str:
        return ""


class _Markup:
    """A page of HTML."""

    def __init__(self, text: str) -> None:
        self._spans = [(*span, Place.COMMENT) for span in comments(text)]
        self._spans += [(*span, Place.HIDDEN) for span in hidden_elements(text)]
        self._spans += [(*span, Place.ATTRIBUTE) for span in attribute_texts(text)]

    def at(self, index: int) -> Place:
        return next((place for start, stop, place in self._spans if start <= index < stop), Place.PROSE)

    def heading(self, index: int) -> str:
        return ""


def phrase_findings(artifact: Artifact, passage: Passage, kind: TextKind) -> Iterator[Finding]:
    """Yield one finding for each kind of phrase and rule."""
    tables = installed_text_patterns()
    found = tables.stems.places(passage.text)
    search = _Search(passage, kind)
    for number in sorted(found):
        pattern = tables.patterns[number]
        if kind in pattern.kinds:
            search.look(pattern, found[number])
    search.join()
    for (rule, name), tally in search.tallies.items():
        count = len(tally.indexes)
        times = "" if count == 1 else f", {count:,} times"
        where = passage.places(tally.indexes)
        yield Finding(
            rule=rule,
            path=artifact.path,
            subject=name,
            evidence="\n".join([f"{name}{times}: {where}", *tally.lines]),
            route=where.partition(",")[0],
        )


class _Search:
    """Tries patterns on one text."""

    def __init__(self, passage: Passage, kind: TextKind) -> None:
        self._passage = passage
        self._text = passage.text
        self._kind = kind
        self._places: _Places | None = None
        self._told: dict[str, list[tuple[int, int]]] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}

    def look(self, pattern: TextPattern, places: list[int]) -> None:
        """Try one pattern near its stems."""
        matches = 0
        for start, stop in windows(places, len(self._text), _REACH, _BEFORE):
            for match in pattern.regex.finditer(self._text, start, stop):
                rule, place = self._weighed(pattern, match)
                if rule is not None and not self._is_told(pattern, match):
                    self._tell(rule, pattern, match, place)
                matches += 1
                if matches >= _MOST_MATCHES:
                    return

    def join(self) -> None:
        """Make one order of two that stand together: each for itself may be talk about such orders."""
        orders = [(key, index) for key in _ORDERS & self.tallies.keys() for index in self._plain(key)]
        close = {
            key
            for key, index in orders
            for other, at in orders
            if key != other and abs(index - at) <= _CLOSE
        }
        for key in sorted(close):
            self.tallies[(_TOGETHER, key[1])] = self.tallies.pop(key)

    def _plain(self, key: tuple[str, str]) -> list[int]:
        """Where a phrase stands that nobody quotes or shows."""
        return [index for index in self.tallies[key].indexes if self._place_at(index) is Place.PROSE]

    def _is_told(self, pattern: TextPattern, match: re.Match[str]) -> bool:
        """True within what an earlier pattern of its group, which is the more serious one, has told."""
        start, stop = match.span()
        told = self._told.setdefault(pattern.rule[:_GROUP], [])
        if any(begin < stop and start < end for begin, end in told):
            return True
        told.append((start, stop))
        return False

    def _weighed(self, pattern: TextPattern, match: re.Match[str]) -> tuple[str | None, Place]:
        """The rule, by where the match stands and what is known of the address in it."""
        place = self._place(match)
        rule: str | None = pattern.rule
        if place in HIDDEN_PLACES:
            rule = pattern.hidden
        elif self._is_shown(pattern, match, place):
            rule = pattern.shown
        if rule is None or (pattern.check is TextCheck.DESCRIPTION and not self._is_description(match)):
            return None, place
        return rule_of(rule, pattern.check, match), place

    def _place(self, match: re.Match[str]) -> Place:
        return self._place_at(match.start())

    def _place_at(self, index: int) -> Place:
        if self._places is None:
            self._places = self._read_places()
        return self._places.at(index)

    def _read_places(self) -> _Places:
        if self._kind is TextKind.PROSE:
            return MarkdownText(self._text)
        return _Markup(self._text) if self._kind is TextKind.MARKUP else _Plain()

    def _is_shown(self, pattern: TextPattern, match: re.Match[str], place: Place) -> bool:
        if pattern.rule == pattern.shown:
            return False
        if place in SHOWN_PLACES or self._kind is TextKind.CODE:
            return True
        if pattern.rule not in _INJECTIONS:
            return False
        heading = self._places.heading(match.start()) if self._places is not None else ""
        return _ABOUT_ATTACKS.search(heading) is not None or self._is_quoted(match)

    def _is_quoted(self, match: re.Match[str]) -> bool:
        """True within quotation marks on the line; those around values of configurations are none."""
        if self._kind in (TextKind.CONFIGURATION, TextKind.METADATA):
            return False
        start = max(self._text.rfind("\n", 0, match.start()) + 1, match.start() - _LINE_CHARS)
        before = self._text[start : match.start()]
        after = self._text[match.end() : match.end() + _LINE_CHARS].partition("\n")[0]
        straight = before.count('"') % 2 == 1 and '"' in after
        curly = before.count("\u201c") > before.count("\u201d") and "\u201d" in after
        return straight or curly

    def _is_description(self, match: re.Match[str]) -> bool:
        """False for the value of a key that is not one of free text: templates hold role tokens."""
        if self._kind is not TextKind.CONFIGURATION:
            return True
        before = self._text[max(0, match.start() - _VALUE_CHARS) : match.start()]
        keys = list(_DESCRIPTION.finditer(before))
        if not keys:
            return False
        between = before[keys[-1].end() :]
        return re.search(r"(?<!\\)\"\s{0,4}[,}]|\n[\w\"'-]{1,40}\s{0,4}:", between) is None

    def _tell(self, rule: str, pattern: TextPattern, match: re.Match[str], place: Place) -> None:
        where = "" if place is Place.PROSE else f"in {place}: "
        text = " ".join(match.group()[:400].split())
        cut = text if len(text) <= 240 else text[:239] + "\u2026"
        tally = self.tallies.setdefault((rule, pattern.name), Tally())
        tally.add(match.start(), f"{where}{cut!r}" if len(cut) > 80 else f"{where}{quoted(cut)}")
