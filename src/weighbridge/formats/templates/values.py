"""What an expression of a template can be known to give, and what it depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.formats.templates.facts import About

Value = str | int | float | bool | None | tuple["Value", ...]


class Unknown:
    """The value that the text does not show."""


UNKNOWN: Final = Unknown()
LONGEST: Final = 10_000
MOST_ITEMS: Final = 1_000
_MOST_WORDS: Final = 32
_MOST_CHAIN: Final = 24
_MOST_PIECES: Final = 64
NOTHING: Final[frozenset[About]] = frozenset()


class Refused(Exception):
    """No value comes of this operation, or not within the bounds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One value.

    Attributes:
        entries: of a mapping whose keys are known: key and value.
        words: literals that text of a message was tested for.
        cuts: literals that text of a message was split at, or rid of.
        root: the name or literal that a chain of look-ups begins with.
        chain: the look-ups.
        is_built: put together from pieces, not all of them known.
        pieces: literal texts in it, when it is not known as a whole.
        count: items that iterating over it gives, when that is known; 0 when not.
    """

    value: Value | Unknown = UNKNOWN
    entries: tuple[tuple[str, Seen], ...] | None = None
    about: frozenset[About] = NOTHING
    words: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    root: str = ""
    chain: tuple[str, ...] = ()
    is_built: bool = False
    pieces: tuple[str, ...] = ()
    count: int = 0

    @property
    def known(self) -> Value:
        """The value. Raises Refused when it is not known."""
        if isinstance(self.value, Unknown):
            raise Refused
        return self.value

    @property
    def text(self) -> str | None:
        """The value when it is a known text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def is_content(self) -> bool:
        return About.CONTENT in self.about

    def literals(self) -> tuple[str, ...]:
        """Texts that the value is, holds, or is partly made of."""
        if isinstance(self.value, str):
            return (self.value,)
        if isinstance(self.value, tuple):
            return tuple(one for one in self.value[:_MOST_WORDS] if isinstance(one, str))
        return self.pieces

    def step(self, name: str) -> Seen:
        """The value that a look-up in this one gives, of which nothing else is known."""
        return Seen(root=self.root, chain=(*self.chain, name)[-_MOST_CHAIN:])


def joined(*parts: Seen) -> Seen:
    """What depends on all of these, and is known by none."""
    about: frozenset[About] = NOTHING.union(*(part.about for part in parts))
    return Seen(
        about=about,
        words=few(word for part in parts for word in part.words),
        cuts=few(cut for part in parts for cut in part.cuts),
    )


def merged(one: Seen, other: Seen) -> Seen:
    """What a variable is after two branches, or two assignments."""
    if one == other:
        return one
    both = joined(one, other)
    pieces = few((*one.literals(), *other.literals()), most=_MOST_PIECES)
    value = one.value if _is_same(one.value, other.value) else UNKNOWN
    return replace(both, value=value, pieces=pieces, is_built=one.is_built or other.is_built)


def _is_same(one: Value | Unknown, other: Value | Unknown) -> bool:
    return not isinstance(one, Unknown) and one == other and type(one) is type(other)


def few(words: Iterable[str], *, most: int = _MOST_WORDS) -> tuple[str, ...]:
    """Return the first words, each once."""
    found: dict[str, None] = {}
    for word in words:
        if len(found) == most:
            break
        found[word] = None
    return tuple(found)
