"""Universal Binary JSON: what it means, what it costs, and where it ends."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.boosters import ubjson

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.boosters.ubjson import Ubj, UbjArray, parse_ubjson


def parse(data: bytes) -> Ubj:
    return parse_ubjson(MemorySource(data), Budget(Limits())).value


def plain(value: Ubj) -> object:
    """The value with its arrays read."""
    if isinstance(value, UbjArray):
        return list(value.read())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("data", "meaning"),
    [
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\x01\x00", 256),
        (b"l\x00\x00\x00\x05", 5),
        (b"L" + struct.pack(">q", -(2**40)), -(2**40)),
        (b"d" + struct.pack(">f", 0.5), 0.5),
        (b"D" + struct.pack(">d", 0.1), 0.1),
        (b"Si\x03abc", "abc"),
        (b"Cx", "x"),
        (b"Z", None),
        (b"T", True),
        (b"NNF", False),
        (b"[i\x01Si\x01a]", [1, "a"]),
        (b"[#i\x02i\x01i\x02", [1, 2]),
        (b"[$I#i\x02\x00\x01\xff\xff", [1, -1]),
        (b"{i\x01ai\x01N}", {"a": 1}),
        (b"{$i#i\x02i\x01a\x01i\x01b\x02", {"a": 1, "b": 2}),
    ],
)
def test_each_marker_means_what_the_specification_says(data: bytes, meaning: object) -> None:
    assert plain(parse(data)) == meaning


JSON = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON.filter(lambda value: not _has_wide(value)))
def test_what_is_written_is_read_again(value: object) -> None:
    assert plain(parse(ubjson(value))) == value


def _has_wide(value: object) -> bool:
    """Lists of integers are written with 32 bits each."""
    if isinstance(value, dict):
        return any(_has_wide(one) for one in value.values())
    if not isinstance(value, list):
        return False
    return any(_has_wide(one) or (isinstance(one, int) and abs(one) >= 2**31) for one in value)


def test_a_gigabyte_of_numbers_is_not_read() -> None:
    head = b"{i\x01a[$d#L" + struct.pack(">q", GIB // 4)
    source = SparseSource(len(head) + GIB + 1, {0: head, len(head) + GIB: b"}"})
    document = parse_ubjson(source, Budget(Limits()))
    assert document.end == source.size
    assert source.bytes_read <= 32 * KIB


def test_an_array_that_is_too_large_to_check_is_a_limit() -> None:
    array = UbjArray(SparseSource(GIB, {}), 0, "d", GIB // 8)
    with pytest.raises(LimitReached):
        array.read()


def test_depth_is_bounded() -> None:
    with pytest.raises(LimitReached):
        parse(b"[" * 1_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"[$i",
        b"[#L" + b"\x7f" * 8,
        b"Si\xff",
        b"[$Z#i\x05",
        b"[$[#i\x01",
        b"{i\x05ab",
        b"[#l\xff",
    ],
)
def test_what_is_no_value_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_give_a_value_or_malformed(data: bytes) -> None:
    assert _survives(data)


def _survives(data: bytes) -> bool:
    try:
        plain(parse(data))
    except (Malformed, LimitReached):
        return True
    return True
