"""Judge the tokens that a post-processor puts around every input: names that lie, and whole texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from weighbridge.analyzers.tokenizers.telling import Telling, several
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.byte_level import readable
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer, Stage, Step

HIDDEN_TEXT, OTHER_TOKEN = "TOK016", "TOK017"

_LEAST_ORDINARY: Final = 3
_MOST_SHOWN: Final = 200
_MARKED: Final = re.compile(r"\W*[<\[{|(].*[>\]}|)]\W*|\W*", re.DOTALL)


class Surfaces:
    """What ids render: an added token before an entry of the vocabulary."""

    def __init__(self, tokenizer: HubTokenizer) -> None:
        self._tokenizer = tokenizer
        self.added = {token.id: token.content for token in tokenizer.added if token.id is not None}

    @cached_property
    def _by_id(self) -> dict[int, str]:
        return {number: surface for surface, number in self._tokenizer.vocabulary.items()}

    def of(self, number: int) -> str | None:
        """Return the surface of an id; None for one that nothing has."""
        return self.added[number] if number in self.added else self._by_id.get(number)

    def has(self, token: str, number: int) -> bool:
        """True when this token has this id."""
        return self.added.get(number) == token or self._tokenizer.vocabulary.get(token) == number


def inserted_findings(
    telling: Telling, tokenizer: HubTokenizer, surfaces: Surfaces
) -> Iterator[Finding]:
    """Judge what the post-processors insert."""
    for step in tokenizer.steps:
        if step.stage is not Stage.POST_PROCESSOR:
            continue
        inserted = list(_inserted(step))
        wrong = [(token, number) for token, number in inserted if not surfaces.has(token, number)]
        if wrong:
            token, number = wrong[0]
            rendered = surfaces.of(number)
            means = "which is none" if rendered is None else f"which renders {quoted(rendered)}"
            evidence = f"{step.kind} inserts {quoted(token)} as id {number}, {means}"
            yield from telling.one(OTHER_TOKEN, token, evidence, route=step.route)
        yield from _hidden_text(telling, tokenizer, surfaces, step, inserted)


def _hidden_text(
    telling: Telling,
    tokenizer: HubTokenizer,
    surfaces: Surfaces,
    step: Step,
    inserted: Sequence[tuple[str, int]],
) -> Iterator[Finding]:
    special = {token.content for token in tokenizer.added if token.is_special}
    ordinary = []
    for _, number in inserted:
        surface = surfaces.of(number)
        if surface is None or surface in special or _MARKED.fullmatch(surface):
            continue
        ordinary.append(readable(surface, is_byte_level=tokenizer.is_byte_level))
    if len(ordinary) >= _LEAST_ORDINARY:
        text = "".join(ordinary[:_MOST_SHOWN])
        evidence = (
            f"{step.kind} puts {len(ordinary):,} ordinary tokens around every input: {quoted(text)}"
        )
        yield from telling.one(HIDDEN_TEXT, several(ordinary[:5]), evidence, route=step.route)


def _inserted(step: Step) -> Iterator[tuple[str, int]]:
    """Yield (token, id) of what a post-processor inserts."""
    for key in ("sep", "cls"):  # BertProcessing and RobertaProcessing
        pair = step.options.get(key)
        if isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2:
            yield from _pairs([pair[0]], [pair[1]])
    defined = step.options.get("special_tokens")
    if not isinstance(defined, Mapping):
        return
    for name in dict.fromkeys(_used(step.options)):
        token = defined.get(name)
        if isinstance(token, Mapping):
            yield from _pairs(token.get("tokens"), token.get("ids"))


def _used(options: Mapping[str, Json]) -> Iterator[str]:
    for key in ("single", "pair"):
        template = options.get(key)
        for item in template if isinstance(template, Sequence) and not isinstance(template, str) else ():
            named = item.get("SpecialToken") if isinstance(item, Mapping) else None
            if isinstance(named, Mapping) and isinstance(named.get("id"), str):
                yield str(named["id"])


def _pairs(tokens: Json, ids: Json) -> Iterator[tuple[str, int]]:
    if not isinstance(tokens, Sequence) or not isinstance(ids, Sequence) or isinstance(ids, str):
        return
    names = [token for token in tokens if isinstance(token, str)]
    for at, number in enumerate(ids):
        if isinstance(number, int) and not isinstance(number, bool):
            yield (names[at] if at < len(names) else "", number)
