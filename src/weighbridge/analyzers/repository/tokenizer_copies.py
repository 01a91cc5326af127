"""Judge the copies of a tokenizer together: each loader takes another one.

`tokenizer.json` is what fast loaders use; slow ones take `vocab.json` with `merges.txt`, `vocab.txt` or
the SentencePiece model; llama.cpp takes what is in the GGUF file. `added_tokens_decoder` of
`tokenizer_config.json` is laid over all of them. So the copy that was looked at need not be the one that
is used. The same comparison is made with the base that the user names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.analyzers.tokenizers.base_comparison import base_findings
from weighbridge.analyzers.tokenizers.copies import (
    Comparison,
    best_comparison,
    first_other_merge,
    listed_differences,
    parted,
)
from weighbridge.analyzers.tokenizers.vocabularies import is_marked
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.added_token import (
    AddedToken,
    added_tokens_of_decoder,
    added_tokens_of_encoder,
    special_tokens_of,
)
from weighbridge.formats.tokenizers.gguf_tokens import read_gguf_tokens
from weighbridge.formats.tokenizers.hub_tokenizer import (
    HubTokenizer,
    is_hub_tokenizer,
    read_hub_tokenizer,
)
from weighbridge.formats.tokenizers.sentencepiece import pieces_of, read_sentencepiece
from weighbridge.formats.weights.gguf import parse_gguf

OTHER_TEXT, OTHER_SPECIAL, OTHER_MERGES, NO_END = "TOK021", "TOK022", "TOK023", "TOK024"

_MAIN: Final = "tokenizer.json"
_MODELS: Final = (
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "source.spm",
    "spm.model",
)
_LISTS: Final = ("vocab.json", "vocab.txt")
_BESIDE: Final = frozenset(
    {
        *_MODELS,
        *_LISTS,
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
    }
    | {"config.json", "generation_config.json"}
)
_SHOWN: Final = 20
_LARGEST_TEXT: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class _Copy:
    """A vocabulary that stands beside the main one."""

    name: str
    vocabulary: Mapping[str, int]


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge each folder that holds a tokenizer.json, or the specials of one."""
    for folder, names in view.folders.items():
        here = {posixpath.basename(name): name for name in names}
        ggufs = [name for name in names if name.endswith(".gguf")]
        yield from _specials(view, here)
        has_base = view.base is not None and _counterpart(view.base, folder) is not None
        if _MAIN in here and (ggufs or has_base or not _BESIDE.isdisjoint(here)):
            tokenizer = _tokenizer(view, here[_MAIN])
            if tokenizer is not None:
                yield from _folder(view, here, ggufs, tokenizer, context)
                yield from _against_base(view, folder, here[_MAIN], tokenizer)


def _folder(
    view: RepositoryView,
    here: Mapping[str, str],
    ggufs: list[str],
    tokenizer: HubTokenizer,
    context: Context,
) -> Iterator[Finding]:
    main = here[_MAIN]
    apart = {token.id for token in tokenizer.added if token.id is not None}
    for copy in _copies(view, here, ggufs, context):
        yield from _differing(main, copy, best_comparison(copy.vocabulary, tokenizer.vocabulary, apart))
    yield from _added(view, here, tokenizer)
    yield from _merges(view, here, tokenizer)
    yield from _ends(view, here, tokenizer)


def _differing(main: str, copy: _Copy, comparison: Comparison) -> Iterator[Finding]:
    """Converters number the pieces of some models anew, so only lists must be the same tokenizer."""
    base = posixpath.basename(copy.name)
    if not comparison.is_same_tokenizer:
        if base in _LISTS and comparison.differences:
            counts = (
                f"{len(comparison.differences):,} of {comparison.shared:,} shared ids have other texts"
            )
            evidence = f"of another tokenizer than {_MAIN}: {counts}"
            yield Finding(rule=OTHER_SPECIAL, path=(copy.name,), subject="vocabulary", evidence=evidence)
        return
    edited, renamed = parted(comparison)
    if edited.differences:
        evidence = f"{base} and {_MAIN}: {listed_differences(edited)}"
        subject = f"{base} {edited.differences[0].id}"
        yield Finding(
            rule=OTHER_TEXT, path=(main,), subject=subject, evidence=evidence, related=(copy.name,)
        )
    if renamed.differences:
        evidence = f"{base} and {_MAIN}: {listed_differences(renamed)}"
        yield Finding(
            rule=OTHER_SPECIAL, path=(copy.name,), subject="reserved tokens", evidence=evidence
        )


