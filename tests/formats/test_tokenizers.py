"""Tokenizers as files: their parsers are total, and see what edits leave behind."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.tokenizers import (
    ALPHABET,
    charsmap,
    exchanged,
    gguf,
    merges,
    message,
    model,
    normalizer,
    piece,
    pieces,
    renamed,
    tiktoken,
    tokenizer,
    vocabulary,
)

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json, decode_python_json
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.formats.tokenizers.added_token import (
    added_tokens_of_decoder,
    added_tokens_of_list,
    special_tokens_of,
)
from weighbridge.formats.tokenizers.byte_level import ALPHABET as OURS
from weighbridge.formats.tokenizers.byte_level import readable
from weighbridge.formats.tokenizers.charsmap import Rewriting, read_charsmap
from weighbridge.formats.tokenizers.gguf_tokens import read_gguf_tokens
from weighbridge.formats.tokenizers.hub_tokenizer import (
    ModelKind,
    read_hub_tokenizer,
    without_tables,
)
from weighbridge.formats.tokenizers.ranks import is_tiktoken, read_tekken, read_tiktoken
from weighbridge.formats.tokenizers.regex_cost import may_explode
from weighbridge.formats.tokenizers.sentencepiece import PieceType, read_sentencepiece
from weighbridge.formats.tokenizers.vocabulary_facts import (
    derive,
    ids_of,
    missing_bytes,
    moved_places,
)
from weighbridge.formats.weights.gguf import parse_gguf

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_alphabet_of_bytes_is_the_published_one() -> None:
    assert list(OURS) == ALPHABET
    assert (OURS[ord(" ")], OURS[ord("\n")], OURS[0xFF], len(set(OURS))) == ("Ġ", "Ċ", "ÿ", 256)


@pytest.mark.parametrize(
    ("surface", "shown"), [("Ġnot", " not"), ("abc", "abc"), ("Ã©", "é"), ("▁the", " the")]
)
def test_a_surface_is_shown_as_what_it_renders(surface: str, shown: str) -> None:
    assert readable(surface, is_byte_level=not surface.startswith("▁")) == shown


def test_the_parts_of_a_tokenizer_are_read() -> None:
    found = read_hub_tokenizer(tokenizer())
    assert (found.kind, found.is_byte_level, found.broken) == (ModelKind.BPE, True, 0)
    assert (len(found.vocabulary), len(found.merges), len(found.added)) == (len(vocabulary()), 682, 3)
    assert [step.stage.value for step in found.steps] == [
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
    ]


def test_nested_steps_are_listed_in_the_order_in_which_they_run() -> None:
    inner = {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}
    outer = {"type": "Sequence", "normalizers": [inner, {"type": "Strip"}]}
    found = read_hub_tokenizer(tokenizer(normalizer=outer))
    steps = [step for step in found.steps if step.stage == "normalizer"]
    assert [step.kind for step in steps] == ["NFC", "Lowercase", "Strip"]
    assert steps[1].route == "/normalizer/normalizers/0/normalizers/1"


def test_merges_are_the_same_as_texts_and_as_pairs() -> None:
    pairs = [merge.split(" ") for merge in merges()]
    as_pairs = tokenizer(model={"vocab": vocabulary(), "merges": pairs})
    assert read_hub_tokenizer(as_pairs).merges == read_hub_tokenizer(tokenizer()).merges


def test_entries_of_a_wrong_type_are_counted_and_left_out() -> None:
    wrong: Json = {
        "type": "BPE",
        "vocab": {"a": 0, "b": 1.5, "c": True},
        "merges": ["a b", "ab", 7, ["a"]],
    }
    found = read_hub_tokenizer({"model": wrong})
    assert (dict(found.vocabulary), list(found.merges), found.broken) == ({"a": 0}, [("a", "b")], 5)


def test_pieces_of_unigram_have_their_places_as_ids() -> None:
    entries: Json = [["<unk>", 0.0], ["▁a", -1.0], ["▁a", -2.0], ["b", -3.0]]
    found = read_hub_tokenizer({"model": {"unk_id": 0, "vocab": entries}})
    assert (found.kind, dict(found.vocabulary)) == (ModelKind.UNIGRAM, {"<unk>": 0, "▁a": 1, "b": 3})
    assert found.repeated == ("▁a",)


def test_steps_without_end_are_malformed() -> None:
    deep: Json = {"type": "NFC"}
    for _ in range(40):
        deep = {"type": "Sequence", "normalizers": [deep]}
    with pytest.raises(Malformed):
        read_hub_tokenizer(tokenizer(normalizer=deep))


@given(JSON, JSON, JSON)
def test_any_tree_is_a_tokenizer_or_malformed(first: Json, second: Json, third: Json) -> None:
    tree = {
        "model": {"vocab": first, "merges": second, "unk_id": 0},
        "decoder": third,
        "added_tokens": third,
    }
    try:
        found = read_hub_tokenizer(tree)
    except Malformed:
        return
    assert all(type(number) is int for number in found.vocabulary.values())
    assert derive(found).absent_count <= len(found.merges)


def test_a_tree_without_its_tables_keeps_all_else() -> None:
    tree = tokenizer()
    lean = without_tables(tree)
    assert lean == {**tree, "model": {**tree["model"], "vocab": {}, "merges": []}}


def test_a_table_that_holds_more_than_numbers_is_not_left_out() -> None:
    tree = tokenizer(model={"vocab": {"a": 0, "_target_": "os.system"}, "merges": [{"a": "b"}]})
    assert without_tables(tree) == tree


def test_added_tokens_have_their_ids_in_each_spelling() -> None:
    listed = list(added_tokens_of_list([{"id": 3, "content": "<x>", "special": True}, "y", 7], "/a"))
    keyed = list(added_tokens_of_decoder({"3": {"content": "<x>"}, "z": {"content": 1}}, "/d"))
    roles = list(
        special_tokens_of({"eos_token": {"content": "</s>"}, "extra_special_tokens": {"i": "<i>"}})
    )
    assert [(one.content, one.id, one.is_special) for one in listed] == [
        ("<x>", 3, True),
        ("y", None, False),
    ]
    assert [(one.content, one.id) for one in keyed] == [("<x>", 3)]
    assert [(role, one.content) for role, one in roles] == [
        ("eos_token", "</s>"),
        ("extra_special_tokens", "<i>"),
    ]


def test_a_trained_vocabulary_derives_from_its_merges() -> None:
    found = derive(read_hub_tokenizer(tokenizer()))
    assert (found.absent_count, found.orphans, found.renamed, found.moved) == (0, (), (), ())


def test_exchanged_entries_stand_out_of_the_order_of_merges() -> None:
    found = derive(read_hub_tokenizer(tokenizer(model=model(exchanged("ls", "rm"), merges()))))
    entries = vocabulary()
    assert sorted(found.moved) == [("ls", entries["rm"]), ("rm", entries["ls"])]


def test_exchanged_bytes_stand_out_of_the_order_of_the_alphabet() -> None:
    found = derive(read_hub_tokenizer(tokenizer(model=model(exchanged("0", "9"), merges()))))
    assert sorted(text for text, _ in found.moved) == ["0", "9"]


def test_a_renamed_entry_leaves_a_gap_that_it_fills() -> None:
    found = derive(read_hub_tokenizer(tokenizer(model=renamed("safe", "weak"))))
    assert found.renamed == (("weak", vocabulary()["safe"]),)


@pytest.mark.parametrize(
    ("order", "moved"),
    [
        ([0, 1, 2, 3, 4, 5], []),
        ([0, 4, 2, 3, 1, 5], [1, 4]),
        ([0, 3, 2, 5, 4, 1, 6], [1, 3, 5]),
        ([0, 2, 1, 3], []),
        ([5, 6, 7, 0, 1, 2], []),
        ([0, 3, 2, 5, 4, 1, 6, 7][::-1], []),
        ([0, 10, 20, 70, 40, 50, 60, 30, 80], [3, 7]),
        ([10, 70, 30, 40, 20, 60, 50, 80], [1, 4, 6]),
    ],
)  # fmt: skip
def test_only_single_values_in_each_others_place_are_moved(order: list[int], moved: list[int]) -> None:
    assert moved_places(order) == moved


@given(st.lists(st.integers(0, 1000), unique=True, min_size=30, max_size=60), st.data())
def test_two_distant_values_that_change_places_are_found(values: list[int], data: st.DataObject) -> None:
    order = sorted(values)
    first = data.draw(st.integers(1, 10))
    last = data.draw(st.integers(15, len(order) - 2))
    order[first], order[last] = order[last], order[first]
    assert moved_places(order) == [first, last]


def test_ids_are_one_for_each_text() -> None:
    found = ids_of({"a": 0, "b": 1, "c": 1, "d": -2, "e": 9}, [4])
    assert found.shared == ((1, ("b", "c")),)
    assert (found.negative, found.missing) == (("d",), 6)


def test_missing_bytes_are_listed() -> None:
    entries = {text: at for at, text in enumerate(ALPHABET) if text not in ("A", "Ġ")}
    assert missing_bytes(entries, is_byte_level=True) == [0x20, 0x41]
    fallback = {f"<0x{byte:02X}>": byte for byte in range(255)}
    assert missing_bytes(fallback, is_byte_level=False) == [255]


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+", r"(?:\s*|x)*y", r"([^x]+)*", r"((?:\p{L}+)+)!", r"(\w+\s?)*(\d+){2,}", "(a|b+)+"],
)
def test_repetitions_of_repetitions_may_explode(pattern: str) -> None:
    assert may_explode(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+",
        r" ?[^(\s|[.,!?…。，、।۔،])]+", r"(?:\d{3})+", r"(?=(\d{3})+(?!\d))", r"(?>a+)+",
        r"(a++)+", r"[(a+)+]",
        r"(\w+,)+", "(", ")+", "[", "\\", "(?", "a{", "(?<name>a)+", r"\p{L",
    ],
)  # fmt: skip
def test_ordinary_patterns_do_not(pattern: str) -> None:
    assert not may_explode(pattern)


@given(st.text(alphabet="ab(|)[]{}+*?\\:=!<>,1p", max_size=40))
def test_any_text_is_a_pattern_to_judge(pattern: str) -> None:
    assert may_explode(pattern) in (True, False)


def test_a_compiled_map_gives_its_rules() -> None:
    rules = {"not": "ever", "no": "yes", "ﬁ": "fi", "://": "://x", "a": ""}
    assert {one.text: one.replacement for one in read_charsmap(charsmap(rules))} == rules


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda one: "\0" not in one), st.just("r"), max_size=6
    )
)
def test_every_rule_of_a_map_is_found(rules: dict[str, str]) -> None:
    assert {one.text: one.replacement for one in read_charsmap(charsmap(rules))} == rules


@given(st.binary(max_size=300))
def test_any_bytes_are_a_map_or_malformed(data: bytes) -> None:
    try:
        found = list(read_charsmap(data))
    except Malformed:
        return
    assert all(isinstance(one, Rewriting) for one in found)


def test_a_map_that_runs_in_a_circle_is_malformed() -> None:
    # The child of the root for `a` has itself as its child for `a`.
    units = [0] * 128
    units[0] = (0x60 ^ 0x61) << 10
    units[0x60] = ord("a")
    units[1 ^ 0x61] = ord("a") | (0x60 ^ 0x61 ^ 0x60) << 10
    data = struct.pack("<I128I", 512, *units) + b"\0"
    with pytest.raises(Malformed):
        list(read_charsmap(data))


def test_a_model_is_read() -> None:
    data = pieces("▁the", "s") + piece("<0x41>", 0.0, 6) + normalizer({"a": "b"}) + message(9, b"new")
    found = read_sentencepiece(MemorySource(data))
    assert [one.text for one in found.pieces] == ["<unk>", "<s>", "</s>", "▁the", "s", "<0x41>"]
    assert [found.pieces[at].type for at in (0, 1, 3, 5)] == [
        PieceType.UNKNOWN,
        PieceType.CONTROL,
        PieceType.NORMAL,
        PieceType.BYTE,
    ]
    assert (found.pieces[3].score, found.unknown_fields, found.denormalizer) == (-1.0, 1, None)
    assert found.normalizer is not None
    assert found.normalizer.name == "user_defined"


def test_the_fields_of_a_piece_may_stand_in_any_order() -> None:
    turned = b"\x18\x04\x15" + struct.pack("<f", -2.0) + message(1, b"x")
    found = read_sentencepiece(MemorySource(pieces() + message(1, turned))).pieces[-1]
    assert (found.text, found.score, found.type) == ("x", -2.0, PieceType.USER_DEFINED)


@pytest.mark.parametrize("order", ["pieces first", "map first"])
def test_a_model_is_recognised_by_its_fields(order: str) -> None:
    parts = [pieces("▁the", "s"), normalizer({"a": "b"})]
    data = b"".join(parts if order == "pieces first" else reversed(parts))
    assert identify(MemorySource(data), "anything") == (Format.SENTENCEPIECE,)


@pytest.mark.parametrize(
    "data",
    [message(1, b"text") * 9, piece("a", 0.0) * 9, message(1, message(1, b"a")) * 9, b"\n\n\n\n\n\n\n"],
)
def test_other_messages_are_no_model(data: bytes) -> None:
    assert Format.SENTENCEPIECE not in identify(MemorySource(data), "tokenizer.model")


def test_a_model_cut_anywhere_is_a_model_or_malformed() -> None:
    data = pieces("▁the", "s") + normalizer({"ab": "c"})
    broken = 0
    for length in range(len(data)):
        try:
            read_sentencepiece(MemorySource(data[:length]))
        except Malformed:
            broken += 1
    assert broken > len(data) // 2


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_malformed(data: bytes) -> None:
    try:
        found = read_sentencepiece(MemorySource(data))
    except (Malformed, LimitReached):
        return
    assert found.pieces


def test_ranks_are_read_from_lines_and_from_tekken() -> None:
    data = tiktoken([b"th"]) + b"no token\n"
    found = read_tiktoken(data)
    assert (len(found.tokens), found.tokens[-1], found.broken) == (257, (256, b"th"), 1)
    entry: Json = {"rank": 5, "token_bytes": base64.b64encode(b"ls").decode(), "token_str": "rm"}
    tekken = read_tekken(
        {"vocab": [entry, {"rank": "x"}], "special_tokens": [{"rank": 0, "token_str": "<s>"}]}
    )
    assert (tekken.tokens, tekken.named, tekken.broken) == (((5, b"ls"),), ((5, "rm"), (0, "<s>")), 1)


@pytest.mark.parametrize(
    "text", [b"", b"a 1\n", b"IQ== 0\nIg== 7\nIw== 9\nJA== 2\nJQ== 4\n", b"word 0\n" * 9]
)
def test_other_texts_are_no_ranks(text: bytes) -> None:
    assert not is_tiktoken(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_ranks(data: bytes) -> None:
    found = read_tiktoken(data)
    assert len(found.examples) <= found.broken


def test_the_vocabulary_of_a_gguf_file_is_read() -> None:
    names = [f"token {at}" for at in range(300)]
    source = MemorySource(gguf(names, [1] * 300))
    found = read_gguf_tokens(parse_gguf(source, Limits()))
    assert found is not None
    assert (list(found.tokens), found.merges, found.model) == (names, (), "llama")


def test_a_word_longer_than_any_is_said_and_not_kept() -> None:
    source = MemorySource(gguf(["a" * 1_000_000, *(f"t{number}" for number in range(300))], [1] * 301))
    with pytest.raises(LimitReached):
        read_gguf_tokens(parse_gguf(source, Limits()))


def test_a_vocabulary_cut_anywhere_is_read_or_malformed() -> None:
    data = gguf([f"t{number}" for number in range(300)], [1] * 300)
    read = 0
    for length in range(24, len(data)):
        source = MemorySource(data[:length])
        try:
            read += read_gguf_tokens(parse_gguf(source, Limits())) is not None
        except (Malformed, LimitReached):
            continue
    assert read > 0


def test_a_tokenizer_of_a_quarter_of_a_million_pieces_is_read_whole() -> None:
    count = 262_144
    entries = {f"p{number}": number for number in range(count)}
    text = json.dumps({"model": {"vocab": entries, "merges": [["p", "1"]] * 600_000}})
    found = read_hub_tokenizer(decode_python_json(text).value)
    assert (len(found.vocabulary), len(found.merges)) == (count, 600_000)
