"""Copies of one tokenizer, and the tokenizer of a base: which ids render other texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from samples.recipes.tokenizers import (
    BYTE_LEVEL,
    SPECIALS,
    added,
    copies,
    exchanged,
    gguf,
    merges,
    model,
    pieces,
    renamed,
    replace,
    sequence,
    tokenizer,
    vocabulary,
)

from tests.analyzers.repository.whole_targets import judged, repository, told
from weighbridge.analyzers.repository.tokenizer_copies import judge
from weighbridge.analyzers.tokenizers.copies import compare

COUNT = len(vocabulary())
AGREEING = {
    name.rpartition("/")[2]: data
    for name, data in copies()
    if name.startswith("tokenizers/copies.twin/")
}


def written(tree: object) -> bytes:
    return json.dumps(tree).encode()


def of(**changes: object) -> list[str]:
    """What is told of the agreeing files when some of them, named without their suffix, change."""
    names = {"merges": "merges.txt"}
    files = dict(AGREEING)
    for name, content in changes.items():
        files[names.get(name, f"{name}.json")] = (
            content if isinstance(content, bytes) else written(content)
        )
    return told(judge, files)


def config(decoder: Mapping[str, object]) -> dict[str, object]:
    return {"eos_token": SPECIALS[2], "added_tokens_decoder": decoder}


def against(base: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    files = {"tokenizer.json": written(base)}
    return told(judge, {"tokenizer.json": written(ours)}, base=repository(files))


def test_copies_that_agree_are_not_told() -> None:
    assert set(AGREEING) >= {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"}
    assert of() == []


def test_an_entry_that_two_copies_render_otherwise_is_told() -> None:
    findings = judged(judge, repository({**AGREEING, "vocab.json": written(exchanged("no", "ok"))}))
    assert [(one.rule, one.path, one.related) for one in findings] == [
        ("TOK021", ("tokenizer.json",), ("vocab.json",))
    ]
    assert "2 ids" in findings[0].evidence
    assert "'no' is 'ok'" in findings[0].evidence


def test_a_list_of_words_is_compared_by_line() -> None:
    words = ["[UNK]", *(f"word{number}" for number in range(200))]
    tree = {"model": {"type": "WordPiece", "vocab": {word: at for at, word in enumerate(words)}}}
    words[7] = "other"
    files = {"tokenizer.json": written(tree), "vocab.txt": "\n".join(words).encode()}
    assert told(judge, files) == ["TOK021 tokenizer.json"]


@pytest.mark.parametrize("shift", [0, 1, 103], ids=["same ids", "as fairseq numbers them", "as pegasus"])
def test_a_sentencepiece_model_is_compared_by_place(shift: int) -> None:
    texts = [f"▁word{number}" for number in range(100)]
    entries = {text: at + 3 + shift for at, text in enumerate(texts)}
    tree = {"model": {"type": "BPE", "vocab": {"<s>": 0, "<pad>": 1, **entries}, "merges": []}}
    files = {"tokenizer.json": written(tree), "tokenizer.model": pieces(*texts)}
    texts[5] = "▁other"
    edited = {**files, "tokenizer.model": pieces(*texts)}
    assert (told(judge, files), told(judge, edited)) == ([], ["TOK021 tokenizer.json"])


def test_the_tokens_of_a_gguf_file_are_compared_by_place() -> None:
    names = [*vocabulary(), *SPECIALS]
    kinds = [*(1 for _ in vocabulary()), 3, 3, 3]
    honest = told(judge, {"tokenizer.json": AGREEING["tokenizer.json"], "a.gguf": gguf(names, kinds)})
    names[600] = "other"
    edited = told(judge, {"tokenizer.json": AGREEING["tokenizer.json"], "a.gguf": gguf(names, kinds)})
    assert (honest, edited) == ([], ["TOK021 tokenizer.json"])


def test_a_copy_of_another_tokenizer_is_not_compared_id_by_id() -> None:
    other = {f"word{number}": number for number in range(500)}
    assert of(vocab=other) == ["TOK022 vocab.json"]


def test_a_reserved_entry_that_only_one_copy_uses_is_a_careless_fine_tune() -> None:
    words = ["[UNK]", "[unused1]", *(f"word{number}" for number in range(200))]
    tree = {"model": {"type": "WordPiece", "vocab": {word: at for at, word in enumerate(words)}}}
    words[1] = "fibrillation"
    files = {"tokenizer.json": written(tree), "vocab.txt": "\n".join(words).encode()}
    assert told(judge, files) == ["TOK022 vocab.txt"]


def test_a_gguf_file_that_spells_its_tokens_otherwise_is_not_told() -> None:
    words = [f"▁word{number}" for number in range(300)]
    tree = {"model": {"type": "WordPiece", "vocab": {word[1:]: at for at, word in enumerate(words)}}}
    assert told(judge, {"tokenizer.json": written(tree), "a.gguf": gguf(words, [1] * 300)}) == []


def test_a_token_that_is_laid_over_a_word_is_told() -> None:
    decoder = {str(vocabulary()["ls"]): {"content": "rm", "special": False}}
    assert of(tokenizer_config=config(decoder)) == ["TOK021 tokenizer_config.json"]
    assert of(added_tokens={"rm": vocabulary()["ls"]}) == ["TOK021 added_tokens.json"]


def test_a_special_token_with_another_name_is_a_careless_fine_tune() -> None:
    decoder = {str(COUNT): {"content": "<|other|>", "special": True}}
    assert of(tokenizer_config=config(decoder)) == ["TOK022 tokenizer_config.json"]
    plain = {str(COUNT): {"content": SPECIALS[0], "special": False}}
    assert of(tokenizer_config=config(plain)) == ["TOK022 tokenizer_config.json"]


def test_a_token_that_only_the_other_file_has_is_not_told() -> None:
    assert of(added_tokens={"<new>": COUNT + 50}) == []


def test_merges_in_another_order_are_told_and_fewer_are_not() -> None:
    lines = ["#version: 0.2", *merges()]
    turned = [*lines[:5], lines[6], lines[5], *lines[7:]]
    assert of(merges="\n".join(turned).encode()) == ["TOK023 merges.txt"]
    assert of(merges="\n".join(lines[:300]).encode()) == []


def test_roles_that_two_files_give_to_other_tokens_are_told() -> None:
    assert of(special_tokens_map={"eos_token": {"content": SPECIALS[1]}}) == [
        "TOK022 special_tokens_map.json"
    ]
    assert of(special_tokens_map={"eos_token": {"content": SPECIALS[2]}, "pad_token": "<pad>"}) == []


def test_an_end_at_which_nothing_stops_is_told() -> None:
    assert of(config={"eos_token_id": COUNT}) == ["TOK024 config.json"]
    assert (
        of(config={"eos_token_id": COUNT}, generation_config={"eos_token_id": [COUNT, COUNT + 2]}) == []
    )
    assert of(config={"model_type": "bert"}) == []


def test_each_folder_is_judged_for_itself() -> None:
    files = {f"one/{name}": data for name, data in AGREEING.items()}
    files |= {f"two/{name}": data for name, data in AGREEING.items()}
    files["two/vocab.json"] = written(exchanged("no", "ok"))
    assert told(judge, files) == ["TOK021 two/tokenizer.json"]


def test_a_tokenizer_alone_is_not_read_a_second_time() -> None:
    reads: dict[str, list[tuple[int, int]]] = {}
    judged(judge, repository({"tokenizer.json": AGREEING["tokenizer.json"], "a.bin": b"x"}, reads=reads))
    assert reads == {}


@pytest.mark.parametrize("name", ["vocab.json", "tokenizer.model", "a.gguf", "tokenizer_config.json"])
def test_a_broken_copy_is_left_to_its_own_row(name: str) -> None:
    assert told(judge, {"tokenizer.json": AGREEING["tokenizer.json"], name: b"\xff\x00{"}) == []


# Against a base.


def test_the_tokenizer_of_the_base_itself_is_not_told() -> None:
    assert against(tokenizer(), tokenizer()) == []


def test_an_id_of_the_base_that_renders_another_text_is_told() -> None:
    files = {"tokenizer.json": written(tokenizer(model=renamed("safe", "weak")))}
    base = repository({"tokenizer.json": AGREEING["tokenizer.json"]})
    found = judged(judge, repository(files, base=base))
    assert [one.rule for one in found] == ["TOK025", "TOK026"]
    assert f"{vocabulary()['safe']}: 'safe' is 'weak'" in found[0].evidence


def test_an_added_token_over_a_word_of_the_base_is_told() -> None:
    taken = added(["rm"], special=False, first=vocabulary()["ls"])
    assert against(tokenizer(), tokenizer(added_tokens=[*taken, *added()])) == ["TOK025 tokenizer.json"]


def test_only_the_first_twenty_differences_are_shown() -> None:
    entries = {text if number < 900 else f"x{number}": number for text, number in vocabulary().items()}
    files = {"tokenizer.json": written(tokenizer(model=model(entries, merges())))}
    base = repository({"tokenizer.json": AGREEING["tokenizer.json"]})
    found = next(one for one in judged(judge, repository(files, base=base)) if one.rule == "TOK025")
    assert found.evidence.startswith(f"{COUNT - 900} ids")
    assert found.evidence.count(" is ") == 20


def test_other_rules_than_in_the_base_are_told() -> None:
    decoder = sequence("decoders", BYTE_LEVEL, replace({"String": "ls"}, "rm"))
    assert against(tokenizer(), tokenizer(decoder=decoder)) == ["TOK026 tokenizer.json"]


def test_what_newer_writers_add_is_no_other_rule() -> None:
    older = {key: value for key, value in BYTE_LEVEL.items() if key != "use_regex"}
    assert against(tokenizer(pre_tokenizer=older), tokenizer()) == []


def test_what_a_fine_tune_adds_to_its_base_is_information() -> None:
    ours = tokenizer(added_tokens=added([*SPECIALS, "<tool>"]))
    assert against(tokenizer(), ours) == ["TOK027 tokenizer.json"]
    reserved = tokenizer(added_tokens=added([*SPECIALS, "<|reserved_special_token_0|>"]))
    assert against(reserved, ours) == ["TOK027 tokenizer.json"]


def test_a_tokenizer_of_its_own_is_not_compared_id_by_id() -> None:
    own = {"model": {"type": "WordLevel", "vocab": {f"w{number}": number for number in range(900)}}}
    assert against(tokenizer(), own) == ["TOK028 tokenizer.json"]


def test_the_base_is_looked_up_in_the_same_folder_first() -> None:
    base = repository({"a/tokenizer.json": AGREEING["tokenizer.json"], "tokenizer.json": b"{}"})
    changed = written(tokenizer(model=renamed("safe", "weak")))
    found = told(judge, {"a/tokenizer.json": changed, "b/tokenizer.json": changed}, base=base)
    assert found == ["TOK025 a/tokenizer.json", "TOK026 a/tokenizer.json"]


def test_ids_that_are_compared_elsewhere_are_left_out() -> None:
    comparison = compare({"a": 0, "b": 1}, {"x": 0, "y": 1, "z": 2}, apart={0})
    assert [one.id for one in comparison.differences] == [1]
    assert (comparison.shared, comparison.new) == (1, 1)
