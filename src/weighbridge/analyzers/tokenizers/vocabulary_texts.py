"""Tokenizers that are kept as plain text: vocab.txt, merges.txt, and `.tiktoken` files."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tokenizers.added_texts import added_findings
from weighbridge.analyzers.tokenizers.rank_vocabularies import rank_findings
from weighbridge.analyzers.tokenizers.telling import Telling, several
from weighbridge.analyzers.tokenizers.vocabularies import TWO_TEXTS, piece_findings
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.tokenizers.added_token import AddedToken
from weighbridge.formats.tokenizers.ranks import is_tiktoken, read_tiktoken

_LARGEST: Final = 64 * MIB
_VERSION: Final = "#version:"


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is a vocabulary or a list of merges."""
    name = posixpath.basename(artifact.name).lower()
    if is_tiktoken(head.encode("utf-8", "replace")):
        return _ranks(artifact)
    if name.endswith("merges.txt") or head.startswith(_VERSION):
        return _merges(artifact)
    if name.endswith("vocab.txt") and not head.startswith("{"):
        return _vocabulary(artifact)
    return None


def _ranks(artifact: Artifact) -> Iterator[Event]:
    yield from rank_findings(Telling(artifact), read_tiktoken(_data(artifact)))


def _merges(artifact: Artifact) -> Iterator[Event]:
    """What a merge makes is an entry; its halves can be judged as one."""
    lines = _lines(artifact)
    joined = ["".join(line.split(" ", 1)) for line in lines if line and not line.startswith(_VERSION)]
    yield from piece_findings(Telling(artifact), joined, "")


def _vocabulary(artifact: Artifact) -> Iterator[Event]:
    """The id of a line is its number, so a line that stands twice has two ids."""
    telling = Telling(artifact)
    # A line may go on with a count or score behind a tab.
    pieces = [line.split("\t", 1)[0] for line in _lines(artifact)]
    marked = [
        AddedToken(piece, None, False, "")
        for piece in pieces
        if piece[:1] in ("<", "[") and len(piece) > 3
    ]
    yield from added_findings(telling, marked)
    yield from piece_findings(telling, pieces, "", apart={token.content for token in marked})
    counts = Counter(pieces)
    double = [piece for piece, count in counts.items() if count > 1 and piece.strip()]
    if double and len(double) <= max(4, len(pieces) // 1000):
        evidence = f"lines that stand twice: {several(double)}"
        yield from telling.one(TWO_TEXTS, double[0], evidence)


def _lines(artifact: Artifact) -> list[str]:
    text = _data(artifact).decode("utf-8-sig", "backslashreplace")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _data(artifact: Artifact) -> bytes:
    size = artifact.source.size
    if size > _LARGEST:
        raise LimitReached(f"a vocabulary of {size:,} bytes; up to {_LARGEST:,} are read")
    return bytes(artifact.source.read_at(0, size))
