"""Every known way past a pickle scanner is caught, and its benign twin is not accused.

The samples and their twins are made by `samples/recipes/`. PKO numbers are those of the threat
catalogue; each test names the advisory or issue that the trick comes from.
"""

from __future__ import annotations

import argparse
import collections
import pickle
import types

import pytest
from samples.recipes.assembler import BUILD, PAYLOAD, build, call, dict_of, name, stream, text
from samples.recipes.pickle_streams import STRUCTURES
from samples.recipes.pickles import pairs

from tests.oracle.client import Oracle, missed
from tests.regressions.scanning import assert_caught, scan

_LOOKED_UP_ELSEWHERE = frozenset(
    {
        "pko-05-ext1-registered",  # the registry gives the name, not find_class
        "pko-05-ext4-registered",
        "pko-07-behind-padding",  # a loader has to seek
        "pko-07-behind-text",
        "pko-09-frame-straddled",  # Python before 3.13.15 and 3.14.7
        "pko-09-frame-straddled-bytes",  # Python before 3.8
        "pko-17-nested-bytes",  # a second load runs it
        "pko-17-nested-base64",
        "pko-17-nested-loads",
        "pko-17-nested-storage",
    }
)
"""Structures whose payload the oracle's single `load` does not look up, and why."""


# PKO-01: https://github.com/mmaitre314/picklescan/issues/13
# https://github.com/advisories/GHSA-mxhj-88fx-4pcv (a popped OBJ vanished from the syntax tree)
@pytest.mark.parametrize("opcode", ["global-reduce", "inst", "obj", "obj-popped", "newobj", "newobj-ex"])
def test_every_opcode_that_calls_is_a_call(opcode: str) -> None:
    assert_caught(f"pko-01-{opcode}.pkl", "PKL002")


# PKO-02: https://github.com/mmaitre314/picklescan/issues/14, .../issues/22
# https://github.com/python/cpython/issues/123309
@pytest.mark.parametrize("trick", ["memo-overwritten", "memo-mixed"])
def test_the_memo_is_followed_as_the_loader_keeps_it(trick: str) -> None:
    assert_caught(f"pko-02-{trick}.pkl", "PKL002", "PKL046", twin_rules=("PKL046",))


# PKO-03: https://github.com/protectai/modelscan/issues/85
def test_the_stack_and_not_the_last_string_gives_the_name() -> None:
    assert_caught("pko-03-stack-shuffled.pkl", "PKL002")


# PKO-03: https://github.com/protectai/modelscan/issues/85
@pytest.mark.parametrize("source", ["computed-name", "name-from-attribute"])
def test_a_name_that_is_not_in_the_file_is_a_finding_of_its_own(source: str) -> None:
    assert_caught(f"pko-03-{source}.pkl", "PKL030", "PKL033")


# PKO-04: https://github.com/protectai/modelscan/issues/85, .../issues/330
@pytest.mark.parametrize("target", ["build-on-class", "build-on-function", "setitem-on-class"])
def test_changing_what_was_imported_is_caught(target: str) -> None:
    assert_caught(f"pko-04-{target}.pkl", "PKL032")


# PKO-04: load_build, load_appends and load_additems look their methods up on the object itself.
@pytest.mark.parametrize("trick", ["setstate-planted", "method-planted", "unknown-method-planted"])
def test_a_method_that_was_planted_in_an_object_is_caught_where_it_is_called(trick: str) -> None:
    assert_caught(f"pko-04-{trick}.pkl", "PKL034")


# PKO-05: https://github.com/promptfoo/modelaudit/issues/623
@pytest.mark.parametrize("opcode", ["ext1", "ext4"])
def test_a_name_that_the_file_registers_under_a_number_is_resolved(opcode: str) -> None:
    assert_caught(f"pko-05-{opcode}-registered.pkl", "PKL002", "PKL031", twin_rules=("PKL035",))


# PKO-05: https://peps.python.org/pep-0307/
def test_a_number_that_only_the_loading_process_can_resolve_is_caught() -> None:
    assert_caught("pko-05-ext2-unregistered.pkl", "PKL031")


# PKO-06: https://atlas.mitre.org/studies/AML.CS0031 (nullifAI)
@pytest.mark.parametrize("end", ["garbage", "cut"])
def test_what_ran_before_the_stream_breaks_stays_found(end: str) -> None:
    assert_caught(f"pko-06-then-{end}.pkl", "PKL002", "PKL040", twin_rules=("PKL041",))


# PKO-06: law 5, a part that was not read is never clean
@pytest.mark.parametrize("end", ["garbage", "cut"])
def test_a_broken_stream_is_not_a_complete_analysis(end: str) -> None:
    assert not any(scan(data).is_complete for data in pairs()[f"pko-06-then-{end}.pkl"])


# PKO-07: https://docs.python.org/3/library/pickle.html (load is called again on the same file)
def test_a_second_pickle_is_read_like_the_first() -> None:
    assert_caught("pko-07-stacked.pkl", "PKL002")


