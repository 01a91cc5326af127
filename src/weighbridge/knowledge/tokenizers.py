"""What texts of tokenizers mean: addresses, commands and calls where pieces belong, and look-alikes.

Patterns are data (`signatures/tokenizers/`). A vocabulary has a quarter of a million pieces, so all of
them are searched as one text, and what is found is taken back to its piece.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import listed
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table

_BETWEEN: Final = "\0"
_HOST: Final = re.compile(r"://(?:[^/@\s]*@)?([\w.-]+)")
_MOST_FOUND: Final = 200
_LONGEST: Final = 20_000
_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\U000e0000-\U000e01ef]"
)


@dataclass(frozen=True, slots=True)
class TextPattern:
    """One thing to look for; without stems it doesn't count in learnt pieces."""

    kind: str
    regex: re.Pattern[str]
    stems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a text holds that no tokenizer has a reason for.

    Attributes:
        at: index of the text, where several were searched.
        shown: the part that matched.
    """

    kind: str
    at: int
    shown: str


@lru_cache(maxsize=1)
def installed_text_patterns() -> tuple[TextPattern, ...]:
    """Those that came with this installation; read once, when first needed."""
    return load_text_patterns(signatures_dir() / "tokenizers" / "texts.toml")


def load_text_patterns(path: Path) -> tuple[TextPattern, ...]:
    """Read the file.

    Raises:
        UsageError: it can't be read, or an entry is wrong.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the patterns in {path}: {error}") from error
    return tuple(_pattern(entry) for entry in Table.of(loaded, str(path)).tables("pattern"))


def _pattern(entry: Table) -> TextPattern:
    entry.reject_unknown({"kind", "where", "stems", "regex", "why", "source"})
    where, stems = entry.text("where"), entry.texts("stems")
    if (where, bool(stems)) not in (("any", True), ("written", False)):
        raise UsageError(f"{entry.where}: 'where' is 'any', with 'stems', or 'written', without")
    if any(stem != stem.lower() for stem in stems):
        raise UsageError(f"{entry.where}: 'stems' must be lower-case literals")
    try:
        regex = re.compile(entry.text("regex"), re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{entry.where}: 'regex' is not a pattern: {error}") from error
    return TextPattern(entry.text("kind"), regex, stems)


def sightings(text: str) -> Iterator[Sighting]:
    """Yield what a text holds that somebody wrote: an added token, a replacement; one of each kind."""
    seen: set[str] = set()
    for pattern in installed_text_patterns():
        match = pattern.regex.search(text[:_LONGEST])
        if match is not None and pattern.kind not in seen:
            seen.add(pattern.kind)
            yield Sighting(pattern.kind, 0, match.group())


def sightings_in_pieces(pieces: Sequence[str]) -> Iterator[Sighting]:
    """Yield what learnt pieces hold, at most 200 in sum; well-known hosts are no finding there."""
    joined = _BETWEEN.join(pieces)
    lowered = _lowered(joined)
    starts = [0, *accumulate(len(piece) + len(_BETWEEN) for piece in pieces)]
    found = 0
    for pattern in installed_text_patterns():
        for at in sorted(_holding(lowered, starts, pattern.stems)):
            match = pattern.regex.search(pieces[at], 0, _LONGEST)
            if match is None or _is_well_known(match.group()):
                continue
            found += 1
            yield Sighting(pattern.kind, at, match.group())
            if found >= _MOST_FOUND:
                return


def _lowered(text: str) -> str:
    """Lower the letters of ASCII only: others may get longer, and move all that follows."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _holding(text: str, starts: Sequence[int], stems: Sequence[str]) -> set[int]:
    """Return the pieces that hold one of the stems, by their places in the joined text."""
    found: set[int] = set()
    for stem in stems:
        at = text.find(stem)
        while at >= 0:
            piece = bisect_right(starts, at) - 1
            found.add(piece)
            at = text.find(stem, starts[piece + 1])
    return found


def _is_well_known(text: str) -> bool:
    host = _HOST.search(text)
    return host is not None and host[1].lower() in listed("tokenizers/hosts.tsv")


def imitated(token: str) -> str | None:
    """Return the special token that a text looks like and is not; None for all others.

    A token in another script's letters only, and the fullwidth bars of DeepSeek, are no imitation:
    something must be hidden, or ASCII letters mixed with their look-alikes.
    """
    if token.isascii() or len(token) > 200:
        return None
    known, letters = listed("tokenizers/special_tokens.tsv"), listed("tokenizers/look_alikes.tsv")
    visible = _IGNORABLE.sub("", token)
    if visible in known:
        return visible if visible != token else None
    folded = "".join(letters.get(char, char) for char in visible)
    if folded in known and _mixes(visible):
        return folded
    compatible = unicodedata.normalize("NFKC", folded)
    if compatible in known and _mixes(visible):
        return compatible
    return None


def _mixes(token: str) -> bool:
    """True when a letter that is not of ASCII stands in for one: signs alone don't imitate."""
    return any(not char.isascii() and char.isalpha() for char in token)
