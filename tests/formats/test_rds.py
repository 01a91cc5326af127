"""R's serialization: the same object in every spelling, what R refuses, and no cost for numbers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes import rds as recipe

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.languages.rds import RdsFile, parse_rds
from weighbridge.formats.languages.rds_code import Place, RCall, Unevaluated, deparse, find_code
from weighbridge.formats.languages.rds_objects import Kind

HEADER = b"X\n" + struct.pack(">iii", 2, 0x040302, 0x020300)
ATTACK = recipe.promise(recipe.SYSTEM)


def parse(data: bytes) -> RdsFile:
    return parse_rds(MemorySource(data), Budget(Limits()))


def calls(data: bytes) -> list[tuple[str, Place]]:
    return [(fact.name, fact.place) for fact in find_code(parse(data)) if isinstance(fact, RCall)]


@pytest.mark.parametrize("spelling", ["X", "A", "B"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_promise_is_seen_in_every_spelling(spelling: str, version: int) -> None:
    data = recipe.rds(ATTACK, spelling=spelling, version=version)
    file = parse(data)
    assert (file.version, file.writer, file.error, file.end) == (version, "4.3.2", None, len(data))
    assert ("system", Place.TOP_PROMISE) in calls(data)


def test_the_second_byte_of_the_spelling_does_not_matter_as_in_r() -> None:
    data = recipe.rds(ATTACK)
    assert calls(b"X?" + data[2:]) == calls(data)


def test_an_evaluated_promise_does_not_run() -> None:
    data = recipe.rds(recipe.promise(recipe.SYSTEM, value=recipe.reals(1)))
    assert ("system", Place.EVALUATED) in calls(data)
    assert not [fact for fact in find_code(parse(data)) if isinstance(fact, Unevaluated)]


def test_code_is_shown_as_people_write_it() -> None:
    expression = parse(recipe.rds(ATTACK)).root.tail
    assert deparse(expression) == "system('echo weighbridge-marker')"


def test_a_workspace_is_a_pairlist_of_its_variables() -> None:
    file = parse(recipe.workspace(("model", ATTACK), ("other", recipe.reals(1))))
    facts = [fact for fact in find_code(file) if isinstance(fact, Unevaluated)]
    assert [(fact.place, fact.route) for fact in facts] == [(Place.TOP_PROMISE, "/model")]


@pytest.mark.parametrize(
    "function",
    [
        recipe.call(recipe.calls("::", recipe.symbol("base"), recipe.symbol("system"))),
        recipe.calls("do.call", recipe.strings("system")),
        recipe.calls("lapply", recipe.symbol("x"), recipe.symbol("system")),
        recipe.calls("$", recipe.symbol("baseenv"), recipe.symbol("system")),
        recipe.call(recipe.strings("system")),
    ],
    ids=["package", "do.call", "lapply", "dollar", "string"],
)
def test_a_function_is_known_however_it_is_named(function: recipe.Write) -> None:
    assert ("system", Place.TOP_PROMISE) in calls(recipe.rds(recipe.promise(function)))


def test_a_function_in_byte_code_is_seen_without_its_source() -> None:
    compiled = recipe.bytecode((recipe.SYMBOL, recipe.symbol("system")))
    assert calls(recipe.rds(recipe.promise(compiled))) == [("system", Place.TOP_PROMISE)]


def test_a_gigabyte_of_numbers_is_not_read() -> None:
    count = GIB // 8
    head = HEADER + struct.pack(">ii", 14, count)
    source = SparseSource(len(head) + GIB + 4, {0: head})
    assert parse_rds(source, Budget(Limits())).root.kind is Kind.DATA
    assert source.bytes_read <= 16 * KIB


@pytest.mark.parametrize("spelling", ["X", "A", "B"])
def test_a_long_character_vector_is_stepped_over(spelling: str) -> None:
    words = recipe.strings(*(f"word {number}" for number in range(9_000)))
    data = recipe.rds(recipe.pairs(("", words), ("", ATTACK)), spelling=spelling)
    file = parse(data)
    assert (file.error, file.end) == (None, len(data))
    assert ("system", Place.PROMISE) in calls(data)


def test_a_long_character_vector_holds_nothing_else() -> None:
    string = struct.pack(">ii", 9, 1) + b"x"
    item = struct.pack(">ii", 16, 200) + string * 100 + struct.pack(">i", 254) + string * 99
    assert isinstance(parse(HEADER + item).error, Malformed)


def test_a_long_pairlist_costs_no_depth() -> None:
    file = parse(recipe.rds(recipe.pairs(*(("", recipe.SYSTEM) for _ in range(30_000)))))
    assert file.error is None
    assert file.root.kind is Kind.PAIR


def test_nesting_without_end_is_a_limit_and_what_was_read_is_kept() -> None:
    deep = struct.pack(">ii", 19, 1) * 40_000 + struct.pack(">i", 254)
    file = parse(HEADER + struct.pack(">iii", 6, 1, 9) + struct.pack(">i", 6) + b"system" + deep)
    assert isinstance(file.error, LimitReached)
    assert file.unfinished[0].kind is Kind.CALL


def test_a_promise_that_is_cut_off_is_still_told() -> None:
    data = recipe.rds(recipe.promise(recipe.calls("{", recipe.SYSTEM, recipe.strings("x" * 99))))
    file = parse(data[:-20])
    assert isinstance(file.error, Malformed)
    assert ("system", Place.TOP_PROMISE) in calls(data[:-20])


@pytest.mark.parametrize(
    "item",
    [
        struct.pack(">i", 0),
        struct.pack(">i", 99),
        struct.pack(">i", 5 << 8 | 255),
        struct.pack(">ii", 14, -2),
        struct.pack(">ii", 19, 2**31 - 1),
        struct.pack(">iiii", 14, -1, -1, -1),
        struct.pack(">ii", 16, 1) + struct.pack(">i", 254),
        struct.pack(">ii", 21, -1),
    ],
    ids=["type-0", "type-99", "reference", "negative", "list", "long", "not-a-string", "byte-code"],
)
def test_what_r_refuses_is_malformed(item: bytes) -> None:
    assert isinstance(parse(HEADER + item + bytes(16)).error, Malformed)


@pytest.mark.parametrize("data", [b"", b"X\n", b"Z\n" + bytes(20), b"X\n" + bytes(40), b"A\n2 x y"])
def test_a_header_that_r_refuses_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


@pytest.mark.parametrize("spelling", ["X", "A", "B"])
def test_every_prefix_gives_a_value_or_malformed(spelling: str) -> None:
    data = recipe.rds(recipe.linear_model(recipe.SYSTEM), spelling=spelling)
    outcomes = {_outcome(data[:length]) for length in range(len(data))}
    assert outcomes >= {"malformed header", "unfinished"}


def _outcome(data: bytes) -> str:
    try:
        file = parse(data)
    except Malformed:
        return "malformed header"
    list(find_code(file))
    return "whole" if file.error is None else "unfinished"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"X\n", b"B\n", b"A\n"]))
def test_any_bytes_give_a_value_or_malformed(tail: bytes, spelling: bytes) -> None:
    headers = {b"A\n": b"A\n2\n262914\n131840\n"}
    data = headers.get(spelling, spelling + HEADER[2:]) + tail
    assert _outcome(data) in ("malformed header", "unfinished", "whole")
