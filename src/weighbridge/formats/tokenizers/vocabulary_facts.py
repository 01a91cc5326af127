"""What holds in every vocabulary that a trainer wrote, and no longer holds in one edited by hand.

A trained BPE vocabulary is its own witness. Each entry but the alphabet is made by a merge, and the
entries stand in the order of the merges that make them. So an entry that was renamed is made by no
merge and leaves a gap in the order, and two that were exchanged stand in each other's place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from weighbridge.formats.tokenizers.byte_level import ALPHABET
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer

_LEAST_ORDERED: Final = 200
_MOST_MOVED: Final = 64
_MOST_KEPT: Final = 200
_BYTE_TOKEN: Final = re.compile(r"<0x[0-9A-F]{2}>\Z")


@dataclass(frozen=True, slots=True)
class Ids:
    """Whether ids are one for each surface, from 0 on.

    Attributes:
        shared: (id, surfaces) where two or more surfaces have one id, the first 200.
        missing: ids below the highest that no surface and no added token has.
        negative: surfaces with an id below zero, the first 200.
    """

    shared: tuple[tuple[int, tuple[str, ...]], ...]
    missing: int
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """How merges and vocabulary fit together.

    Attributes:
        absent: merges whose result, or a part of which, no entry is.
        orphans: (surface, id) that no merge makes and that are no part of the alphabet.
        renamed: those orphans that stand in a gap of the order of an otherwise ordered vocabulary.
        moved: surfaces that stand in each other's place in an otherwise ordered vocabulary.
    """

    absent: tuple[str, ...]
    absent_count: int
    orphans: tuple[tuple[str, int], ...]
    renamed: tuple[tuple[str, int], ...]
    moved: tuple[tuple[str, int], ...]


def ids_of(vocabulary: Mapping[str, int], others: Collection[int] = ()) -> Ids:
    """Look at the ids of a vocabulary; `others` are ids of added tokens."""
    values = vocabulary.values()
    taken = set(values)
    shared: dict[int, list[str]] = {}
    if len(taken) < len(vocabulary):
        seen: dict[int, str] = {}
        for surface, number in vocabulary.items():
            first = seen.setdefault(number, surface)
            if first != surface and (number in shared or len(shared) < _MOST_KEPT):
                shared.setdefault(number, [first]).append(surface)
    lowest = min(taken, default=0)
    negative = [surface for surface, number in vocabulary.items() if number < 0] if lowest < 0 else []
    taken.update(others)
    missing = max(0, max(taken, default=-1) + 1 - sum(1 for number in taken if number >= 0))
    return Ids(
        tuple((number, tuple(surfaces)) for number, surfaces in shared.items()),
        missing,
        tuple(negative[:_MOST_KEPT]),
    )


def derive(tokenizer: HubTokenizer) -> Derivation:
    """Follow the merges of a BPE tokenizer through its vocabulary."""
    vocabulary, cut = tokenizer.vocabulary, len(tokenizer.prefix)
    made: dict[str, int] = {}
    absent: list[str] = []
    absent_count = 0
    for left, right in tokenizer.merges:
        result = left + right[cut:] if cut and right.startswith(tokenizer.prefix) else left + right
        number = vocabulary.get(result)
        if number is None or left not in vocabulary or right not in vocabulary:
            absent_count += 1
            if len(absent) < _MOST_KEPT:
                absent.append(f"{left} {right}")
        if number is not None and result not in made:
            made[result] = number
    orphans = _orphans(tokenizer, made) if made else []
    order = list(made.values())
    moved = [] if not _is_ordered(order) else moved_places(order)
    surfaces = list(made)
    found = [(surfaces[at], order[at]) for at in moved]
    if tokenizer.is_byte_level:
        found += _moved_bytes(vocabulary)
    return Derivation(
        tuple(absent), absent_count, tuple(orphans), tuple(_in_gaps(orphans, order)), tuple(found)
    )


def _orphans(tokenizer: HubTokenizer, made: Mapping[str, int]) -> list[tuple[str, int]]:
    added = {token.content for token in tokenizer.added}
    prefix, suffix = tokenizer.prefix, tokenizer.suffix
    found = []
    for surface, number in tokenizer.vocabulary.items():
        if len(surface) < 2 or surface in made or surface in added or surface == tokenizer.unknown:
            continue
        bare = surface.removeprefix(prefix).removesuffix(suffix)
        if len(bare) > 1 and not _BYTE_TOKEN.match(surface):
            found.append((surface, number))
    return found


def _is_ordered(order: Sequence[int]) -> bool:
    """True when ids rise along the order, but for a few places."""
    if len(order) < _LEAST_ORDERED:
        return False
    falls = sum(1 for one, next_one in pairwise(order) if next_one < one)
    return falls <= min(_MOST_MOVED, len(order) // 50)


def moved_places(order: Sequence[int]) -> list[int]:
    """Return the places whose values, put in order among themselves, put the whole in order.

    Empty where the sequence rises already, and where more is out of order than single values that
    were exchanged: sections that were appended or sorted otherwise.
    """
    falls = [at for at in range(len(order) - 1) if order[at + 1] < order[at]]
    if not falls or len(falls) > _MOST_MOVED:
        return []
    odd = sorted({place for at in falls for place in (at, at + 1) if _is_odd(order, place)})
    values = sorted(order[place] for place in odd)
    repaired = list(order)
    for place, value in zip(odd, values, strict=True):
        repaired[place] = value
    if any(repaired[at + 1] < repaired[at] for at in range(len(order) - 1)):
        return []
    moved = [place for place in odd if repaired[place] != order[place]]
    # Two neighbours in the wrong order are a tie that was broken otherwise.
    return moved if len(moved) > 1 and moved[-1] - moved[0] >= len(moved) else []


def _is_odd(order: Sequence[int], place: int) -> bool:
    """True when the sequence rises around this place once it is left out."""
    before = order[place - 1] if place else -1
    after = order[place + 1] if place + 1 < len(order) else before + 1
    return before <= after and not before <= order[place] <= after


def _moved_bytes(vocabulary: Mapping[str, int]) -> list[tuple[str, int]]:
    """Compare the places of the 256 bytes with both orders that trainers give them."""
    if any(character not in vocabulary for character in ALPHABET):
        return []
    found: list[tuple[str, int]] = []
    for alphabet in (ALPHABET, sorted(ALPHABET)):
        order = [vocabulary[character] for character in alphabet]
        if all(one < next_one for one, next_one in pairwise(order)):
            return []
        moved = moved_places(order) if _is_ordered(order) else []
        found = found or [(alphabet[at], order[at]) for at in moved]
    return found


def _in_gaps(orphans: Sequence[tuple[str, int]], order: Sequence[int]) -> list[tuple[str, int]]:
    """Return the orphans whose id is the one that the order of merges leaves out."""
    if not orphans or len(orphans) > max(8, len(order) // 500) or not _is_ordered(order):
        return []
    gaps = {
        number
        for one, next_one in pairwise(order)
        if one < next_one <= one + _MOST_MOVED
        for number in range(one + 1, next_one)
    }
    return [(surface, number) for surface, number in orphans if number in gaps][:_MOST_KEPT]


def missing_bytes(vocabulary: Mapping[str, int], *, is_byte_level: bool) -> list[int]:
    """Return the bytes that no entry stands for, by the alphabet or as `<0x00>` to `<0xFF>`."""
    spelled = ALPHABET if is_byte_level else [f"<0x{byte:02X}>" for byte in range(256)]
    return [byte for byte, surface in enumerate(spelled) if surface not in vocabulary]
