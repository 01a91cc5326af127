"""Torch7 files: functions and classes are found in order, in both modes; tensors are skipped."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.torch_family import lua_function, lua_object, lua_string, lua_table, samples

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.torch.torch7 import (
    LuaClass,
    LuaFunction,
    LuaText,
    find_bytecode,
    looks_like_torch7,
    read_torch7,
)

DUMP = b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00marker"
TWINS = {name: data for name, data in samples() if name.endswith(".twin.t7")}


def read(data: bytes) -> list[LuaFunction | LuaClass | LuaText]:
    return list(read_torch7(MemorySource(data), Budget(Limits())))


def functions(data: bytes) -> list[bytes]:
    return [one.code for one in read(data) if isinstance(one, LuaFunction)]


@pytest.mark.parametrize("name", TWINS)
def test_both_modes_name_their_classes(name: str) -> None:
    names = [one.name for one in read(TWINS[name]) if isinstance(one, LuaClass)]
    assert names == ["nn.Linear", "torch.FloatTensor", "torch.FloatStorage"]


@pytest.mark.parametrize("tag", [7, 8])
def test_a_function_is_found_behind_its_index(tag: int) -> None:
    data = struct.pack("<i", tag) + lua_function(1, DUMP)[4:]
    assert functions(lua_table(3, (b"f", data))) == [DUMP]


def test_a_function_of_the_oldest_kind_has_no_index() -> None:
    data = struct.pack("<2i", 6, len(DUMP)) + DUMP + struct.pack("<3i", 3, 9, 0)
    assert functions(data) == [DUMP]


def test_a_function_in_text_mode_is_found() -> None:
    data = b"3\n1\n1\n2\n1\nf\n8\n2\n%d\n%s\n3\n3\n0\n" % (len(DUMP), DUMP)
    assert functions(data) == [DUMP]


def test_a_function_behind_the_elements_of_a_text_storage_is_found() -> None:
    numbers = b" ".join([b"0.5"] * 50_000)
    data = b"3\n1\n2\n2\n1\na\n4\n2\n3\nV 1\n19\ntorch.DoubleStorage\n50000\n" + numbers
    data += b"\n2\n1\nf\n8\n3\n%d\n%s\n3\n4\n0\n" % (len(DUMP), DUMP)
    assert functions(data) == [DUMP]


def test_a_table_that_nests_without_end_is_read_without_recursion() -> None:
    data = b"".join(
        struct.pack("<3i", 3, index, 1) + lua_string(b"k") for index in range(1, 50_000)
    ) + struct.pack("<i", 0)
    assert len(read(data)) == 49_999


def test_the_elements_of_a_storage_are_not_read() -> None:
    head = lua_table(1, (b"w", lua_object(2, b"torch.FloatStorage", struct.pack("<q", GIB))))
    source = SparseSource(len(head) + 4 * GIB, {0: head})
    assert [one for one in read_torch7(source, Budget(Limits())) if isinstance(one, LuaClass)]
    assert source.bytes_read < 256 * KIB


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<i", 99),
        struct.pack("<2i", 2, -5),
        struct.pack("<2i", 2, 5) + b"abc",
        struct.pack("<3i", 3, 1, -1),
        struct.pack("<3i", 4, 1, 5000),
        lua_object(1, b"torch.FloatTensor", struct.pack("<i", 9999)),
        lua_object(1, b"torch.FloatStorage", struct.pack("<q", -1)),
        lua_object(1, b"torch.FloatStorage", struct.pack("<q", 2**62)),
    ],
)
def test_what_leads_nowhere_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_bytecode_is_found_across_the_pieces_of_a_search() -> None:
    data = bytes(MIB - 2) + DUMP
    assert [one.offset for one in find_bytecode(MemorySource(data), 0)] == [MIB - 2]


@pytest.mark.parametrize(
    ("head", "name_says_so", "answer"),
    [
        (lua_table(1, (b"model", lua_string(b"x"))), False, True),
        (lua_object(1, b"nn.Linear", b""), False, True),
        (lua_function(1, DUMP), False, True),
        (struct.pack("<3iid", 3, 1, 2, 1, 1.0) + struct.pack("<i", 0), False, True),
        (b"4\n1\n3\nV 1\n9\nnn.Linear\n", False, True),
        (b"3\n1\n2\n1\n1\n", False, False),
        (b"3\n1\n2\n1\n1\n", True, True),
        (b"1,2,3\n4,5,6\n", False, False),
        (bytes(64), False, False),
        (struct.pack("<16i", *range(1, 17)), False, False),
        (struct.pack("<3i", 3, 1, 4) + b"\x02\0\0\0\x04\0\0\0\xff\xfe\xfd\xfc", False, False),
    ],
)
def test_a_file_is_known_by_its_first_values(head: bytes, name_says_so: bool, answer: bool) -> None:
    assert looks_like_torch7(head, len(head), is_named=name_says_so) is answer


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_recognised_or_not(head: bytes, name_says_so: bool) -> None:
    assert looks_like_torch7(head, len(head), is_named=name_says_so) in (True, False)


@given(st.sampled_from(sorted(TWINS)), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_file_with_any_bytes_changed_is_read_or_malformed(name: str, at: int, change: bytes) -> None:
    data = bytearray(TWINS[name])
    at %= len(data)
    data[at : at + len(change)] = change
    try:
        assert isinstance(read(bytes(data)), list)
    except (Malformed, LimitReached):
        return


@pytest.mark.parametrize("name", TWINS)
def test_a_file_that_is_cut_anywhere_is_malformed(name: str) -> None:
    data = TWINS[name].rstrip()
    for stop in range(4, len(data) - 8):
        with pytest.raises(Malformed):
            read(data[:stop])
