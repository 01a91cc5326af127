"""Texts that a template inserts for everybody: addresses, hidden characters, secrecy, encoded words."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.templates.template_findings import Place, conditions_text, shown
from weighbridge.core.finding import Finding
from weighbridge.formats.documents.hidden_text import Hidden, find_hidden, has_invisible
from weighbridge.formats.templates.facts import Emission
from weighbridge.knowledge.chat_templates import ChatTemplates

_DEMANDS, _ADDRESS, _INVISIBLE, _ENCODED, _ASIDE, _HARMS = (
    "TPL012", "TPL013", "TPL014", "TPL015", "TPL016", "TPL023"
)  # fmt: skip
_URL: Final = re.compile(
    r"\b(?:https?|ftp|wss?)://([^\s/'\"<>)\]}…]{1,200})[^\s'\"<>)\]}…]{0,300}", re.IGNORECASE
)
_SCHEMAS: Final = (
    "json-schema.org",
    "www.w3.org",
    "w3.org",
    "schema.org",
    "spec.openapis.org",
    "schemas.",
)
"""Hosts of names that look like addresses and are fetched by nobody."""
_MARKUP: Final = re.compile(
    r"<script\b[^>]{0,300}>\s*\S|<(?:img|iframe|object|embed|link|form|a)\b[^>]{0,300}?\b(?:src|href|action|data)\s{0,9}="
    r"|!\[[^\]\n]{0,200}\]\([^)\s]|\bjavascript:\s*\S",
    re.IGNORECASE,
)
_BLANKS: Final = re.compile(r"\s{20,}")
_BLOB: Final = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/_-]{32,}={0,2}(?![\w+/])")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_SENTENCE: Final = re.compile(r"[.!?]\s|\n\n")
_LEAST_WORDS: Final = 3
_NEAR_CHARS: Final = 200
_LOUD: Final = frozenset({Hidden.TAGS, Hidden.SELECTORS, Hidden.ZERO_WIDTH_RUN, Hidden.OVERRIDE})
_MOST_BLOBS: Final = 100
_COMMENT_CHARS: Final = 2_000
_FAR_LINES: Final = 20
_FAR_CHARS: Final = 100


def literal_findings(
    place: Place, emissions: Iterable[Emission], tables: ChatTemplates
) -> Iterator[Finding]:
    """Yield what stands in the texts themselves, whatever the tests around them."""
    for emission in emissions:
        for told in (
            *_demands(place, emission, tables),
            *_harms(place, emission, tables),
            *_addresses(place, emission, tables),
            *_hidden(place, emission),
            *_encoded(place, emission),
            *_aside(place, emission, tables),
        ):
            if told is not None:
                yield told


def _told(
    place: Place, rule: str, emission: Emission, what: str, at: int, subject: str
) -> Finding | None:
    evidence = f"{what}: {shown(emission.text, at)}{conditions_text(emission.conditions)}"
    return place.finding(rule, subject, evidence, line=emission.line)


def _demands(place: Place, emission: Emission, tables: ChatTemplates) -> Iterator[Finding | None]:
    text = tables.ordinary.sub(lambda found: " " * len(found[0]), emission.text)
    for pattern, what in (
        (tables.concealment, "asks the model to keep something from the user"),
        (tables.override, "sets aside what others said"),
    ):
        found = pattern.search(text)
        if found is not None:
            yield _told(place, _DEMANDS, emission, what, found.start(), found[0])


def _harms(place: Place, emission: Emission, tables: ChatTemplates) -> Iterator[Finding | None]:
    """What turns the model against its user, unless the sentence forbids it."""
    text = emission.text
    for found in tables.harm.finditer(text):
        before = _SENTENCE.split(text[max(0, found.start() - _NEAR_CHARS) : found.start()])[-1]
        if not tables.forbids.search(before):
            what = "turns the model against its user"
            yield _told(place, _HARMS, emission, what, found.start(), found[0][:80])
            break
    if emission.begins_answer and (agreed := tables.compliance.search(text)):
        what = "begins the answer with consent to whatever was asked"
        yield _told(place, _HARMS, emission, what, agreed.start(), agreed[0])
    for led in tables.endorsement.finditer(text):
        before = _SENTENCE.split(text[max(0, led.start() - _NEAR_CHARS) : led.start()])[-1]
        if "://" not in led[0] and not tables.forbids.search(before):
            what = "tells the model to use an address"
            yield _told(place, _DEMANDS, emission, what, led.start(), led[0][:80])
            return


def _addresses(place: Place, emission: Emission, tables: ChatTemplates) -> Iterator[Finding | None]:
    text = emission.text
    for found in _URL.finditer(text):
        host = found[1].lower()
        if host.startswith(_SCHEMAS):
            continue
        near = text[max(0, found.start() - _NEAR_CHARS) : found.start()]
        sentence = _SENTENCE.split(near)[-1]
        if tables.placement.search(sentence):
            what = "tells the model to use an address"
            yield _told(place, _DEMANDS, emission, what, found.start(), found[0])
        else:
            yield _told(place, _ADDRESS, emission, "an address", found.start(), found[0])
    markup = _MARKUP.search(text)
    if markup is not None:
        yield _told(place, _ADDRESS, emission, "active markup", markup.start(), markup[0][:80])


def _hidden(place: Place, emission: Emission) -> Iterator[Finding | None]:
    if not has_invisible(emission.text):
        return
    for hidden in find_hidden(emission.text):
        rule = _INVISIBLE if hidden.kind in _LOUD else _ASIDE
        what = f"{hidden.kind}{f' that spell {shown(hidden.text)}' if hidden.text else ''}"
        yield _told(place, rule, emission, what, hidden.start, str(hidden.kind))


def _encoded(place: Place, emission: Emission) -> Iterator[Finding | None]:
    for number, found in enumerate(_BLOB.finditer(emission.text)):
        if number == _MOST_BLOBS:
            return
        plain = _decoded(found[0])
        if plain is not None:
            what = f"text in base64 that says {shown(plain)}"
            yield _told(place, _ENCODED, emission, what, found.start(), found[0][:80])


def _decoded(blob: str) -> str | None:
    """What a run of letters says in base64, when that is words."""
    core = blob.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        text = base64.b64decode(core + "=" * (-len(core) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    is_clean = all(one.isprintable() or one.isspace() for one in text)
    return text if is_clean and len(_WORD.findall(text)) >= _LEAST_WORDS else None


def _aside(place: Place, emission: Emission, tables: ChatTemplates) -> Iterator[Finding | None]:
    text = emission.text
    begin = text.find("<!--")
    comment = text[begin + 4 : begin + _COMMENT_CHARS].partition("-->")[0] if begin >= 0 else ""
    if len(_WORD.findall(comment)) >= _LEAST_WORDS:
        rule = _DEMANDS if tables.instruction.search(comment) else _ASIDE
        yield _told(place, rule, emission, "a comment of HTML", begin, comment[:80])
    for blanks in _BLANKS.finditer(text):
        is_far = blanks[0].count("\n") >= _FAR_LINES or blanks.end() - blanks.start() >= _FAR_CHARS
        behind = text[blanks.end() : blanks.end() + _COMMENT_CHARS]
        if is_far and len(_WORD.findall(behind)) >= _LEAST_WORDS:
            what = "text behind a long run of blanks"
            yield _told(place, _ASIDE, emission, what, blanks.end(), behind[:80])
            return
