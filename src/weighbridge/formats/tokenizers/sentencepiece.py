"""Read a SentencePiece model: its pieces, and the maps that rewrite text before and after it.

    ModelProto       1 pieces*   2 trainer_spec (3 model_type)   3 normalizer_spec   4 self_test_data
                     5 denormalizer_spec
    SentencePiece    1 piece (text)   2 score (float)   3 type
    NormalizerSpec   1 name   2 precompiled_charsmap (bytes)   3 add_dummy_prefix
                     4 remove_extra_whitespaces   5 escape_whitespaces   6 normalization_rule_tsv

The id of a piece is its place. Source: src/sentencepiece_model.proto of google/sentencepiece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

_MOST_PIECES: Final = 4_000_000
_LONGEST_PIECE: Final = 64 * KIB
_LARGEST_MAP: Final = 16 * MIB
_PIECES, _TRAINER, _NORMALIZER, _DENORMALIZER = 1, 2, 3, 5
_PROBED: Final = 3
_BPE: Final = 2
_LONGEST_SUM: Final = 512


class PieceType(IntEnum):
    """`SentencePiece.Type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece; its id is its place. A type that no version knows is None."""

    text: str
    score: float
    type: PieceType | None


@dataclass(frozen=True, slots=True)
class NormalizerSpec:
    """A map from text to text. `is_cut` when it is larger than any that is in use."""

    name: str
    charsmap: bytes
    is_cut: bool
    rules: str


@dataclass(frozen=True, slots=True)
class SentencePieceModel:
    """A model. `is_bpe`: its trainer joined pieces; fields that no version knows are counted."""

    pieces: tuple[Piece, ...]
    normalizer: NormalizerSpec | None
    denormalizer: NormalizerSpec | None
    is_bpe: bool
    unknown_fields: int


def is_model(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """Tell by the fields of the outermost message, in whatever order: pieces, and specs of a trainer.

    Args:
        reader: of the source.
        fields: the first of them.
    """
    pieces = [one for one in fields if one.number == _PIECES]
    if len(pieces) < 2 or any(one.wire is not Wire.BYTES for one in pieces):
        return False
    probed = [*pieces[:_PROBED], pieces[-1]]
    return all(_is_piece(reader, one) for one in probed) and _has_unknown(reader, pieces)


def _is_piece(reader: ProtobufReader, field: Field) -> bool:
    """A piece has a text and at most a score and a type; each once."""
    try:
        inner = [(one.number, one.wire) for one in islice(reader.message(field), 4)]
    except (Malformed, LimitReached):
        return False
    allowed = {(1, Wire.BYTES), (2, Wire.FIXED32), (3, Wire.VARINT)}
    return (
        bool(inner)
        and len(inner) < 4
        and set(inner) <= allowed
        and (1, Wire.BYTES) in inner
        and ((2, Wire.FIXED32) in inner or (3, Wire.VARINT) in inner)
    )


def _has_unknown(reader: ProtobufReader, pieces: Sequence[Field]) -> bool:
    """Each model has one piece for what it doesn't know, mostly the first."""
    for one in pieces:
        try:
            if any(
                f.number == 3 and f.value == PieceType.UNKNOWN for f in islice(reader.message(one), 4)
            ):
                return True
        except (Malformed, LimitReached):
            return False
    return False


def read_sentencepiece(source: ByteSource) -> SentencePieceModel:
    """Read the model.

    Raises:
        Malformed: no message, or a piece that is none.
        LimitReached: more pieces, or longer ones, than any model has.
    """
    reader = ProtobufReader(source)
    pieces: list[Piece] = []
    specs: dict[int, NormalizerSpec] = {}
    is_bpe, unknown = False, 0
    for field in reader.fields():
        if field.number == _PIECES and field.wire is Wire.BYTES:
            pieces.append(_piece(reader, field))
            if len(pieces) > _MOST_PIECES:
                raise LimitReached(f"more than {_MOST_PIECES:,} pieces")
        elif field.number in (_NORMALIZER, _DENORMALIZER) and field.wire is Wire.BYTES:
            specs[field.number] = _spec(reader, field)
        elif field.number == _TRAINER and field.wire is Wire.BYTES:
            is_bpe = any(one.number == 3 and one.value == _BPE for one in reader.message(field))
        elif field.number != 4:
            unknown += 1
    if not pieces:
        raise Malformed("a SentencePiece model without pieces")
    return SentencePieceModel(
        tuple(pieces), specs.get(_NORMALIZER), specs.get(_DENORMALIZER), is_bpe, unknown
    )


def _piece(reader: ProtobufReader, field: Field) -> Piece:
    # Most models have a hundred thousand pieces of the one layout that the trainer writes.
    raw = reader.bytes_of(field, _LONGEST_PIECE)
    if field.length > _LONGEST_PIECE:
        raise LimitReached(f"a piece of {field.length:,} bytes")
    return _plain_piece(raw) or _any_piece(reader, field)


def _plain_piece(raw: bytes) -> Piece | None:
    if len(raw) < 7 or raw[0] != 0x0A or raw[1] > 0x7F:
        return None
    end = 2 + raw[1]
    tail = raw[end:]
    if len(tail) not in (5, 7) or tail[0] != 0x15 or (len(tail) == 7 and tail[5] != 0x18):
        return None
    kind = tail[6] if len(tail) == 7 else PieceType.NORMAL
    return Piece(_text(raw[2:end]), struct.unpack_from("<f", tail, 1)[0], _type(kind))


def _any_piece(reader: ProtobufReader, field: Field) -> Piece:
    text, score, kind = "", 0.0, int(PieceType.NORMAL)
    for inner in reader.message(field):
        match inner.number, inner.wire:
            case 1, Wire.BYTES:
                text = _text(reader.bytes_of(inner, _LONGEST_PIECE))
            case 2, Wire.FIXED32:
                score = struct.unpack("<f", inner.value.to_bytes(4, "little"))[0]
            case 3, Wire.VARINT:
                kind = inner.value
            case _:
                pass
    return Piece(text, score, _type(kind))


def _spec(reader: ProtobufReader, field: Field) -> NormalizerSpec:
    name, rules, charsmap, is_cut = "", "", b"", False
    for inner in reader.message(field):
        if inner.wire is not Wire.BYTES:
            continue
        if inner.number == 1:
            name = reader.text_of(inner, 200)
        elif inner.number == 2:
            charsmap, is_cut = reader.bytes_of(inner, _LARGEST_MAP), inner.length > _LARGEST_MAP
        elif inner.number == 6:
            rules = reader.text_of(inner, MIB)
    return NormalizerSpec(name, charsmap, is_cut, rules)


def _type(number: int) -> PieceType | None:
    return PieceType(number) if 1 <= number <= PieceType.BYTE else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def pieces_of(model: SentencePieceModel) -> Iterator[tuple[int, Piece]]:
    """Yield (id, piece) of those that render text: no control pieces, bytes, or unused ones."""
    for number, piece in enumerate(model.pieces):
        if piece.type in (PieceType.NORMAL, PieceType.USER_DEFINED, None):
            yield number, piece


def underived(model: SentencePieceModel) -> list[tuple[int, str]]:
    """Return (id, text) of the learnt pieces of a BPE model that are no sum of two others."""
    texts = {piece.text for piece in model.pieces}
    found = []
    for number, piece in enumerate(model.pieces):
        text = piece.text
        if piece.type is not PieceType.NORMAL or len(text) < 2:
            continue
        if len(text) > _LONGEST_SUM or not any(
            text[:cut] in texts and text[cut:] in texts for cut in range(1, len(text))
        ):
            found.append((number, text))
    return found
