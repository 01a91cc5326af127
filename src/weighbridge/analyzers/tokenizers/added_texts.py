"""Judge the texts of added tokens: they are matched whole, shown whole, and written by a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.tokenizers.telling import Telling
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.hidden_text import find_hidden, has_invisible
from weighbridge.formats.tokenizers.added_token import AddedToken
from weighbridge.knowledge.tokenizers import imitated, sightings

CARRIES, PROSE, IMITATES, INVISIBLE, VANISHES = "TOK005", "TOK006", "TOK007", "TOK008", "TOK009"

_PROSE_WORDS: Final = 8
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_PLAIN: Final = re.compile(r"\s?[a-z]{2,24}\Z")
_PLACEHOLDERS: Final = re.compile(
    r"madeupword|dummy|unused|reserved|special|extra|placeholder|token|(?:bos|eos|sos|pad|unk|cls|sep|mask|null|blank|none|start|end|go|stop)\Z"
)


def added_findings(telling: Telling, tokens: Iterable[AddedToken]) -> Iterator[Finding]:
    """Judge each text once."""
    seen: set[str] = set()
    plain: list[AddedToken] = []
    for token in tokens:
        if token.content in seen:
            continue
        seen.add(token.content)
        yield from _of_text(telling, token)
        if token.is_special and _PLAIN.match(token.content) and not _PLACEHOLDERS.search(token.content):
            plain.append(token)
    yield from _vanishing(telling, plain)


def _of_text(telling: Telling, token: AddedToken) -> Iterator[Finding]:
    content, shown = token.content, f"added token {quoted(token.content)}"
    if len(content) < 4 and content.isascii():
        return
    found = list(sightings(content))
    if found:
        kinds = ", ".join(sighting.kind for sighting in found)
        yield from telling.one(CARRIES, content, f"{shown}: {kinds}", route=token.route)
    elif len(_WORD.findall(content)) >= _PROSE_WORDS:
        yield from telling.one(PROSE, content, shown, route=token.route)
    imitates = imitated(content)
    if imitates is not None:
        evidence = f"{shown} looks like {quoted(imitates)}: {ascii(content)[:200]}"
        yield from telling.one(IMITATES, content, evidence, route=token.route)
    elif has_invisible(content):
        hidden = next(find_hidden(content), None)
        if hidden is not None:
            evidence = f"{shown}: {hidden.kind.value}: {ascii(content)[:200]}"
            yield from telling.one(INVISIBLE, content, evidence, route=token.route)


def _vanishing(telling: Telling, plain: list[AddedToken]) -> Iterator[Finding]:
    """A few words among marked tokens; a whole list of words is a vocabulary of another kind."""
    if not plain or len(plain) > 40:
        return
    words = ", ".join(quoted(token.content) for token in plain[:10])
    evidence = f"special, and so left out of what is shown: {words}"
    yield from telling.one(VANISHES, plain[0].content, evidence, route=plain[0].route)
