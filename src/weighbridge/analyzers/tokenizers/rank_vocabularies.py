"""Judge vocabularies of bytes with ranks: `.tiktoken` files and tekken.json.

A token is learnt by joining two that were learnt before it. So each token but the single bytes is the
sum of two of lower rank, and one that is not was written in by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.tokenizers.added_texts import added_findings
from weighbridge.analyzers.tokenizers.telling import MOST_OF_A_KIND, Telling, several
from weighbridge.analyzers.tokenizers.vocabularies import (
    INCONSISTENT,
    NO_BYTES,
    ORPHANS,
    RENAMED,
    TWO_TEXTS,
    piece_findings,
)
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tokenizers.added_token import AddedToken
from weighbridge.formats.tokenizers.ranks import Ranks

_FEW: Final = 64
_LONGEST_SPLIT: Final = 512


def rank_findings(telling: Telling, ranks: Ranks, route: str = "") -> Iterator[Finding]:
    """Judge the tokens."""
    texts = [token.decode("utf-8", "backslashreplace") for _, token in ranks.tokens]
    yield from piece_findings(telling, texts, route)
    special = [AddedToken(text, number, True, route) for number, text in ranks.named]
    yield from added_findings(telling, special)
    yield from _double(telling, ranks, route)
    by_token = {token: rank for rank, token in ranks.tokens}
    yield from _underived(telling, by_token, route)
    missing = [byte for byte in range(256) if bytes((byte,)) not in by_token]
    if missing:
        evidence = (
            f"{len(missing)} of 256 bytes have no token: {several([f'{one:#04x}' for one in missing])}"
        )
        yield from telling.one(NO_BYTES, "bytes", evidence, route=route)
    if ranks.broken:
        evidence = f"{ranks.broken:,} entries are no token: {several(ranks.examples, ranks.broken)}"
        yield from telling.one(INCONSISTENT, "entries", evidence, route=route)


def _double(telling: Telling, ranks: Ranks, route: str) -> Iterator[Finding]:
    counts = Counter(rank for rank, _ in ranks.tokens)
    shared = (
        [rank for rank, count in counts.items() if count > 1] if len(counts) < len(ranks.tokens) else []
    )
    for rank in shared[:MOST_OF_A_KIND]:
        texts = [
            token.decode("utf-8", "backslashreplace") for other, token in ranks.tokens if other == rank
        ]
        yield from telling.one(TWO_TEXTS, texts[0], f"rank {rank}: {several(texts)}", route=route)


def _underived(telling: Telling, by_token: Mapping[bytes, int], route: str) -> Iterator[Finding]:
    """A few are told one by one; where there are many, the vocabulary was not learnt by joining."""
    found = [
        token
        for token, rank in by_token.items()
        if len(token) > 1 and not _is_sum(token, rank, by_token)
    ]
    if not found:
        return
    texts = [token.decode("utf-8", "backslashreplace") for token in found]
    if len(found) > min(_FEW, max(4, len(by_token) // 500)):
        evidence = f"{len(found):,} tokens are no sum of two others: {several(texts)}"
        yield from telling.one(ORPHANS, "tokens", evidence, route=route)
        return
    for token, text in zip(found[:MOST_OF_A_KIND], texts, strict=False):
        evidence = f"rank {by_token[token]} renders {quoted(text)}, which is no sum of two lower ranks"
        yield from telling.one(RENAMED, text, evidence, route=route)


def _is_sum(token: bytes, rank: int, by_token: Mapping[bytes, int]) -> bool:
    if len(token) > _LONGEST_SPLIT:
        return len(set(token)) == 1
    get = by_token.get
    for cut in range(1, len(token)):
        left = get(token[:cut])
        if left is not None and left < rank:
            right = get(token[cut:])
            if right is not None and right < rank:
                return True
    return False
