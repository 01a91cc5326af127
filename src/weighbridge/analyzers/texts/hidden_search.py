"""Characters that nobody sees, source that reads otherwise than it runs, names of mixed alphabets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Final

from weighbridge.analyzers.texts.passages import Passage, Tally
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.hidden_text import Hidden, find_hidden, has_invisible
from weighbridge.knowledge.text_patterns import TextKind

_SPELLED, _REVERSED, _STRAY, _TROJAN, _MIXED = "TXT001", "TXT002", "TXT003", "TXT004", "TXT005"
_RULES: Final = {
    Hidden.TAGS: _SPELLED,
    Hidden.SELECTORS: _SPELLED,
    Hidden.ZERO_WIDTH_RUN: _REVERSED,
    Hidden.OVERRIDE: _REVERSED,
    Hidden.IN_WORD: _STRAY,
    Hidden.STRAY: _STRAY,
}
# Embeddings and overrides from right to left; those from left to right change nothing in source.
_REORDERS: Final = re.compile("[\u202b\u202e\u2067]")
_LINE_CHARS: Final = 2_000
_KEYS: Final = re.compile(
    r"^[ \t]{0,80}[\"']?([^\W\d]\w{0,80})[\"']?\s{0,4}[:=]"
    r"|[\"'{,]\s{0,4}[\"']([^\W\d]\w{0,80})[\"']\s{0,4}:",
    re.MULTILINE,
)
# Letters of Cyrillic, Greek and Armenian that look like one of ASCII in common typefaces, and that one.
# Source: Unicode UTS #39, confusables.
_LATIN: Final = dict(
    zip(
        "аеорсухіјѕԁһԛԝАВЕКМНОРСТХЅІЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧοօսհոց",
        "aeopcyxijsdhqwABEKMHOPCTXSIJABEZHIKMNOPTYXoouhng",
        strict=True,
    )
)
_STYLED: Final = "\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
_UNUSUAL: Final = re.compile(f"[{''.join(_LATIN)}{_STYLED}]")
_WORTH_A_LOOK: Final = re.compile(
    f"[{''.join(_LATIN)}][0-9_]{{0,8}}[A-Za-z]|(?<=[A-Za-z0-9_])[{''.join(_LATIN)}]|[{_STYLED}]{{2}}"
)
_ASCII_LETTER: Final = re.compile("[A-Za-z]")
_LEAST_STYLED: Final = 2
_MOST: Final = 200
_OF_DIRECTION: Final = frozenset({Hidden.OVERRIDE.value, Hidden.STRAY.value})


def hidden_findings(artifact: Artifact, passage: Passage, kind: TextKind) -> Iterator[Finding]:
    """Yield one finding for each kind of thing that is hidden. Cheap for text that is ASCII."""
    text = passage.text
    if text.isascii():
        return
    if has_invisible(text):
        reordered = list(_reordered(artifact, passage)) if kind is TextKind.CODE else []
        yield from reordered
        for finding in _invisible(artifact, passage):
            if not reordered or finding.subject not in _OF_DIRECTION:
                yield finding
    if kind not in (TextKind.CODE, TextKind.CONFIGURATION):
        return
    if _UNUSUAL.search(text) and _WORTH_A_LOOK.search(text):
        yield from _lookalikes(artifact, passage, kind)


def _invisible(artifact: Artifact, passage: Passage) -> Iterator[Finding]:
    tallies: dict[tuple[str, str], Tally] = {}
    text = passage.text
    for hidden in find_hidden(text):
        rule = _SPELLED if hidden.kind is Hidden.ZERO_WIDTH_RUN and hidden.text else _RULES[hidden.kind]
        tally = tallies.setdefault((rule, hidden.kind.value), Tally())
        if len(tally.indexes) >= _MOST:
            continue
        start, stop = max(0, hidden.start - 20), min(hidden.stop, hidden.start + 24) + 16
        spelled = f", which spells {quoted(hidden.text)}" if hidden.text else ""
        tally.add(hidden.start, f"{text[start:stop]!a}{spelled}")
    for (rule, name), tally in tallies.items():
        yield _finding(artifact, rule, name, tally, passage)


def _reordered(artifact: Artifact, passage: Passage) -> Iterator[Finding]:
    """Lines of source in which the direction of writing is changed and no letter needs it."""
    tally = Tally()
    for match in islice(_REORDERS.finditer(passage.text), _MOST):
        line = _line_around(passage.text, match.start())
        if not any(unicodedata.bidirectional(one) in ("R", "AL") for one in line):
            tally.add(match.start(), ascii(line.strip()[:160]))
    if tally.indexes:
        yield _finding(artifact, _TROJAN, "direction changed in source", tally, passage)


def _line_around(text: str, index: int) -> str:
    start = max(text.rfind("\n", 0, index) + 1, index - _LINE_CHARS)
    stop = text.find("\n", index, index + _LINE_CHARS)
    return text[start : stop if stop >= 0 else index + _LINE_CHARS]


def _lookalikes(artifact: Artifact, passage: Passage, kind: TextKind) -> Iterator[Finding]:
    tally = Tally()
    for index, word in _names(passage.text, kind):
        if not word.isascii() and len(tally.indexes) < _MOST and (reads := _reads_as(word)):
            tally.add(index, f"{word[:80]!a} looks like {reads[:80]!r}")
    if tally.indexes:
        yield _finding(artifact, _MIXED, "name of mixed alphabets", tally, passage)


def _names(text: str, kind: TextKind) -> Iterator[tuple[int, str]]:
    """Names in source, without strings and comments; keys of configurations."""
    if kind is TextKind.CONFIGURATION:
        for match in _KEYS.finditer(text):
            group = match.lastindex or 1
            yield match.start(group), match[group]
        return
    from weighbridge.formats.scripts.python_tokens import TokenKind, tokens

    seen: set[str] = set()
    for token in tokens(text):
        if token.kind is TokenKind.NAME and not token.text.isascii() and token.text not in seen:
            seen.add(token.text)
            yield max(0, text.find(token.text)), token.text


def _reads_as(word: str) -> str:
    """What a person reads; "" when letters of one alphabet make the word, or it looks like no other."""
    strangers = [one for one in word if one in _LATIN]
    rest = [one for one in word if one.isalpha() and one not in _LATIN]
    if strangers and _ASCII_LETTER.search(word) and all(one.isascii() for one in rest):
        return "".join(_LATIN.get(one, one) for one in word)
    plain = unicodedata.normalize("NFKC", word)
    styled = sum(not one.isascii() for one in word)
    return plain if plain.isascii() and plain.isidentifier() and styled >= _LEAST_STYLED else ""


def _finding(artifact: Artifact, rule: str, name: str, tally: Tally, passage: Passage) -> Finding:
    count = len(tally.indexes)
    times = "" if count == 1 else f", {count:,} times"
    where = passage.places(tally.indexes)
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=name,
        evidence="\n".join([f"{name}{times}: {where}", *tally.lines]),
        route=where.partition(",")[0],
    )
