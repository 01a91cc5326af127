"""Read the tree of a `tokenizer.json` into its parts: vocabulary, merges, added tokens, and steps.

    {"version", "truncation", "padding",
     "added_tokens": [{"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}],
     "normalizer" | "pre_tokenizer" | "post_processor" | "decoder": {"type", ...} or null,
     "model": {"type": BPE | WordPiece | Unigram | WordLevel, "vocab", "merges", "unk_token", ...}}

A vocabulary maps surfaces to ids; that of Unigram is a list of [piece, score], whose places are the
ids. Merges are "a b" or ["a", "b"]. Steps nest in `Sequence`. What has a wrong type is left out and
counted: one reader refuses it, another reads on.

Source: https://github.com/huggingface/tokenizers (serialization of each component)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.added_token import AddedToken, added_tokens_of_list

_NESTED: Final = ("normalizers", "pretokenizers", "processors", "decoders")
_MOST_STEPS: Final = 2_000
_DEEPEST: Final = 16


class ModelKind(StrEnum):
    """How the model takes words apart."""

    BPE = "BPE"
    WORD_PIECE = "WordPiece"
    UNIGRAM = "Unigram"
    WORD_LEVEL = "WordLevel"


class Stage(StrEnum):
    """When a step runs: before the model on what comes in, or after it on what goes out."""

    NORMALIZER = "normalizer"
    PRE_TOKENIZER = "pre_tokenizer"
    POST_PROCESSOR = "post_processor"
    DECODER = "decoder"


@dataclass(frozen=True, slots=True)
class Step:
    """One component that is no `Sequence`."""

    stage: Stage
    kind: str
    route: str
    options: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class HubTokenizer:
    """A tokenizer.json.

    Attributes:
        vocabulary: id by surface; of two equal pieces of Unigram the first.
        repeated: surfaces that stand twice in a list of pieces.
        merges: pairs in order of rank.
        broken: entries, merges and pieces that were left out for their type.
        prefix: of pieces within a word (`##`), "" without one.
        suffix: of pieces at the end of a word (`</w>`), "" without one.
    """

    kind: ModelKind
    vocabulary: Mapping[str, int]
    repeated: tuple[str, ...]
    merges: Sequence[tuple[str, str]]
    added: tuple[AddedToken, ...]
    steps: tuple[Step, ...]
    broken: int
    unknown: str | None
    has_byte_fallback: bool
    prefix: str
    suffix: str

    @property
    def is_byte_level(self) -> bool:
        """True when surfaces are spelled in the alphabet of bytes."""
        return any(
            step.kind == "ByteLevel" and step.stage is not Stage.POST_PROCESSOR for step in self.steps
        )


def is_hub_tokenizer(tree: Json) -> bool:
    """True for a tree that `tokenizers` would take for one of its files."""
    if not isinstance(tree, Mapping):
        return False
    model = tree.get("model")
    if not isinstance(model, Mapping):
        return False
    vocabulary = model.get("vocab")
    return isinstance(vocabulary, Mapping) or (_is_list(vocabulary) and "unk_id" in model)


def read_hub_tokenizer(tree: Json) -> HubTokenizer:
    """Return the parts of a tokenizer.json.

    Raises:
        Malformed: the tree has no model with a vocabulary, or its steps nest without end.
    """
    if not is_hub_tokenizer(tree) or not isinstance(tree, Mapping):
        raise Malformed("no model with a vocabulary")
    model = tree["model"]
    assert isinstance(model, Mapping)
    vocabulary, repeated, broken = _vocabulary(model.get("vocab"))
    merges, broken_merges = _merges(model.get("merges"))
    return HubTokenizer(
        kind=_kind(model, has_merges=bool(merges)),
        vocabulary=vocabulary,
        repeated=repeated,
        merges=merges,
        added=tuple(added_tokens_of_list(tree.get("added_tokens"), "/added_tokens")),
        steps=tuple(_steps(tree)),
        broken=broken + broken_merges,
        unknown=_text(model, "unk_token"),
        has_byte_fallback=model.get("byte_fallback") is True,
        prefix=_text(model, "continuing_subword_prefix") or "",
        suffix=_text(model, "end_of_word_suffix") or "",
    )


def without_tables(tree: Json) -> Json:
    """Return a tokenizer.json without its vocabulary and merges, any other tree as it is.

    Only tables that hold numbers, pieces and pairs of pieces are left out: nothing is hidden in them.
    """
    if not is_hub_tokenizer(tree) or not isinstance(tree, Mapping):
        return tree
    model = tree["model"]
    assert isinstance(model, Mapping)
    vocabulary, merges = model.get("vocab"), model.get("merges")
    lean = dict(model)
    if isinstance(vocabulary, Mapping) and set(map(type, vocabulary.values())) <= {int}:
        lean["vocab"] = {}
    elif _is_list(vocabulary) and _holds_pairs(vocabulary, {str, int, float}):
        lean["vocab"] = []
    if _is_list(merges) and _holds_pairs(merges, {str}):
        lean["merges"] = []
    return {**tree, "model": lean}


def _holds_pairs(table: Json, wanted: set[type]) -> bool:
    """True when the rows are texts, or lists of nothing but the wanted types."""
    if not isinstance(table, Sequence):
        return False
    lists = [row for row in table if type(row) is list]
    if any(type(row) is not str for row in table if type(row) is not list):
        return False
    return set(map(type, chain.from_iterable(lists))) <= wanted


def _kind(model: Mapping[str, Json], *, has_merges: bool) -> ModelKind:
    """Old files don't name the type; readers guess it from the fields, as here."""
    try:
        return ModelKind(_text(model, "type") or "")
    except ValueError:
        if has_merges or "merges" in model:
            return ModelKind.BPE
        if _is_list(model.get("vocab")):
            return ModelKind.UNIGRAM
        has_prefix = "continuing_subword_prefix" in model
        return ModelKind.WORD_PIECE if has_prefix else ModelKind.WORD_LEVEL