# PKO-07: https://docs.python.org/3/library/pickle.html
@pytest.mark.parametrize(("filler", "also"), [("padding", ()), ("text", ("PKL042",))])
def test_a_pickle_behind_other_bytes_is_found(filler: str, also: tuple[str, ...]) -> None:
    assert_caught(f"pko-07-behind-{filler}.pkl", "PKL002", "PKL051", twin_rules=("PKL051", *also))


# PKO-08: https://github.com/python/cpython/issues/126992, .../issues/135241
@pytest.mark.parametrize(
    "spelling", ["int-hex", "int-nul", "int-space", "int-plus", "int-underscore", "long-hex"]
)
def test_a_number_that_the_disassembler_refuses_stops_nothing(spelling: str) -> None:
    assert_caught(f"pko-08-{spelling}.pkl", "PKL002", "PKL044", twin_rules=("PKL044",))


# PKO-09: https://github.com/python/cpython/issues/154848, .../issues/128853
@pytest.mark.parametrize("opcode", ["straddled", "straddled-bytes"])
def test_opcodes_that_only_a_file_backed_loader_sees_are_found(opcode: str) -> None:
    assert_caught(f"pko-09-frame-{opcode}.pkl", "PKL002", "PKL043", twin_rules=("PKL043",))


# PKO-10: https://peps.python.org/pep-3154/
@pytest.mark.parametrize(
    ("trick", "twin_rules"), [("changes", ("PKL047",)), ("late", ("PKL047",)), ("missing", ())]
)
def test_the_protocol_may_be_set_anywhere(trick: str, twin_rules: tuple[str, ...]) -> None:
    assert_caught(f"pko-10-protocol-{trick}.pkl", "PKL002", *twin_rules, twin_rules=twin_rules)


# PKO-10: https://peps.python.org/pep-3154/
def test_names_of_python_2_and_dotted_names_are_caught_in_one_stream() -> None:
    assert_caught("pko-10-renames-and-dots.pkl", "PKL002", "PKL047", twin_rules=("PKL047",))


# PKO-11: https://docs.python.org/3/library/pickle.html (fix_imports)
@pytest.mark.parametrize(
    ("old_name", "rule"),
    [
        ("commands", "PKL002"),
        ("builtin-eval", "PKL001"),
        ("urlretrieve", "PKL004"),
        ("thread", "PKL009"),
    ],
)
def test_names_of_python_2_are_judged_as_what_they_became(old_name: str, rule: str) -> None:
    assert_caught(f"pko-11-{old_name}.pkl", rule)


# PKO-12: https://github.com/advisories/GHSA-5j3x-jp52-966f
# https://github.com/protectai/modelscan/issues/338 (in the wild)
@pytest.mark.parametrize("path", ["dotted", "dotted-alias", "dotted-library"])
def test_a_dotted_name_is_judged_by_where_it_ends(path: str) -> None:
    assert_caught(f"pko-12-{path}.pkl", "PKL002")


# PKO-13: https://github.com/python/cpython/issues/126996
@pytest.mark.parametrize(
    "spelling", ["unicode-escapes", "string-escapes", "binunicode8", "binunicode", "homoglyph"]
)
def test_a_name_is_read_as_the_loader_decodes_it(spelling: str) -> None:
    assert_caught(f"pko-13-{spelling}.pkl", "PKL002")


# PKO-14: https://github.com/advisories/GHSA-9gvj-pp9x-gcfr
@pytest.mark.parametrize("opcode", ["short-binstring", "binstring"])
def test_strings_of_python_2_are_names_too(opcode: str) -> None:
    assert_caught(f"pko-14-{opcode}.pkl", "PKL002")


# PKO-15: https://docs.python.org/3/library/pickle.html#persistence-of-external-objects
def test_a_call_inside_a_persistent_id_is_caught() -> None:
    assert_caught("pko-15-persistent-id-calls.pkl", "PKL002", "PKL050", twin_rules=("PKL050",))


# PKO-15: torch before 1.6 wrote ('module', class, source file, source)
def test_a_persistent_id_that_names_no_known_class_is_caught() -> None:
    assert_caught("pko-15-persistent-id-module.pkl", "PKL020")


# PKO-16: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py (find_class)
def test_a_name_is_not_trusted_for_the_word_storage_in_it() -> None:
    assert_caught("pko-16-name-with-storage.pkl", "PKL005")


# PKO-17: https://github.com/protectai/modelscan/issues/267
@pytest.mark.parametrize("wrapping", ["nested-bytes", "nested-base64", "nested-loads", "nested-storage"])
def test_a_pickle_inside_a_literal_is_read(wrapping: str) -> None:
    assert_caught(f"pko-17-{wrapping}.pkl", "PKL002")


# PKO-17: https://github.com/protectai/modelscan/issues/267
def test_a_pickle_that_is_computed_counts_as_harmful() -> None:
    assert_caught("pko-17-nested-compressed.pkl", "PKL007")


