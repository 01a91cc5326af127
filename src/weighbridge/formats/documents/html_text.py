"""Where in a text with HTML a reader sees nothing: comments, hidden elements, attributes.

Layout: <!-- comment -->, <element attribute="value">content</element>. A comment that is not closed
reaches to the end. Only what makes text invisible is read; nothing is rendered.

Source: HTML Living Standard, sections 13.1.6 (comments), 6.1 (hidden), 15 (rendering).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Span = tuple[int, int]

_TAG: Final = re.compile(r"<([a-z][a-z0-9]{0,19})\b([^<>]{1,1000})>", re.IGNORECASE)
_TEXTS: Final = re.compile(
    r"\b(?:alt|title|aria-label|aria-description|data-[\w-]{1,30}|summary|placeholder|content)\s{0,4}=\s{0,4}"
    r"(?:\"([^\"]{1,1000})\"|'([^']{1,1000})')",
    re.IGNORECASE,
)
_HIDES: Final = re.compile(
    r"\bhidden\b(?!\s{0,4}=\s{0,4}[\"']?until-found)|display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}hidden"
    r"|font-size\s{0,4}:\s{0,4}(?:0(?:\.\d{1,3})?|1)(?:px|pt|em|rem|%)?\s{0,4}(?:[;\"'!]|$)"
    r"|(?<![-\w])opacity\s{0,4}:\s{0,4}0(?:\.0\d{0,3})?\s{0,4}(?:[;\"'!]|$)"
    r"|(?:left|top|text-indent)\s{0,4}:\s{0,4}-\d{3,6}(?:px|em|rem)"
    r"|\b(?:max-)?(?:height|width)\s{0,4}:\s{0,4}0(?:px)?\s{0,4}(?:[;\"'!]|$)",
    re.IGNORECASE,
)
_PALE: Final = re.compile(
    r"(?<![-\w])color\s{0,4}[:=]\s{0,4}[\"']?(?:#f{3}(?:f{3})?\b|#fe?fe?fe?\b|white\b|transparent\b|rgba?\(\s{0,4}255\s{0,4},\s{0,4}255\s{0,4},\s{0,4}255"
    r"|rgba\([\d\s,]{1,30},\s{0,4}0(?:\.0\d{0,3})?\s{0,4}\))",
    re.IGNORECASE,
)
_BACKGROUND: Final = re.compile(r"background|bgcolor", re.IGNORECASE)
_VOID: Final = frozenset(
    {"img", "br", "hr", "input", "meta", "link", "source", "col", "area", "base", "embed", "wbr"}
)
_CONTENT_CHARS: Final = 20_000


def comments(text: str) -> Iterator[Span]:
    """Yield what stands between `<!--` and `-->`."""
    start = text.find("<!--")
    while start >= 0:
        stop = text.find("-->", start + 4)
        if stop < 0:
            yield start + 4, len(text)
            return
        yield start + 4, stop
        start = text.find("<!--", stop + 3)


def hidden_elements(text: str) -> Iterator[Span]:
    """Yield the contents of elements that are not shown, or in the colour of the page."""
    if "<" not in text:
        return
    lower = text.lower()
    for match in _TAG.finditer(text):
        name, attributes = match.group(1).lower(), match.group(2)
        if name in _VOID or not _is_hidden(attributes):
            continue
        limit = min(len(text), match.end() + _CONTENT_CHARS)
        stop = lower.find(f"</{name}", match.end(), limit)
        yield match.end(), stop if stop >= 0 else limit


def attribute_texts(text: str) -> Iterator[Span]:
    """Yield the values of attributes that hold words which are not part of what is read."""
    for tag in _TAG.finditer(text):
        for match in _TEXTS.finditer(text, tag.start(2), tag.end(2)):
            yield match.span(1) if match.group(1) is not None else match.span(2)


def _is_hidden(attributes: str) -> bool:
    if _HIDES.search(attributes):
        return True
    return _PALE.search(attributes) is not None and not _BACKGROUND.search(attributes)
