"""Tokenizers that are kept as JSON: tokenizer.json, tekken.json, and what stands beside them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tokenizers.added_texts import added_findings
from weighbridge.analyzers.tokenizers.character_maps import precompiled_findings
from weighbridge.analyzers.tokenizers.inserted_tokens import Surfaces, inserted_findings
from weighbridge.analyzers.tokenizers.rank_vocabularies import rank_findings
from weighbridge.analyzers.tokenizers.rewriting import rewriting_findings
from weighbridge.analyzers.tokenizers.telling import Telling, several
from weighbridge.analyzers.tokenizers.vocabularies import TWO_TEXTS, piece_findings, vocabulary_findings
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.kinds import Format
from weighbridge.formats.tokenizers.added_token import (
    SPECIAL_ROLES,
    AddedToken,
    added_tokens_of_decoder,
    added_tokens_of_encoder,
    special_tokens_of,
)
from weighbridge.formats.tokenizers.hub_tokenizer import (
    HubTokenizer,
    Stage,
    is_hub_tokenizer,
    read_hub_tokenizer,
)
from weighbridge.formats.tokenizers.ranks import is_tekken, read_tekken
from weighbridge.formats.tokenizers.vocabulary_facts import ids_of

DUPLICATE_KEY: Final = "TOK019"
_VOCABULARY_NAMES: Final = ("vocab.json", "encoder.json", "vocabulary.json")
_COMPILED: Final = "Precompiled"


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is a tokenizer or a part of one."""
    if not isinstance(tree, Mapping):
        return None
    if is_hub_tokenizer(tree):
        return _tokenizer(artifact, tree)
    if is_tekken(tree):
        return rank_findings(Telling(artifact), read_tekken(tree), "/vocab")
    if isinstance(tree.get("added_tokens_decoder"), Mapping) or any(
        role in tree for role in SPECIAL_ROLES
    ):
        return _configuration(artifact, tree)
    name = posixpath.basename(artifact.name).lower()
    if name == "added_tokens.json":
        return added_findings(Telling(artifact), added_tokens_of_encoder(tree))
    if name.endswith(_VOCABULARY_NAMES) and _is_vocabulary(tree):
        return _vocabulary(artifact, tree)
    return None


def duplicate_key_findings(artifact: Artifact, tree: Json, keys: tuple[str, ...]) -> Iterator[Finding]:
    """Tell keys that stand twice in one object of a tokenizer: each reader takes its own value."""
    if not keys or not isinstance(tree, Mapping):
        return
    is_part = isinstance(tree.get("added_tokens_decoder"), Mapping) or _is_vocabulary(tree)
    if is_hub_tokenizer(tree) or is_tekken(tree) or is_part:
        evidence = f"keys that stand twice in one object: {several(keys)}"
        yield from Telling(artifact).one(DUPLICATE_KEY, keys[0], evidence)


def _tokenizer(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    telling = Telling(artifact)
    try:
        tokenizer = read_hub_tokenizer(tree)
    except Malformed as error:
        yield _row(artifact, error.reason)
        return
    yield from _steps(artifact, telling, tokenizer)
    yield from added_findings(telling, tokenizer.added)
    surfaces = Surfaces(tokenizer)
    yield from inserted_findings(telling, tokenizer, surfaces)
    yield from vocabulary_findings(telling, tokenizer, surfaces)


def _steps(artifact: Artifact, telling: Telling, tokenizer: HubTokenizer) -> Iterator[Event]:
    known = frozenset(token.content for token in tokenizer.added)
    for step in tokenizer.steps:
        yield from rewriting_findings(telling, step, known)
        if step.kind == _COMPILED and step.stage is Stage.NORMALIZER:
            try:
                yield from precompiled_findings(telling, step)
            except (Malformed, LimitReached) as error:
                yield _row(artifact, str(error))


def _configuration(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event] | None:
    tokens = [
        *added_tokens_of_decoder(tree.get("added_tokens_decoder"), "/added_tokens_decoder"),
        *(token for _, token in special_tokens_of(tree)),
    ]
    return added_findings(Telling(artifact), tokens) if tokens else None


def _vocabulary(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    telling = Telling(artifact)
    vocabulary = {text: number for text, number in tree.items() if type(number) is int}
    yield from piece_findings(telling, vocabulary, "")
    for number, texts in ids_of(vocabulary).shared:
        yield from telling.one(TWO_TEXTS, texts[0], f"id {number}: {several(texts)}")
    marked = [
        AddedToken(text, None, False, "") for text in vocabulary if text[:1] in "<[" and len(text) > 3
    ]
    yield from added_findings(telling, marked)


def _is_vocabulary(tree: Mapping[str, Json]) -> bool:
    return len(tree) >= 2 and all(type(number) is int for number in tree.values())


def _row(artifact: Artifact, reason: str) -> Coverage:
    detail = f"a part of the tokenizer could not be read: {reason}; do not use it"
    return Coverage(path=artifact.path, format=Format.JSON, outcome=Outcome.LIMITED, detail=detail)
