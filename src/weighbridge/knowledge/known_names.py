"""Names of well-known organisations and models, and what is made to be taken for one of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from weighbridge.knowledge.listed import listed

_SEPARATORS: Final = re.compile(r"[-_.\s]+")
_LETTERS: Final = re.compile(r"[a-z]+\Z")
_DRAWN: Final = re.compile(r"[0-9I|]|rn|vv")
_DIGITS: Final = str.maketrans("0135i|", "olesll")
_ONE_EDIT_FROM: Final = 6
_TWO_EDITS_FROM: Final = 11
_LONGEST: Final = 100
_ADDED: Final = (
    *("official", "original", "real", "ai", "hf", "org", "inc", "labs", "lab", "llm", "team", "models"),
    *("model", "research", "community", "hub", "release", "releases"),
)


class Trick(Enum):
    """How one name is made to look like another. Ordered from the surest on."""

    SCRIPT = "letters of another script"
    GLYPHS = "digits or capitals in place of letters"
    LOOKS = "characters that look alike"
    EDIT = "a letter more, less or exchanged"
    ADDED = "a word that is added"


@dataclass(frozen=True, slots=True)
class Likeness:
    """A name that is not the known one, and looks like it."""

    known: str
    trick: Trick


@dataclass(frozen=True, slots=True)
class RepositoryLikeness:
    """A repository that looks like one of somebody else.

    Attributes:
        known: the repository or the organisation that is meant.
        trick: how.
        is_model: organisation and model are both those of one well-known repository.
    """

    known: str
    trick: Trick
    is_model: bool


@lru_cache(maxsize=4096)
def organisation_likeness(name: str) -> Likeness | None:
    """Return the organisation that a name imitates; None when it is known or like none."""
    if name.lower() in _organisations() or not 3 < len(name) <= _LONGEST:
        return None
    plain, bare = latin(name), _bare(latin(name))
    looks = _looks(plain)
    found = _by_looks().get(looks)
    if found is not None:
        return Likeness(found, _look(name, plain, found))
    for known, other in _bare_organisations().items():
        allowed = 2 if len(other) >= _TWO_EDITS_FROM else 1 if len(other) >= _ONE_EDIT_FROM else 0
        if allowed and is_within(bare, other, allowed):
            return Likeness(known, Trick.EDIT)
    return next(_added(bare), None)


def _look(name: str, plain: str, known: str) -> Trick:
    if plain != name and _bare(plain) == _bare(known):
        return Trick.SCRIPT
    # Lower-case letters are not confused, and a name with digits has honest neighbours.
    is_drawn = _DRAWN.search(plain) is not None and _LETTERS.match(_bare(known)) is not None
    return Trick.GLYPHS if is_drawn and _bare(plain) != _bare(known) else Trick.LOOKS


def _added(bare: str) -> Iterator[Likeness]:
    for known, other in _bare_organisations().items():
        longer, shorter = (bare, other) if len(bare) > len(other) else (other, bare)
        if len(shorter) >= 4 and longer.startswith(shorter) and longer[len(shorter) :] in _ADDED:
            yield Likeness(known, Trick.ADDED)


def repository_likeness(repo_id: str) -> RepositoryLikeness | None:
    """Return what `organisation/name` imitates; None when it is known or like nothing."""
    organisation, _, name = repo_id.partition("/")
    if not name or repo_id.lower() in known_models():
        return None
    likeness = organisation_likeness(organisation)
    if likeness is None:
        return _foreign_model(organisation, name) or _exact_model(organisation, name)
    others = _added(_bare(latin(organisation))) if likeness.trick is Trick.ADDED else ()
    for one in (likeness, *others):
        model = f"{one.known}/{latin(name)}"
        if model.lower() in known_models():
            return RepositoryLikeness(model, one.trick, True)
    return RepositoryLikeness(likeness.known, likeness.trick, False)


def _exact_model(organisation: str, name: str) -> RepositoryLikeness | None:
    """A well-known model under a short name, or one of the words, that its owner is known by.

    Without such a model those would be anybody's names.
    """
    known = _model_names().get(name.lower())
    bare = _bare(organisation)
    if known is None or is_known_organisation(organisation):
        return None
    owner = known.partition("/")[0]
    short = _bare(owner)
    is_near = 4 <= len(short) < _ONE_EDIT_FROM and bare[:1] == short[:1] and is_within(bare, short, 1)
    if is_near and bare != short:
        return RepositoryLikeness(known, Trick.EDIT, True)
    brand = {_bare(word) for word in owner_words().get(owner, "").split(", ")} | {short}
    return RepositoryLikeness(known, Trick.ADDED, True) if _is_made_of(bare, brand) else None


def _is_made_of(bare: str, brand: set[str]) -> bool:
    """Tell whether a name is one of the brand's words, alone or between words that anybody adds."""
    more = ("", "lm", *_ADDED, *brand)
    return len(bare) > 3 and any(
        bare in (word + end, end + word) for word in brand if len(word) > 3 for end in more
    )


