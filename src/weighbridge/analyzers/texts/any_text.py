"""Look at a text for what harms whoever reads it, whatever the file is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.hidden_search import hidden_findings
from weighbridge.analyzers.texts.passages import Passage, joined
from weighbridge.analyzers.texts.phrases import phrase_findings
from weighbridge.analyzers.texts.secret_search import secret_findings
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.knowledge.text_patterns import TextKind

__all__ = ["TextKind", "look_at_metadata", "look_at_text"]

_LARGEST: Final = 4 * MIB
_VOCABULARY_NAMES: Final = frozenset(
    {
        "tokenizer.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "added_tokens.json",
        "bpe.codes",
        "encoder.json",
    }
    | {
        "special_tokens_map.json",
        "source.spm",
        "target.spm",
        "dict.txt",
        "spiece.vocab",
        "tokenizer_config.json",
    }
)
_VOCABULARY_SHAPE: Final = re.compile(
    r"\s*\{\s*\"version\"[^\x00]{0,4000}\"(?:added_tokens|model)\"|#version: 0\.\d"
)
_ESCAPES: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_HIDDEN_ESCAPE: Final = re.compile(
    r"\\u(?:200[b-f]|202[a-e]|206[0-9]|034f|115f|1160|3164|feff|ffa0|fe0[0-9a-f]|db40|001b)",
    re.IGNORECASE,
)


def look_at_text(artifact: Artifact, text: str, kind: TextKind, context: Context) -> Iterator[Event]:
    """Yield what the text hides, holds or demands.

    Args:
        artifact: the file, or the part of one (a notebook's cell), that the text is.
        text: all of it, or as much as its analyzer reads; 4 Mi characters are searched.
        kind: decides what counts.
        context: as for analyzers.
    """
    if kind is TextKind.TABLE:
        return
    context.budget.check_time()
    is_vocabulary = _is_vocabulary(artifact, text)
    passage = Passage(_unescaped(text[:_LARGEST], kind))
    yield from secret_findings(artifact, passage, is_vocabulary=is_vocabulary)
    context.budget.check_time()
    if not is_vocabulary:
        yield from hidden_findings(artifact, passage, kind)
        yield from phrase_findings(artifact, passage, kind)
    context.budget.check_time()


def look_at_metadata(artifact: Artifact, texts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield what strings in the header of a model hide, hold or demand.

    Args:
        artifact: the model.
        texts: (place, text); 4 Mi characters are searched.
    """
    passage = joined(texts, _LARGEST)
    if passage.text:
        yield from secret_findings(artifact, passage)
        yield from hidden_findings(artifact, passage, TextKind.METADATA)
        yield from phrase_findings(artifact, passage, TextKind.METADATA)


def _is_vocabulary(artifact: Artifact, text: str) -> bool:
    """Words of a tokenizer are pieces of everything: characters, programs, tokens of roles."""
    name = PurePosixPath(artifact.name.lower()).name
    return name in _VOCABULARY_NAMES or _VOCABULARY_SHAPE.match(text[:8_192]) is not None


def _unescaped(text: str, kind: TextKind) -> str:
    r"""Of a configuration, with blanks for `\n`, and with what `\u200b` and the like stand for."""
    if kind is not TextKind.CONFIGURATION or "\\" not in text:
        return text
    text = text.replace("\\n", "  ").replace("\\t", "  ")
    if _HIDDEN_ESCAPE.search(text) is None:
        return text
    return _ESCAPES.sub(_characters, text)


def _characters(match: re.Match[str]) -> str:
    units = bytes.fromhex("".join(match.group().split("\\u")))
    return units.decode("utf-16-be", "replace")
