"""Compare two vocabularies id by id: the same tokenizer kept twice, or one and what it derives from."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.tokenizers.vocabularies import is_marked
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer, Stage

_RESERVED: Final = re.compile(
    r"reserved|unused|placeholder|extra|control|dummy|madeup|\bPAD\d", re.IGNORECASE
)
_FEW_SHARE: Final = 50
_LEAST_FEW: Final = 64
_SHOWN: Final = 20
_PROBES: Final = 8
_COMPARED_STAGES: Final = (Stage.NORMALIZER, Stage.PRE_TOKENIZER, Stage.DECODER)
_TELLING_OPTIONS: Final = (
    "pattern",
    "content",
    "behavior",
    "invert",
    "prepend",
    "lowercase",
    "replacement",
)
_DEFAULTS: Final[Mapping[str, Json]] = {"invert": False}


@dataclass(frozen=True, slots=True)
class Difference:
    """One id that renders two texts."""

    id: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.id}: {self.expected!r} is {self.found!r}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two vocabularies share.

    Attributes:
        shared: ids that both have.
        differences: of those, the ones with two texts; in order of ids.
        new: ids that only the second has.
    """

    shared: int
    differences: tuple[Difference, ...]
    new: int

    @property
    def is_same_tokenizer(self) -> bool:
        """True when the two differ in a few places only, if at all."""
        few = max(_LEAST_FEW, self.shared // _FEW_SHARE)
        return self.shared > 0 and len(self.differences) <= min(few, self.shared // 2)


def compare(
    expected: Mapping[str, int], found: Mapping[str, int], *, apart: Collection[int] = (), shift: int = 0
) -> Comparison:
    """Compare texts by id.

    Args:
        expected: the copy that is believed.
        found: the other one.
        apart: ids that are compared elsewhere.
        shift: added to the ids of `expected`: fairseq puts its special tokens first.
    """
    if not shift and expected == found:
        return Comparison(len(expected), (), 0)
    by_id = {number: text for text, number in found.items()}
    shared, differences = 0, []
    for text, number in expected.items():
        other = by_id.get(number + shift)
        if other is None or number + shift in apart:
            continue
        shared += 1
        if other != text:
            differences.append(Difference(number + shift, text, other))
    differences.sort(key=lambda one: one.id)
    return Comparison(shared, tuple(differences), max(0, len(by_id) - len(expected)))


def best_comparison(
    copy: Mapping[str, int], main: Mapping[str, int], apart: Collection[int]
) -> Comparison:
    """Compare with the shift of ids that fits best: converters put special tokens before all pieces."""
    first = compare(copy, main, apart=apart)
    if first.is_same_tokenizer:
        return first
    probes = list(copy.items())[:: max(1, len(copy) // _PROBES)]
    shifts = {main[text] - number for text, number in probes if text in main} - {0}
    others = [compare(copy, main, apart=apart, shift=shift) for shift in sorted(shifts)[:_PROBES]]
    return min((first, *others), key=lambda one: len(one.differences) - one.shared)


def parted(comparison: Comparison) -> tuple[Comparison, Comparison]:
    """Return the words that differ, and the special and reserved tokens that do."""
    renamed = tuple(one for one in comparison.differences if _is_renamed(one))
    edited = tuple(one for one in comparison.differences if not _is_renamed(one))
    return Comparison(comparison.shared, edited, 0), Comparison(comparison.shared, renamed, 0)


def _is_renamed(one: Difference) -> bool:
    """True when both are marks, or one was waiting for a use."""
    if is_marked(one.expected) and is_marked(one.found):
        return True
    return any(is_marked(text) and is_reserved(text) for text in (one.expected, one.found))


def listed_differences(comparison: Comparison) -> str:
    """Return how many ids differ, and the first of them, for people."""
    shown = "; ".join(str(one)[:120] for one in comparison.differences[:_SHOWN])
    return f"{len(comparison.differences):,} ids render another text: {shown}"


def is_reserved(text: str) -> bool:
    """True for special tokens that wait for a use: a fine-tune may give them another name."""
    return _RESERVED.search(text) is not None


def differing_stages(expected: HubTokenizer, found: HubTokenizer) -> list[str]:
    """Return the stages whose steps do other things; what newer writers add is no difference."""
    return [
        stage.value for stage in _COMPARED_STAGES if _salient(expected, stage) != _salient(found, stage)
    ]


def _salient(tokenizer: HubTokenizer, stage: Stage) -> list[tuple[str, ...]]:
    return [
        (
            step.kind,
            *(
                f"{key}={step.options[key]}"
                for key in _TELLING_OPTIONS
                if key in step.options and step.options[key] != _DEFAULTS.get(key)
            ),
        )
        for step in tokenizer.steps
        if step.stage is stage
    ]


def first_other_merge(
    expected: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]
) -> int | None:
    """Return the first rank at which the merges differ; None when one goes on where the other ends."""
    if list(expected[: len(found)]) == list(found[: len(expected)]):
        return None
    pairs = zip(expected, found, strict=False)
    return next((rank for rank, (one, other) in enumerate(pairs) if one != other), None)