def says_official(organisation: str) -> bool:
    """Tell whether a name itself says to be the real one."""
    return _bare(organisation).endswith(("official", "original", "real"))


def imitation(repo_id: str) -> RepositoryLikeness | None:
    """Return the well-known model that `organisation/name` is surely made to look like.

    Unlike `repository_likeness` it is cheap for names of which thousands may stand in a target.
    """
    name = repo_id.partition("/")[2]
    if repo_id.isascii() and name.lower() not in _model_names():
        return None
    likeness = repository_likeness(repo_id)
    if likeness is None or likeness.trick is Trick.ADDED:
        return None
    return likeness if likeness.is_model or likeness.trick is Trick.SCRIPT else None


def _foreign_model(organisation: str, name: str) -> RepositoryLikeness | None:
    """A known repository whose name has letters of another script in it."""
    plain = latin(name)
    if plain != name and f"{organisation}/{plain}".lower() in known_models():
        return RepositoryLikeness(f"{organisation}/{plain}", Trick.SCRIPT, True)
    return None


@lru_cache(maxsize=4096)
def model_likeness(name: str) -> Likeness | None:
    """Return the well-known model that a name, without its organisation, is one letter away from.

    Numbers are the same in both: other numbers are other models of a family.
    """
    lowered = latin(name).lower()
    if lowered in _model_names() or len(name) > _LONGEST:
        return Likeness(_model_names()[lowered], Trick.SCRIPT) if lowered != name.lower() else None
    parts = _SEPARATORS.split(lowered)
    for known, others in _models_with(len(parts)):
        differing = [(a, b) for a, b in zip(parts, others, strict=True) if a != b]
        if len(differing) == 1 and _is_slip(*differing[0]):
            return Likeness(known, Trick.EDIT)
    return None


def _is_slip(part: str, known: str) -> bool:
    return (
        len(known) >= 5
        and _LETTERS.match(part) is not None
        and _LETTERS.match(known) is not None
        and is_within(part, known, 1)
    )


def known_models() -> Mapping[str, int]:
    """Return the year at whose end each well-known repository was there, by its lower-case id."""
    return _years()


def is_known_organisation(name: str) -> bool:
    """Tell whether the organisation is one of those that are listed."""
    return name.lower() in _organisations()


def owner_words() -> Mapping[str, str]:
    """Return what each listed organisation is known for, by its name."""
    return listed("names/organisations.tsv")


def latin(text: str) -> str:
    """Return a text with letters that only look Latin replaced by those that are."""
    letters = listed("names/confusables.tsv")
    if text.isascii():
        return text
    return "".join(letters.get(one, one) for one in unicodedata.normalize("NFKC", text))


def is_within(one: str, other: str, edits: int) -> bool:
    """Tell whether so few insertions, deletions, exchanges and swaps of neighbours make them equal."""
    if abs(len(one) - len(other)) > edits or max(len(one), len(other)) > _LONGEST:
        return False
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, theirs in enumerate(other, start=1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != theirs))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == theirs:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > edits:
            return False
        before, last = last, now
    return last[-1] <= edits


def _looks(text: str) -> str:
    """Return a skeleton that is the same for names that a reader confuses."""
    return _bare(text).translate(_DIGITS).replace("rn", "m").replace("vv", "w")


def _bare(text: str) -> str:
    return _SEPARATORS.sub("", text.lower())


@cache
def _organisations() -> frozenset[str]:
    return frozenset(name.lower() for name in owner_words())


@cache
def _by_looks() -> Mapping[str, str]:
    return MappingProxyType({_looks(name): name for name in reversed(list(owner_words()))})


@cache
def _bare_organisations() -> Mapping[str, str]:
    return MappingProxyType({name: _bare(name) for name in owner_words()})


@cache
def _years() -> Mapping[str, int]:
    return MappingProxyType(
        {name.lower(): int(year) for name, year in listed("names/models.tsv").items()}
    )


@cache
def _model_names() -> Mapping[str, str]:
    """Names of models in lower case, and a repository of each."""
    return MappingProxyType(
        {name.lower().partition("/")[2]: name for name in reversed(list(listed("names/models.tsv")))}
    )


@cache
def _models_by_parts() -> Mapping[int, tuple[tuple[str, tuple[str, ...]], ...]]:
    found: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for name, repository in _model_names().items():
        parts = tuple(_SEPARATORS.split(name))
        found.setdefault(len(parts), []).append((repository, parts))
    return MappingProxyType({count: tuple(ones) for count, ones in found.items()})


def _models_with(parts: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from _models_by_parts().get(parts, ())
