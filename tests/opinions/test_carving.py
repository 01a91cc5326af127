"""Pickles are cut out as our own trace sees them, and counted before anybody else reads them."""

from __future__ import annotations

import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.opinions.subjects import EVIL, PLAIN
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import MIB, Limits
from weighbridge.opinions.carving import carve, count_opcodes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(VALUES, st.integers(0, 5))
def test_opcodes_are_counted_as_pickletools_counts_them(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert count_opcodes(data, most=10**6) == sum(1 for _ in pickletools.genops(data))


@given(st.binary(max_size=200))
def test_counting_any_bytes_ends_and_is_never_more_than_the_bytes(data: bytes) -> None:
    assert 0 <= count_opcodes(data, most=10**6) <= len(data)


def test_counting_stops_one_beyond_the_limit() -> None:
    assert count_opcodes(b"N" * 1000, most=10) == 11


def test_pickles_behind_each_other_are_carved_each_with_its_place() -> None:
    carved = carve(MemorySource(PLAIN + EVIL), Limits(), max_bytes=MIB, max_opcodes=100)
    assert carved.pickles == ((0, PLAIN), (len(PLAIN), EVIL))
    assert carved.beyond is None


def test_raw_arrays_of_joblib_are_left_out() -> None:
    written = io.BytesIO()
    joblib.dump({"a": np.arange(5000), "b": [1]}, written)
    carved = carve(MemorySource(written.getvalue()), Limits(), max_bytes=MIB, max_opcodes=10_000)
    assert len(carved.pickles) == 1
    _, data = carved.pickles[0]
    assert len(data) < 2000
    assert [opcode.name for opcode, _, _ in pickletools.genops(data)][-1] == "STOP"


@pytest.mark.parametrize(
    ("max_bytes", "max_opcodes", "words"),
    [(10, 1000, "more than 10 bytes of pickle"), (MIB, 5, "more than 5 opcodes")],
)
def test_what_is_beyond_the_budget_is_said(max_bytes: int, max_opcodes: int, words: str) -> None:
    carved = carve(MemorySource(EVIL), Limits(), max_bytes=max_bytes, max_opcodes=max_opcodes)
    assert carved.beyond == words
    assert carved.pickles == ()
