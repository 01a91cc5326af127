"""Judge a tokenizer by that of its base: ids of the base must render what they did there."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.tokenizers.copies import (
    Comparison,
    compare,
    differing_stages,
    first_other_merge,
    is_reserved,
    listed_differences,
)
from weighbridge.analyzers.tokenizers.vocabularies import is_marked
from weighbridge.core.finding import Finding
from weighbridge.formats.tokenizers.hub_tokenizer import HubTokenizer

CHANGED, OTHER_RULES, EXTENDED, INCOMPARABLE = "TOK025", "TOK026", "TOK027", "TOK028"


def base_findings(name: str, expected: HubTokenizer, tokenizer: HubTokenizer) -> Iterator[Finding]:
    """Judge the tokenizer of the file `name` by the expected one."""
    comparison = compare(_all_texts(expected), _all_texts(tokenizer))
    if not comparison.is_same_tokenizer:
        evidence = (
            f"{len(comparison.differences):,} of {comparison.shared:,} shared ids have other texts"
        )
        yield Finding(rule=INCOMPARABLE, path=(name,), subject="base", evidence=evidence)
        return
    yield from _changed(name, comparison)
    yield from _other_rules(name, expected, tokenizer)


def _all_texts(tokenizer: HubTokenizer) -> dict[str, int]:
    """Id by text, added tokens over the vocabulary: an entry whose id one of them takes is gone."""
    added = {token.content: token.id for token in tokenizer.added if token.id is not None}
    taken = set(added.values())
    texts = {text: number for text, number in tokenizer.vocabulary.items() if number not in taken}
    return texts | added


def _changed(name: str, comparison: Comparison) -> Iterator[Finding]:
    renamed = [
        one for one in comparison.differences if is_reserved(one.expected) and is_marked(one.found)
    ]
    changed = [one for one in comparison.differences if one not in renamed]
    if changed:
        evidence = listed_differences(Comparison(comparison.shared, tuple(changed), 0))
        subject = f"base {changed[0].id}"
        yield Finding(rule=CHANGED, path=(name,), subject=subject, evidence=evidence)
    if renamed or comparison.new:
        evidence = f"{comparison.new:,} ids are new, {len(renamed):,} reserved ones have a name now"
        yield Finding(rule=EXTENDED, path=(name,), subject="base", evidence=evidence)


def _other_rules(name: str, expected: HubTokenizer, tokenizer: HubTokenizer) -> Iterator[Finding]:
    stages = differing_stages(expected, tokenizer)
    rank = first_other_merge(expected.merges, tokenizer.merges)
    if rank is not None:
        stages.append(f"merges from rank {rank:,} on")
    if stages:
        evidence = f"other than in the base: {', '.join(stages)}"
        yield Finding(rule=OTHER_RULES, path=(name,), subject=" ".join(stages), evidence=evidence)