def _copies(
    view: RepositoryView, here: Mapping[str, str], ggufs: list[str], context: Context
) -> Iterator[_Copy]:
    for base in (*_LISTS, *_MODELS):
        if base not in here:
            continue
        vocabulary = _vocabulary(view, here[base])
        if vocabulary:
            yield _Copy(here[base], vocabulary)
    for name in ggufs:
        vocabulary = _of_gguf(view, name, context)
        if vocabulary:
            yield _Copy(name, vocabulary)


def _vocabulary(view: RepositoryView, name: str) -> Mapping[str, int]:
    if name.endswith(".json"):
        tree = view.mapping(name) or {}
        return {text: number for text, number in tree.items() if type(number) is int}
    if name.endswith(".txt"):
        text = view.text(name, _LARGEST_TEXT) or ""
        lines = text.removesuffix("\n").split("\n") if text else []
        return {line.removesuffix("\r"): number for number, line in enumerate(lines)}
    try:
        model = read_sentencepiece(view.artifact(name).source)
    except (Malformed, LimitReached, ReadError):
        return {}
    return {piece.text: number for number, piece in pieces_of(model)}


def _of_gguf(view: RepositoryView, name: str, context: Context) -> Mapping[str, int]:
    """Its special tokens are not compared: converters name those that the model has no name for."""
    try:
        tokens = read_gguf_tokens(parse_gguf(view.artifact(name).source, context.budget.limits))
    except (Malformed, LimitReached, ReadError):
        return {}
    if tokens is None:
        return {}
    return {text: number for number, text in enumerate(tokens.tokens) if not is_marked(text)}


def _added(view: RepositoryView, here: Mapping[str, str], tokenizer: HubTokenizer) -> Iterator[Finding]:
    """Tokens that other files lay over the vocabulary, by id."""
    added = {token.id: token for token in tokenizer.added if token.id is not None}
    others = list(_overlaid(view, here))
    wanted = {token.id for _, token in others}
    entries = {number: text for text, number in tokenizer.vocabulary.items() if number in wanted}
    told = 0
    for name, token in others:
        if token.id is None or told >= _SHOWN:
            continue
        own = added.get(token.id)
        text = own.content if own is not None else entries.get(token.id)
        if text is None or text == token.content:
            if own is not None and name.endswith("config.json") and own.is_special != token.is_special:
                told += 1
                evidence = f"{quoted(token.content)} is special in only one of the two"
                yield _special(name, token, evidence)
            continue
        told += 1
        evidence = f"id {token.id} is {quoted(text)} in {_MAIN} and {quoted(token.content)} here"
        if is_marked(text) and is_marked(token.content):
            yield _special(name, token, evidence)
        else:
            subject = f"{token.id} {token.content}"[:200]
            yield Finding(
                rule=OTHER_TEXT, path=(name,), subject=subject, evidence=evidence, route=token.route
            )


def _special(name: str, token: AddedToken, evidence: str) -> Finding:
    return Finding(
        rule=OTHER_SPECIAL,
        path=(name,),
        subject=token.content[:200],
        evidence=evidence,
        route=token.route,
    )


def _overlaid(view: RepositoryView, here: Mapping[str, str]) -> Iterator[tuple[str, AddedToken]]:
    config = _mapping(view, here, "tokenizer_config.json")
    for token in added_tokens_of_decoder(config.get("added_tokens_decoder"), "/added_tokens_decoder"):
        yield here["tokenizer_config.json"], token
    for token in added_tokens_of_encoder(_mapping(view, here, "added_tokens.json")):
        yield here["added_tokens.json"], token


