"""The law of design section 6: every import that CPython reaches is in the trace."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.client import Oracle, missed
from tests.oracle.generator import generate, mutate
from weighbridge.formats.pickle import machine
from weighbridge.formats.pickle.reader import read_pickles
from weighbridge.formats.pickle.trace import Stream

CASES = 6_000


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    running = Oracle()
    yield running
    running.close()


def test_every_import_that_cpython_reaches_is_in_the_trace(oracle: Oracle) -> None:
    rng = random.Random(20260601)
    reached = 0
    differences = []
    for _ in range(CASES):
        data = generate(rng)
        answer = oracle.imports(data)
        reached += any(answer.values())
        differences += [(data.hex(), found) for found in missed(data, answer)]
    assert differences == []
    assert reached > CASES / 10, "the generator no longer makes pickles that import anything"


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**32))
def test_the_law_holds_on_any_bytes(oracle: Oracle, data: bytes, seed: int) -> None:
    data = mutate(random.Random(seed), data)
    assert missed(data, oracle.imports(data)) == []


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_end_in_a_trace(data: bytes) -> None:
    for item in read_pickles(data, max_events=1000):
        if isinstance(item, Stream):
            item.record_all()
            assert 0 <= item.start <= item.stop <= len(item.data)
            assert all(item.start <= found.offset <= item.stop for found in item.imports())


def test_the_oracle_itself_sees_an_import(oracle: Oracle) -> None:
    """A silent oracle would make every test above pass."""
    answer = oracle.imports(b"cposix\nsystem\n(S'x'\ntR.")
    assert all(("posix", "system") in names for names in answer.values())
    assert set(answer) == {"c-bytesio", "c-buffered", "c-whole", "pure"}


def test_a_trace_without_the_import_is_a_difference() -> None:
    """The comparison can fail."""
    assert missed(b"N.", {"pure": [("posix", "system")]}) == [("pure", ("posix", "system"))]


def test_the_machine_under_test_is_the_one_that_was_built() -> None:
    built = machine.__file__ or ""
    assert built.endswith((".so", ".pyd")) == machine.IS_COMPILED
