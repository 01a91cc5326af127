"""Judge compiled character maps: nobody reads them, and they rewrite every text."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.tokenizers.telling import Telling
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tokenizers.charsmap import Rewriting, read_charsmap
from weighbridge.formats.tokenizers.hub_tokenizer import Step
from weighbridge.knowledge.listed import listed
from weighbridge.knowledge.tokenizers import sightings

INSERTS, REWRITES, MAPPED = "TOK001", "TOK002", "TOK018"

_LEAST_TEXT: Final = 4


def precompiled_findings(telling: Telling, step: Step) -> Iterator[Finding]:
    """Judge the map of a normalizer `Precompiled`.

    Raises:
        Malformed, LimitReached: from the map.
    """
    encoded = step.options.get("precompiled_charsmap")
    if not isinstance(encoded, str):
        return
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return
    yield from map_findings(telling, data, step.route, is_decoder=False)


def map_findings(telling: Telling, data: bytes, route: str, *, is_decoder: bool) -> Iterator[Finding]:
    """Judge the rules of a map.

    Raises:
        Malformed, LimitReached: from the map.
    """
    if _is_published(data):
        return
    for rule in read_charsmap(data):
        if len(rule.replacement) < _LEAST_TEXT and not (rule.text.isascii() or is_decoder):
            continue
        evidence = f"turns {quoted(rule.text)} into {quoted(rule.replacement)}"
        found = list(sightings(rule.replacement)) if len(rule.replacement) >= _LEAST_TEXT else []
        if found and not _is_compatible(rule):
            kinds = ", ".join(sighting.kind for sighting in found)
            yield from telling.one(INSERTS, rule.text, f"{evidence}: {kinds}", route=route)
        elif _rewrites(rule):
            told = REWRITES if is_decoder else MAPPED
            yield from telling.one(told, rule.text, evidence, route=route)


def _is_published(data: bytes) -> bool:
    """True for the maps that come with SentencePiece: a quarter of a million rules, which are known."""
    import hashlib  # OpenSSL is slow to load, and most files have no map

    return bool(data) and hashlib.sha256(data).hexdigest() in listed("tokenizers/maps.tsv")


def _rewrites(rule: Rewriting) -> bool:
    """True when letters become others that no normalization of Unicode makes of them."""
    old, new = _letters(rule.text), _letters(rule.replacement)
    if old == new or not (old or new) or _is_compatible(rule):
        return False
    # One letter that becomes another is a transliteration; ASCII words have nothing to become.
    return len(new) >= _LEAST_TEXT or (rule.text.isascii() and len(old) > 1)


def _is_compatible(rule: Rewriting) -> bool:
    return _folded(rule.text) == _folded(rule.replacement)


def _folded(text: str) -> str:
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in split if char.isalnum())


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