def _vocabulary(value: Json) -> tuple[Mapping[str, int], tuple[str, ...], int]:
    if isinstance(value, Mapping):
        # Most files have nothing to leave out, and are not copied.
        wrong = [key for key, number in value.items() if type(number) is not int]
        kept = {key: number for key, number in value.items() if type(number) is int} if wrong else value
        return kept, (), len(wrong)  # type: ignore[return-value]  # every value was looked at
    found: dict[str, int] = {}
    repeated: list[str] = []
    broken = 0
    for at, item in enumerate(
        value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    ):
        piece = (
            item[0]
            if isinstance(item, Sequence) and len(item) == 2 and not isinstance(item, str)
            else None
        )
        if not isinstance(piece, str):
            broken += 1
        elif piece in found:
            repeated.append(piece)
        else:
            found[piece] = at
    return found, tuple(repeated), broken


def _merges(value: Json) -> tuple[Sequence[tuple[str, str]], int]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (), 0
    found: list[tuple[str, str]] = []
    broken = 0
    for item in value:
        pair = _pair(item)
        if pair is None:
            broken += 1
        else:
            found.append(pair)
    return found, broken


def _pair(item: Json) -> tuple[str, str] | None:
    # Half a million of them: by type, which is quicker than by what a type can do.
    if type(item) is str:
        left, _, right = item.partition(" ")
        return (left, right) if left and right else None
    if type(item) is list and len(item) == 2:
        left, right = item
        if type(left) is str and type(right) is str:
            return left, right
    return None


def _steps(tree: Mapping[str, Json]) -> Iterator[Step]:
    count = 0
    for stage in Stage:
        waiting: list[tuple[Json, str, int]] = [(tree.get(stage.value), f"/{stage.value}", 0)]
        while waiting:
            value, route, depth = waiting.pop()
            if not isinstance(value, Mapping):
                continue
            count += 1
            if count > _MOST_STEPS or depth > _DEEPEST:
                raise Malformed("the steps of the tokenizer are more than anybody writes")
            nested = [(key, value[key]) for key in _NESTED if _is_list(value.get(key))]
            for key, items in nested:
                assert isinstance(items, Sequence)
                waiting += [
                    (item, f"{route}/{key}/{at}", depth + 1)
                    for at, item in reversed(list(enumerate(items)))
                ]
            if not nested:
                yield Step(stage, _text(value, "type") or "", route, value)


def _is_list(value: Json) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(mapping: Mapping[str, Json], key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) else None
