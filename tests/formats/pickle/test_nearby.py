"""Tuples that are read from close by hold what a full run finds in them, or nothing is said."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.assembler import (
    MARK,
    POP,
    call,
    integer,
    list_of,
    name,
    put,
    stream,
    string_line,
    text,
    tuple_of,
)

from tests.oracle.generator import generate
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.nearby import nearby_items
from weighbridge.formats.pickle.reader import read_one
from weighbridge.formats.pickle.trace import Stream

_GETS = (0x67, 0x68, 0x6A)


def _read(raw: bytes) -> Stream:
    return read_one(raw, 0, max_events=10_000)


def _disagreements(found: Stream) -> list[int]:
    found.record_all()
    asked = [call.arguments for call in found.calls()] + [build.state for build in found.builds()]
    tuples = [value for value in asked if value is not None and value >= 0]
    tuples = [value for value in tuples if found.opcode(value) in o.TUPLES]
    return [value for value in tuples if not _agrees(found, value)]


def _agrees(found: Stream, value: int) -> bool:
    near = nearby_items(found, value)
    if near is None:
        return True
    run = found.items(value)
    pairs = list(zip(near, run, strict=False))
    return len(near) == len(run) and all(a == b or found.opcode(a) in _GETS for a, b in pairs)


@given(st.integers(0, 2**32))
def test_it_never_says_something_else_than_a_full_run(seed: int) -> None:
    assert _disagreements(_read(generate(random.Random(seed)))) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(tail: bytes) -> None:
    assert _disagreements(_read(name("a", "b") + tail + b"R.")) == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_agrees_on_what_pickle_writes(protocol: int) -> None:
    found = _read(pickle.dumps([complex(1, 2), range(3), slice(1, None)], protocol))
    assert _disagreements(found) == []
    assert all(nearby_items(found, call.arguments or 0) for call in found.calls())


def _only_arguments(*body: bytes) -> tuple[int, ...] | None:
    found = _read(stream(*body))
    (made,) = found.calls()
    assert made.arguments is not None
    return nearby_items(found, made.arguments)


def test_the_items_are_the_opcodes_that_push_them() -> None:
    made = call(name("a", "b"), text("f8"), integer(300), string_line("x"))
    items = _only_arguments(made)
    assert items is not None
    assert [stream(made)[item : item + 1] for item in items] == [b"\x8c", b"M", b"S"]


def test_tuples_within_are_items() -> None:
    items = _only_arguments(call(name("a", "b"), tuple_of(*[integer(1)] * 4), text("c")))
    assert items is not None
    assert len(items) == 2


def test_a_memo_entry_between_them_changes_nothing() -> None:
    made = name("a", "b") + text("c") + put(0) + text("d") + put(1) + b"\x86R"
    assert len(_only_arguments(made) or ()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        tuple_of(list_of(integer(1))),
        text("c") + POP + text("d") + b"\x85",
        MARK + b"".join(integer(1) for _ in range(100)) + b"t",
    ],
    ids=["filled list", "other opcodes", "long"],
)
def test_what_takes_a_run_is_left_to_one(arguments: bytes) -> None:
    assert _only_arguments(name("a", "b") + arguments + b"R") is None


def test_values_from_before_the_last_import_are_not_guessed() -> None:
    imported_between = integer(1) + name("c", "d") + POP + b"\x85R"
    assert _only_arguments(name("a", "b") + imported_between) is None
