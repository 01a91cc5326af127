"""Judge a vocabulary: what its entries render, whether each id is one text, and how merges made it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from weighbridge.analyzers.tokenizers.inserted_tokens import Surfaces
from weighbridge.analyzers.tokenizers.telling import MOST_OF_A_KIND, Telling, several
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tokenizers.byte_level import SHOWN
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer, ModelKind
from weighbridge.formats.tokenizers.vocabulary_facts import Derivation, derive, ids_of, missing_bytes
from weighbridge.knowledge.tokenizers import sightings_in_pieces

CARRIES, TWO_TEXTS = "TOK005", "TOK010"
MOVED, RENAMED, ORPHANS, INCONSISTENT, NO_BYTES = "TOK011", "TOK012", "TOK013", "TOK014", "TOK015"
LEARNT, TAKEN = "TOK020", "TOK029"

_FEW_ORPHANS: Final = 64
_MIXED: Final = re.compile(r"[A-Za-z0-9][ -&(-/:-@\[-^`{-~]+[A-Za-z0-9]")
_LEAST_MIXED: Final = 16
_MIXED_SHARE: Final = 500
_MARKS: Final = frozenset("<[{|")


def piece_findings(
    telling: Telling,
    pieces: Collection[str],
    route: str,
    *,
    apart: Collection[str] = (),
    orphans: Collection[str] = (),
) -> Iterator[Finding]:
    """Judge what learnt pieces render.

    A trainer that doesn't split text into words learns addresses too, and many other pieces with signs
    between letters: where there are many of those, an address is no evidence of an edit.

    Args:
        telling: of the artifact.
        pieces: all of the vocabulary.
        route: of the vocabulary.
        apart: texts that are judged as added tokens.
        orphans: pieces that no trainer can have made.
    """
    spelled = list(pieces)
    shown = [piece.translate(SHOWN) for piece in spelled]
    found = [one for one in sightings_in_pieces(shown) if spelled[one.at] not in apart]
    if not found:
        return
    mixed = sum(1 for piece in shown if _MIXED.search(piece))
    is_learnt = mixed >= max(_LEAST_MIXED, len(shown) // _MIXED_SHARE)
    learnt = []
    for sighting in found:
        piece = shown[sighting.at]
        if is_learnt and spelled[sighting.at] not in orphans:
            learnt.append(piece)
        else:
            evidence = f"piece {quoted(piece)}: {sighting.kind}"
            yield from telling.one(CARRIES, piece, evidence, route=route)
    if learnt:
        evidence = f"{several(learnt)}; {mixed:,} of {len(shown):,} pieces have signs between letters"
        yield from telling.one(LEARNT, "pieces", evidence, route=route)


def vocabulary_findings(
    telling: Telling, tokenizer: HubTokenizer, surfaces: Surfaces
) -> Iterator[Finding]:
    """Judge the vocabulary of a tokenizer.json."""
    added = {token.content for token in tokenizer.added}
    has_merges = tokenizer.kind is ModelKind.BPE and bool(tokenizer.merges)
    derivation = derive(tokenizer) if has_merges else None
    orphans = {text for text, _ in derivation.orphans} if derivation is not None else frozenset[str]()
    yield from piece_findings(
        telling, tokenizer.vocabulary, "/model/vocab", apart=added, orphans=orphans
    )
    yield from _id_findings(telling, tokenizer)
    yield from _collisions(telling, tokenizer, surfaces)
    if derivation is not None:
        yield from derivation_findings(telling, derivation)
    if tokenizer.is_byte_level or tokenizer.has_byte_fallback:
        yield from byte_findings(telling, tokenizer.vocabulary, is_byte_level=tokenizer.is_byte_level)


def _id_findings(telling: Telling, tokenizer: HubTokenizer) -> Iterator[Finding]:
    ids = ids_of(tokenizer.vocabulary, [token.id for token in tokenizer.added if token.id is not None])
    for number, texts in ids.shared[:MOST_OF_A_KIND]:
        evidence = f"id {number}: {several(texts)}; {len(ids.shared):,} ids have more than one text"
        yield from telling.one(TWO_TEXTS, texts[0], evidence, route="/model/vocab")
    wrong = []
    if ids.negative:
        wrong.append(f"ids below zero: {several(ids.negative)}")
    if tokenizer.broken:
        wrong.append(f"{tokenizer.broken:,} entries or merges are of a wrong type")
    if tokenizer.repeated:
        wrong.append(f"pieces that stand twice: {several(tokenizer.repeated)}")
    if wrong:
        yield from telling.one(INCONSISTENT, "vocabulary", "\n".join(wrong), route="/model/vocab")


def _collisions(telling: Telling, tokenizer: HubTokenizer, surfaces: Surfaces) -> Iterator[Finding]:
    """An added token takes the place of the entry that has its id, for some readers."""
    first: dict[int, str] = {}
    for token in tokenizer.added:
        if token.id is not None and first.setdefault(token.id, token.content) != token.content:
            evidence = (
                f"id {token.id}: added tokens {quoted(first[token.id])} and {quoted(token.content)}"
            )
            yield from telling.one(TWO_TEXTS, token.content, evidence, route=token.route)
    taken = surfaces.added.keys()
    entries = {number: text for text, number in tokenizer.vocabulary.items() if number in taken}
    for token in tokenizer.added:
        entry = entries.get(token.id) if token.id is not None else None
        if entry is not None and entry != token.content:
            rule = _rule_of_collision(entry, token.content)
            evidence = f"id {token.id}: entry {quoted(entry)}, added token {quoted(token.content)}"
            yield from telling.one(rule, token.content, evidence, route=token.route)
        own = tokenizer.vocabulary.get(token.content)
        if own is not None and token.id is not None and own != token.id and entry is None:
            evidence = (
                f"{quoted(token.content)}: id {own} in the vocabulary, {token.id} as an added token"
            )
            yield from telling.one(INCONSISTENT, token.content, evidence, route=token.route)


def _rule_of_collision(entry: str, content: str) -> str:
    """A mark on the place of a word is how padding is added by hand; a word on that of a word is not."""
    marked = is_marked(entry), is_marked(content)
    if all(marked):
        return INCONSISTENT
    return TWO_TEXTS if any(marked) else TAKEN


def is_marked(text: str) -> bool:
    """True for a text in brackets of some kind, as special tokens are written."""
    stripped = text.strip()
    return len(stripped) > 2 and stripped[0] in _MARKS and stripped[-1] in ">]}|"


def derivation_findings(
    telling: Telling, derivation: Derivation, route: str = "/model/vocab"
) -> Iterator[Finding]:
    """Judge how merges and vocabulary fit together."""
    if derivation.moved:
        texts = [f"{text.translate(SHOWN)} ({number})" for text, number in derivation.moved]
        evidence = f"in each other's place in the order of merges: {several(texts)}"
        subject = " ".join(sorted(text for text, _ in derivation.moved))
        yield from telling.one(MOVED, subject, evidence, route=route)
    for text, number in derivation.renamed[:MOST_OF_A_KIND]:
        evidence = (
            f"id {number} renders {quoted(text.translate(SHOWN))}; the merge of this place is gone"
        )
        yield from telling.one(RENAMED, text, evidence, route=route)
    renamed = {text for text, _ in derivation.renamed}
    others = [text for text, _ in derivation.orphans if text not in renamed and not is_marked(text)]
    if others and len(others) <= _FEW_ORPHANS:
        yield from telling.one(ORPHANS, others[0], f"no merge makes {several(others)}", route=route)
    if derivation.absent_count:
        evidence = f"merges without an entry: {several(derivation.absent, derivation.absent_count)}"
        yield from telling.one(INCONSISTENT, "merges", evidence, route=route)


def byte_findings(
    telling: Telling, vocabulary: Mapping[str, int], *, is_byte_level: bool, route: str = "/model/vocab"
) -> Iterator[Finding]:
    """Judge whether every byte can be said."""
    missing = missing_bytes(vocabulary, is_byte_level=is_byte_level)
    if 0 < len(missing) < 256 or (missing and is_byte_level):
        evidence = (
            f"{len(missing)} of 256 bytes have no entry: {several([f'{one:#04x}' for one in missing])}"
        )
        yield from telling.one(NO_BYTES, "bytes", evidence, route=route)
