"""SentencePiece models: what their pieces render, and what their maps make of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tokenizers.added_texts import added_findings
from weighbridge.analyzers.tokenizers.character_maps import map_findings
from weighbridge.analyzers.tokenizers.telling import Telling, several
from weighbridge.analyzers.tokenizers.vocabularies import (
    INCONSISTENT,
    NO_BYTES,
    ORPHANS,
    RENAMED,
    TWO_TEXTS,
    piece_findings,
)
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.tokenizers.added_token import AddedToken
from weighbridge.formats.tokenizers.sentencepiece import (
    NormalizerSpec,
    PieceType,
    SentencePieceModel,
    pieces_of,
    read_sentencepiece,
    underived,
)

_FEW: Final = 64
_WRITTEN: Final = (PieceType.CONTROL, PieceType.USER_DEFINED)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge pieces and maps."""
    model = read_sentencepiece(artifact.source)
    telling = Telling(artifact)
    for spec, name, is_decoder in (
        (model.denormalizer, "denormalizer_spec", True),
        (model.normalizer, "normalizer_spec", False),
    ):
        if spec is not None:
            yield from _spec(artifact, telling, spec, name, is_decoder=is_decoder)
    yield from _pieces(telling, model)


def _spec(
    artifact: Artifact, telling: Telling, spec: NormalizerSpec, name: str, *, is_decoder: bool
) -> Iterator[Event]:
    try:
        if spec.is_cut:
            raise LimitReached("a character map that is larger than any in use")
        yield from map_findings(telling, spec.charsmap, name, is_decoder=is_decoder)
    except (Malformed, LimitReached) as error:
        detail = f"the map of {name} could not be read: {error}; do not use the model"
        yield Coverage(
            path=artifact.path, format=Format.SENTENCEPIECE, outcome=Outcome.LIMITED, detail=detail
        )


def _pieces(telling: Telling, model: SentencePieceModel) -> Iterator[Finding]:
    written = [
        AddedToken(piece.text, number, piece.type is PieceType.CONTROL, f"piece {number}")
        for number, piece in enumerate(model.pieces)
        if piece.type in _WRITTEN
    ]
    yield from added_findings(telling, written)
    apart = {token.content for token in written}
    yield from piece_findings(
        telling, [piece.text for _, piece in pieces_of(model)], "pieces", apart=apart
    )
    counts = Counter(piece.text for piece in model.pieces)
    double = (
        [text for text, count in counts.items() if count > 1] if len(counts) < len(model.pieces) else []
    )
    if double:
        evidence = f"pieces that stand twice: {several(double)}"
        yield from telling.one(TWO_TEXTS, double[0], evidence, route="pieces")
    yield from _kinds(telling, model)
    if model.is_bpe:
        yield from _underived(telling, model)


def _kinds(telling: Telling, model: SentencePieceModel) -> Iterator[Finding]:
    kinds = Counter(piece.type for piece in model.pieces)
    if kinds[PieceType.BYTE] not in (0, 256):
        evidence = f"{256 - kinds[PieceType.BYTE]} of 256 bytes have no piece"
        yield from telling.one(NO_BYTES, "bytes", evidence, route="pieces")
    if kinds[PieceType.UNKNOWN] != 1 or kinds[None]:
        evidence = f"{kinds[PieceType.UNKNOWN]} pieces for the unknown, {kinds[None]} of no known type"
        yield from telling.one(INCONSISTENT, "pieces", evidence, route="pieces")


def _underived(telling: Telling, model: SentencePieceModel) -> Iterator[Finding]:
    """A few are told one by one; where there are many, the pieces were not learnt by joining."""
    found = underived(model)
    if len(found) > min(_FEW, max(4, len(model.pieces) // 500)):
        evidence = f"no two pieces make {several([text for _, text in found])}"
        yield from telling.one(ORPHANS, "pieces", evidence, route="pieces")
        return
    for number, text in found:
        evidence = f"piece {number} is {quoted(text)}, which is no sum of two others"
        yield from telling.one(RENAMED, text, evidence, route=f"piece {number}")
