"""Find characters that nobody sees, where no script needs them.

Flags of regions are spelled with tag characters, emoji are joined by U+200D, Persian and the Indic
scripts need joiners within words, Thai and Khmer break lines at U+200B, Arabic and Hebrew text has
marks of direction. None of that is found here. What is: tags outside of a flag, runs of variation
selectors, joiners between Latin, Greek or Cyrillic letters, overrides of direction in text that runs
from left to right only.

Sources: Unicode UTS #51 (emoji tag sequences), UAX #9 (bidirectional text), UTR #36; CVE-2021-42574.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u200b-\u200d\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0"
    "\ufe00-\ufe0f\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_TAGS: Final = re.compile("[\U000e0000-\U000e007f]+")
_FLAG_TAGS: Final = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}")
_ZERO_WIDTH: Final = re.compile("[\u034f\u200b-\u200d\u2060-\u2064\ufeff]+")
_FILLERS: Final = re.compile("[\u115f\u1160\u3164\uffa0]+")
_OVERRIDES: Final = re.compile("[\u202d\u202e]")
_ISOLATES: Final = re.compile("[\u202a\u202b\u2066-\u2068]")
_BLACK_FLAG = "\U0001f3f4"
_LAST_PLAIN_LETTER = 0x0530  # Latin, Greek and Cyrillic lie below, as do their combining marks
_LEAST_TAGS = 3
_LONG_ZERO_WIDTH = 8
_LEAST_SPELLED = 3
_DIRECTION_CHARS = 2_000


class Hidden(StrEnum):
    """What kind of invisible character, where none is needed."""

    TAGS = "tag characters spell hidden text"
    SELECTORS = "a run of variation selectors"
    ZERO_WIDTH_RUN = "a run of zero-width characters"
    OVERRIDE = "direction overridden in left-to-right text"
    IN_WORD = "a zero-width character within a word"
    STRAY = "an invisible character without a use"


@dataclass(frozen=True, slots=True)
class HiddenText:
    """One find.

    Attributes:
        text: what the hidden characters spell, when they spell something.
    """

    kind: Hidden
    start: int
    stop: int
    text: str = ""


def has_invisible(text: str) -> bool:
    """True when `find_hidden` is worth calling: cheap for text that is ASCII."""
    return not text.isascii() and _INVISIBLE.search(text) is not None


def find_hidden(text: str) -> Iterator[HiddenText]:
    """Yield what is hidden in the text, by kind."""
    yield from _tags(text)
    for match in _SELECTORS.finditer(text):
        yield HiddenText(Hidden.SELECTORS, match.start(), match.end(), _selected(match.group()))
    yield from _zero_widths(text)
    yield from _fillers(text)
    yield from _directions(text)


def _tags(text: str) -> Iterator[HiddenText]:
    for match in _TAGS.finditer(text):
        start, run = match.start(), match.group()
        flag = _FLAG_TAGS.match(run) if text[max(0, start - 1) : start] == _BLACK_FLAG else None
        rest = run[flag.end() :] if flag is not None else run
        if not rest:
            continue
        spelled = "".join(chr(ord(one) - 0xE0000) for one in rest if 0x20 <= ord(one) & 0xFF < 0x7F)
        kind = Hidden.TAGS if len(spelled) >= _LEAST_TAGS else Hidden.STRAY
        yield HiddenText(kind, match.end() - len(rest), match.end(), spelled)


def _selected(run: str) -> str:
    """The bytes that a run of variation selectors can carry, one in each."""
    numbers = bytes(ord(one) - 0xFE00 if ord(one) < 0xE0100 else ord(one) - 0xE0100 + 16 for one in run)
    text = numbers.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else ""


def _zero_widths(text: str) -> Iterator[HiddenText]:
    for match in _ZERO_WIDTH.finditer(text):
        start, stop = match.span()
        if stop - start >= _LONG_ZERO_WIDTH and len(set(match.group())) > 1:
            yield HiddenText(Hidden.ZERO_WIDTH_RUN, start, stop, _bits(match.group()))
        elif _is_plain_letter(text[start - 1 : start]) and _is_plain_letter(text[stop : stop + 1]):
            yield HiddenText(Hidden.IN_WORD, start, stop)


def _bits(run: str) -> str:
    """The text that two kinds of characters spell as bits, eight for each letter; "" for none."""
    signs = [one for one, _ in Counter(run).most_common(2)]
    for zero, one in (signs, signs[::-1]):
        digits = "".join("1" if char == one else "0" for char in run if char in (zero, one))
        data = bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) - 7, 8))
        text = data.decode("ascii", "replace")
        if len(text) >= _LEAST_SPELLED and text.isprintable() and "\ufffd" not in text:
            return text
    return ""


def _is_plain_letter(char: str) -> bool:
    return char.isalpha() and ord(char) < _LAST_PLAIN_LETTER


def _fillers(text: str) -> Iterator[HiddenText]:
    for match in _FILLERS.finditer(text):
        start, stop = match.span()
        if _is_plain_letter(text[start - 1 : start]) or _is_plain_letter(text[stop : stop + 1]):
            yield HiddenText(Hidden.STRAY, start, stop)


def _directions(text: str) -> Iterator[HiddenText]:
    for kind, pattern in ((Hidden.OVERRIDE, _OVERRIDES), (Hidden.STRAY, _ISOLATES)):
        match = pattern.search(text)
        if match is not None and not _has_right_to_left(text, match.start()):
            yield HiddenText(kind, match.start(), match.end())


def _has_right_to_left(text: str, around: int) -> bool:
    """True when a letter nearby runs from right to left."""
    near = text[max(0, around - _DIRECTION_CHARS) : around + _DIRECTION_CHARS]
    return any(ord(one) > 0x590 and unicodedata.bidirectional(one) in ("R", "AL") for one in near)
