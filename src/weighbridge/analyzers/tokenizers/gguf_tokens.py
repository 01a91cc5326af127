"""Judge the vocabulary that a GGUF file carries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.tokenizers.added_texts import added_findings
from weighbridge.analyzers.tokenizers.telling import Telling, several
from weighbridge.analyzers.tokenizers.vocabularies import (
    INCONSISTENT,
    derivation_findings,
    is_marked,
    piece_findings,
)
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.tokenizers.added_token import AddedToken
from weighbridge.formats.tokenizers.byte_level import ALPHABET
from weighbridge.formats.tokenizers.gguf_tokens import GgufTokens, read_gguf_tokens
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer, ModelKind, Stage, Step
from weighbridge.formats.tokenizers.vocabulary_facts import derive
from weighbridge.formats.weights.gguf import GgufHeader

ROUTE: Final = "tokenizer.ggml.tokens"
_LONG: Final = 40
_BYTE_LEVEL: Final = Step(Stage.DECODER, "ByteLevel", "", {})


def gguf_token_findings(artifact: Artifact, header: GgufHeader) -> Iterator[Event]:
    """Yield what the vocabulary shows; nothing for a file without one."""
    try:
        tokens = read_gguf_tokens(header)
    except (Malformed, LimitReached) as error:
        detail = f"the vocabulary was not read: {error}"
        yield Coverage(path=artifact.path, format=Format.GGUF, outcome=Outcome.LIMITED, detail=detail)
        return
    if tokens is None:
        return
    telling = Telling(artifact)
    written = _written(tokens)
    yield from added_findings(telling, written)
    apart = {token.content for token in written}
    tokenizer = as_tokenizer(tokens, tuple(written))
    derivation = derive(tokenizer) if tokens.merges else None
    orphans = {text for text, _ in derivation.orphans} if derivation is not None else frozenset[str]()
    yield from piece_findings(telling, tokens.tokens, ROUTE, apart=apart, orphans=orphans)
    if derivation is not None:
        yield from derivation_findings(telling, derivation, ROUTE)
    if tokenizer.repeated and len(tokenizer.repeated) <= len(tokens.tokens) // 100:
        evidence = f"tokens that stand twice: {several(tokenizer.repeated)}"
        yield from telling.one(INCONSISTENT, "tokens", evidence, route=ROUTE)


def _written(tokens: GgufTokens) -> list[AddedToken]:
    """Tokens that are no learnt pieces: those with marks, and those that are longer than any piece."""
    return [
        AddedToken(text, number, False, f"{ROUTE}/{number}")
        for number, text in enumerate(tokens.tokens)
        if is_marked(text) or (len(text) >= _LONG and text.strip("\u2581\u0120 -=_*#.\n\t"))
    ]


def as_tokenizer(tokens: GgufTokens, written: tuple[AddedToken, ...]) -> HubTokenizer:
    """Return the vocabulary in the shape that checks of merges take."""
    vocabulary: dict[str, int] = {}
    repeated = []
    for number, text in enumerate(tokens.tokens):
        if vocabulary.setdefault(text, number) != number:
            repeated.append(text)
    merges = [tuple(line.split(" ", 1)) for line in tokens.merges]
    is_byte_level = tokens.model == "gpt2" and all(
        character in vocabulary for character in ALPHABET[:128]
    )
    return HubTokenizer(
        kind=ModelKind.BPE,
        vocabulary=vocabulary,
        repeated=tuple(repeated),
        merges=[(one[0], one[1]) for one in merges if len(one) == 2],
        added=written,
        steps=(_BYTE_LEVEL,) if is_byte_level else (),
        broken=0,
        unknown=None,
        has_byte_fallback=False,
        prefix="",
        suffix="",
    )