def _merges(view: RepositoryView, here: Mapping[str, str], tokenizer: HubTokenizer) -> Iterator[Finding]:
    if "merges.txt" not in here or not tokenizer.merges:
        return
    text = view.text(here["merges.txt"], _LARGEST_TEXT) or ""
    lines = [line for line in text.split("\n") if line and not line.startswith("#version:")]
    pairs = [
        (left, right) for left, _, right in (line.removesuffix("\r").partition(" ") for line in lines)
    ]
    rank = first_other_merge(pairs, tokenizer.merges)
    if rank is not None:
        one, other = " ".join(pairs[rank]), " ".join(tokenizer.merges[rank])
        evidence = f"from rank {rank:,} on: {quoted(one)} in merges.txt, {quoted(other)} in {_MAIN}"
        yield Finding(rule=OTHER_MERGES, path=(here["merges.txt"],), subject="merges", evidence=evidence)


def _specials(view: RepositoryView, here: Mapping[str, str]) -> Iterator[Finding]:
    """The texts of special tokens in the two files that name them."""
    if "special_tokens_map.json" not in here or "tokenizer_config.json" not in here:
        return
    config = _roles(_mapping(view, here, "tokenizer_config.json"))
    for role, token in _roles(_mapping(view, here, "special_tokens_map.json")).items():
        other = config.get(role)
        if other is not None and other != token:
            evidence = f"{role} is {quoted(token)} here and {quoted(other)} in tokenizer_config.json"
            yield Finding(
                rule=OTHER_SPECIAL,
                path=(here["special_tokens_map.json"],),
                subject=role,
                evidence=evidence,
            )


def _roles(tree: Mapping[str, Json]) -> dict[str, str]:
    return {role: token.content for role, token in special_tokens_of(tree) if role.endswith("_token")}


def _ends(view: RepositoryView, here: Mapping[str, str], tokenizer: HubTokenizer) -> Iterator[Finding]:
    """Generation stops at the ids of the configurations, people read the token of the tokenizer."""
    text = _roles(_mapping(view, here, "tokenizer_config.json")).get("eos_token")
    ids: set[int] = set()
    named = None
    for base in ("config.json", "generation_config.json"):
        found = _numbers(_mapping(view, here, base).get("eos_token_id"))
        if found:
            named = here[base]
            ids |= found
    if text is None or named is None:
        return
    by_text = {token.content: token.id for token in tokenizer.added}
    number = by_text.get(text, tokenizer.vocabulary.get(text))
    if number is not None and number not in ids:
        evidence = f"eos_token {quoted(text)} is id {number}; generation stops at {sorted(ids)[:10]}"
        yield Finding(
            rule=NO_END, path=(named,), subject=text[:200], evidence=evidence, route="/eos_token_id"
        )


def _numbers(value: Json) -> set[int]:
    items = value if isinstance(value, list) else [value]
    return {item for item in items if isinstance(item, int) and not isinstance(item, bool)}


def _mapping(view: RepositoryView, here: Mapping[str, str], base: str) -> Mapping[str, Json]:
    return (view.mapping(here[base]) or {}) if base in here else {}


def _tokenizer(view: RepositoryView, name: str) -> HubTokenizer | None:
    tree = view.tree(name)
    try:
        return read_hub_tokenizer(tree) if is_hub_tokenizer(tree) else None
    except Malformed:
        return None


def _counterpart(base: RepositoryView, folder: str) -> str | None:
    """Return the tokenizer.json of the base: in the same folder, or else in its top one."""
    return next((name for name in (posixpath.join(folder, _MAIN), _MAIN) if name in base.files), None)


def _against_base(
    view: RepositoryView, folder: str, name: str, tokenizer: HubTokenizer
) -> Iterator[Finding]:
    base = view.base
    other = _counterpart(base, folder) if base is not None else None
    if base is None or other is None:
        return
    expected = _tokenizer(base, other)
    if expected is None:
        return
    yield from base_findings(name, expected, tokenizer)
