"""Judge what the steps of a tokenizer put into a text, take out of it, or turn into something else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.tokenizers.telling import Telling
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.hub_tokenizer import Stage, Step
from weighbridge.formats.tokenizers.regex_cost import may_explode
from weighbridge.knowledge.tokenizers import sightings

INSERTS, REWRITES, WORDS, COSTLY = "TOK001", "TOK002", "TOK003", "TOK004"

_MARK: Final = re.compile(
    r"</?[\w|.:-]{1,60}>|<\|[\w|.:-]{1,60}\|>|\[[\w|.:/-]{1,60}\]|\{[\w.:-]{1,60}\}|&#?\w{1,12};|\W*\Z|[A-Z][A-Z_]{2,20}\Z|@[A-Z]{2,20}\Z"
)
_GROUP: Final = re.compile(r"\$\{?\w+\}?|\\\d")
_NOT_LITERAL: Final = re.compile(
    r"\\[pP]\{[^}]*\}|\\[xu]\{?[0-9A-Fa-f]+\}?|\\.|\(\?[^)]*?[:=!>]|\[[^\]]*\]|\{[\d,]+\}"
)
_HOST: Final = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9][\w-]{1,60}\.){1,4}(?:com|org|net|io|dev|app|ru|cn|xyz|top|info|invalid|onion|site)\b"
)
_LONG_WORD: Final = 4
_DROPPED_WORD: Final = 3


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What one step does to a text: `pattern` becomes `content`; None matches nothing and inserts."""

    pattern: str | None
    is_regex: bool
    content: str


def rewriting_findings(telling: Telling, step: Step, known: frozenset[str]) -> Iterator[Finding]:
    """Judge one step.

    Args:
        telling: of the artifact.
        step: any component; those that rewrite nothing give nothing.
        known: contents of the tokenizer's own added tokens, which a step may insert and drop.
    """
    for one in rewritings(step):
        place = f"{step.kind} in the {step.stage.value.replace('_', '-')}"
        subject, shown = f"{step.stage.value} {one.content or one.pattern}", _shown(one)
        found = list(sightings(one.content))
        if found or _HOST.search(one.content):
            kinds = ", ".join(sighting.kind for sighting in found) or "a host"
            yield from telling.one(INSERTS, subject, f"{place} {shown}: {kinds}", route=step.route)
        elif one.content not in known and one.pattern not in known:
            rule = _rule(step.stage, one)
            if rule is not None:
                yield from telling.one(rule, subject, f"{place} {shown}", route=step.route)
    pattern, is_regex = _pattern(step.options.get("pattern"))
    if is_regex and may_explode(pattern):
        evidence = f"{step.kind} in the {step.stage.value.replace('_', '-')}: {quoted(pattern)}"
        yield from telling.one(COSTLY, pattern, evidence, route=step.route)


def rewritings(step: Step) -> Iterator[Rewriting]:
    """Yield what a step rewrites."""
    options = step.options
    match step.kind:
        case "Replace":
            pattern, is_regex = _pattern(options.get("pattern"))
            yield Rewriting(pattern, is_regex, _text(options, "content"))
        case "Prepend":
            yield Rewriting(None, False, _text(options, "prepend"))
        case "Strip" if "content" in options:
            yield Rewriting(_text(options, "content"), False, "")
        case "Split" if options.get("behavior") == "Removed":
            pattern, is_regex = _pattern(options.get("pattern"))
            yield Rewriting(pattern, is_regex, "")
        case "WordPiece":
            yield Rewriting(_text(options, "prefix"), False, "")
        case "BPEDecoder":
            yield Rewriting(_text(options, "suffix"), False, " ")
        case "CTC":
            yield Rewriting(_text(options, "pad_token"), False, "")
            yield Rewriting(_text(options, "word_delimiter_token"), False, " ")
        case "Metaspace":
            yield Rewriting(_text(options, "replacement"), False, " ")
        case _:
            return


def _pattern(value: Json) -> tuple[str, bool]:
    if isinstance(value, Mapping):
        if isinstance(value.get("Regex"), str):
            return _text(value, "Regex"), True
        return _text(value, "String"), False
    return (value, False) if isinstance(value, str) else ("", False)


def _text(mapping: Mapping[str, Json], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _rule(stage: Stage, one: Rewriting) -> str | None:
    """Return the rule that a rewriting of harmless words breaks, if any."""
    old = _literal_letters(one)
    new = _letters(_GROUP.sub("", one.content) if one.is_regex else one.content)
    if old == new or _folded(old) == _folded(new):
        return None
    if stage is Stage.DECODER:
        return None if _is_fine_in_decoder(one, old, new) else REWRITES
    return None if _is_fine_before(one, old, new) else WORDS


def _is_fine_in_decoder(one: Rewriting, old: str, new: str) -> bool:
    """A decoder turns marks into blanks. Whatever has letters there rewrites what the model says."""
    if new:
        return False
    if one.is_regex:
        return len(old) < 2
    mark = one.pattern or ""
    return _MARK.fullmatch(mark) is not None or (len(mark) == 1 and not mark.isascii())


def _is_fine_before(one: Rewriting, old: str, new: str) -> bool:
    """What comes in may be cleaned: letters changed, links and marks taken out or given a name."""
    if not new:
        is_mark = one.pattern is not None and _MARK.fullmatch(one.pattern) is not None
        return one.is_regex or is_mark or len(old) < _DROPPED_WORD
    if _MARK.fullmatch(one.content.strip()):
        return True
    words = re.findall(r"[^\W\d_]+", one.content)
    return len(words) < 2 and max((len(word) for word in words), default=0) < _LONG_WORD


def _literal_letters(one: Rewriting) -> str:
    if one.pattern is None:
        return ""
    return _letters(_NOT_LITERAL.sub(" ", one.pattern) if one.is_regex else one.pattern)


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def _folded(text: str) -> str:
    """Without case, accents and compatibility forms, which normalizers are there to take away."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in split if not unicodedata.combining(char))


def _shown(one: Rewriting) -> str:
    if one.pattern is None:
        return f"puts {quoted(one.content)} before every text"
    verb = f"turns {quoted(one.pattern)} into" if one.content else f"takes {quoted(one.pattern)} out"
    return f"{verb} {quoted(one.content)}" if one.content else verb