# PKO-18: https://github.com/protectai/modelscan/issues/86
@pytest.mark.parametrize(
    ("bomb", "twin_rules"),
    [("put-far", ("PKL046",)), ("nested-deep", ()), ("laughs", ()), ("size-claimed", ("PKL041",))],
)
def test_a_bomb_in_front_of_the_payload_hides_nothing(bomb: str, twin_rules: tuple[str, ...]) -> None:
    assert_caught(f"pko-18-{bomb}.pkl", "PKL002", twin_rules=twin_rules)


# PKO-18: https://github.com/protectai/modelscan/issues/86
def test_a_memo_index_that_no_loader_can_hold_is_never_a_complete_analysis() -> None:
    _, twin = pairs()["pko-18-put-far.pkl"]
    assert not scan(twin).is_complete


# PKO-19: https://github.com/advisories/GHSA-63cw-57p8-fm3p (CVE-2026-24747)
def test_items_assigned_to_a_tensor_are_caught() -> None:
    assert_caught("pko-19-tensor-items.pkl", "PKL053")


# PKO-20: https://arxiv.org/abs/2508.19774 (exception-oriented programming)
@pytest.mark.parametrize(("oddity", "twin_rules"), [("oddities", ()), ("memo-missing", ("PKL041",))])
def test_what_a_parser_may_choke_on_hides_nothing(oddity: str, twin_rules: tuple[str, ...]) -> None:
    assert_caught(f"pko-20-{oddity}.pkl", "PKL002", twin_rules=twin_rules)


# PKO-21: https://blog.trailofbits.com/2024/06/11/exploiting-ml-models-with-pickle-file-attacks-part-1/
@pytest.mark.parametrize(("stage", "rule"), [("method-planted", "PKL032"), ("code-as-text", "PKL001")])
def test_a_payload_that_waits_for_inference_is_caught_at_loading(stage: str, rule: str) -> None:
    assert_caught(f"pko-21-{stage}.pkl", rule)


# PKO-22: https://pytorch.org/docs/stable/notes/serialization.html#weights-only
def test_opcodes_that_torch_never_writes_are_followed_all_the_same() -> None:
    assert_caught("pko-22-opcodes-torch-never-writes.pkl", "PKL002")


# A bound method that does harm needs no call opcode: it is enough that the object calls it later.
@pytest.mark.parametrize(
    "method",
    [
        call(name("builtins", "getattr"), name("pathlib", "PosixPath"), text("write_text")),
        call(name("operator", "methodcaller"), text("tofile"), text("weighbridge-marker")),
        call(name("operator", "attrgetter"), text("__globals__")),
    ],
    ids=["bound", "by-name", "attribute"],
)
def test_a_method_that_does_harm_is_caught_even_when_it_is_only_stored(method: bytes) -> None:
    assert scan(stream(method)).payloads


@pytest.mark.parametrize(
    "method",
    [
        call(name("builtins", "getattr"), name("builtins", "str"), text("lower")),
        call(name("operator", "methodcaller"), text("predict")),
        call(name("operator", "attrgetter"), text("weight.data")),
    ],
    ids=["bound", "by-name", "attribute"],
)
def test_a_harmless_method_that_is_stored_is_not_accused(method: bytes) -> None:
    assert not scan(stream(method)).rules


@pytest.mark.parametrize("title", [title for title in pairs() if title.startswith("pko")])
def test_the_trace_holds_every_name_that_cpython_looks_up(title: str, oracle: Oracle) -> None:
    hit, _ = pairs()[title]
    assert missed(hit, oracle.imports(hit)) == []


@pytest.mark.parametrize("title", sorted(STRUCTURES.keys() - _LOOKED_UP_ELSEWHERE))
def test_cpython_looks_up_what_the_sample_hides(title: str, oracle: Oracle) -> None:
    """The samples are no straw men."""
    hit = STRUCTURES[title](PAYLOAD)
    reached = oracle.imports(hit).values()
    assert any((PAYLOAD.module, PAYLOAD.name) in names for names in reached)


_PLANTED = dict_of(("__setstate__", name("weighbridge_marker", "run")))


@pytest.mark.parametrize(
    "body",
    [
        call(name("types", "SimpleNamespace"), _PLANTED) + dict_of() + BUILD,
        call(name("types", "SimpleNamespace")) + text("x") + b"a",
        call(name("collections", "OrderedDict")) + text("append") + text("x") + b"s" + text("y") + b"a",
        build(call(name("collections", "UserDict")), _PLANTED) + text("k") + text("v") + b"s",
    ],
    ids=["constructor", "no-list", "items-as-methods", "items-after-state"],
)
def test_an_object_that_is_used_in_no_picklers_order_is_caught(body: bytes) -> None:
    assert "PKL034" in scan(stream(body)).payloads


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_as_pickle_writes_them_are_in_order(protocol: int) -> None:
    honest = [
        argparse.Namespace(depth=2, sizes=[1, 2]),
        types.SimpleNamespace(depth=2),
        collections.deque([1, 2], maxlen=4),
        collections.UserDict(key="value"),
        collections.OrderedDict(key="value"),
        bytearray(b"\x00\xff bytes"),
    ]
    assert not scan(pickle.dumps(honest, protocol)).rules
