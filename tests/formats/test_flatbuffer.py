"""The walker over FlatBuffers: fields of a hand-built table, and every offset that leads astray."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table

# root -> table at 24 (vtable at 8): int, string, vector of two tables' offsets, absent, float
VTABLE = struct.pack("<7H", 14, 24, 4, 8, 12, 0, 16)
TABLE = struct.pack("<iiIIfI", 24 - 8, -7, 52 - 32, 60 - 36, float("nan"), 0)
TEXT = struct.pack("<I", 3) + b"abc\0"
TABLES = struct.pack("<III", 2, 24 + 2**32 - 64, 24 + 2**32 - 68)
DATA = struct.pack("<I", 24) + b"TST3" + VTABLE + b"\0\0" + TABLE + b"\0" * 4 + TEXT


def numbers(*values: int) -> bytes:
    return struct.pack(f"<I{len(values)}i", len(values), *values)


FILE = DATA + numbers(1, -2, 3)


def root(data: bytes = FILE, start: int = 0) -> Table:
    return FlatBuffer(MemorySource(data), start).root()


def patched(at: int, form: str, value: int) -> bytes:
    raw = bytearray(FILE)
    struct.pack_into(form, raw, at, value)
    return bytes(raw)


def test_fields_are_found_by_their_index() -> None:
    table = root()
    vector = table.vector(2, 4)
    assert vector is not None
    assert (table.scalar(0, Scalar.INT), table.text(1), vector.numbers(Scalar.INT)) == (
        -7,
        "abc",
        [1, -2, 3],
    )
    assert table.buffer.identifier() == b"TST3"


def test_an_absent_field_has_its_default() -> None:
    table = root()
    assert (table.scalar(3, Scalar.INT, 5), table.scalar(99, Scalar.INT, 6)) == (5, 6)
    assert (table.text(3), table.vector(3, 4), table.table(99)) == (None, None, None)


def test_a_number_that_is_not_finite_is_zero() -> None:
    assert root().scalar(4, Scalar.FLOAT) == 0


def test_a_buffer_may_begin_anywhere_in_its_file() -> None:
    assert root(b"x" * 7 + FILE, start=7).text(1) == "abc"


def test_a_vector_is_cut_where_the_caller_says() -> None:
    vector = root().vector(2, 4)
    assert vector is not None
    assert (vector.numbers(Scalar.INT, 2), vector.bytes_of(4)) == ([1, -2], b"\1\0\0\0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FILE[:6],
        patched(0, "<I", 2**32 - 1),
        patched(24, "<i", 2**31 - 1),
        patched(24, "<i", -(2**31)),
        patched(24, "<i", 24 - 9),
        patched(8, "<H", 2),
        patched(8, "<H", 13),
        patched(8, "<H", 0xFFFE),
        patched(10, "<H", 0xFFFF),
    ],
)
def test_a_root_that_is_no_table_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        root(data)


@pytest.mark.parametrize(
    ("data", "ask"),
    [
        (patched(12, "<H", 2), lambda table: table.scalar(0, Scalar.INT)),
        (patched(12, "<H", 24), lambda table: table.scalar(0, Scalar.INT)),
        (patched(32, "<I", 2**32 - 1), lambda table: table.text(1)),
        (patched(52, "<I", 2**32 - 1), lambda table: table.text(1)),
        (patched(60, "<I", 2**31), lambda table: table.vector(2, 4)),
        (FILE, lambda table: table.vector(2, 4).table(0)),
        (FILE, lambda table: table.vector(2, 4).table(3)),
        (FILE, lambda table: list(table.vector(2, 4).texts())),
        (FILE, lambda table: table.vector(2, 1).table(0)),
    ],
)
def test_an_offset_that_leads_astray_is_malformed(data: bytes, ask: Callable[[Table], object]) -> None:
    table = root(data)
    with pytest.raises(Malformed):
        ask(table)


def test_a_buffer_has_its_own_end() -> None:
    buffer = FlatBuffer(MemorySource(FILE), 0, 40)
    with pytest.raises(Malformed):
        buffer.data(38, 4)


def test_reading_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.formats.flatbuffer._MAX_READS", 3)
    with pytest.raises(LimitReached):
        root()


def test_a_far_table_costs_one_window() -> None:
    at = 3 * GIB
    source = SparseSource(
        4 * GIB, {0: struct.pack("<I", at), at - 8: b"\6\0\4\0\0\0\0\0" + b"\x08\0\0\0"}
    )
    table = FlatBuffer(source).root()
    assert (table.fields, table.scalar(0, Scalar.INT)) == (1, 0)
    assert source.reads == [(0, 16 * KIB), (at, 16 * KIB), (at - 16 * KIB, 16 * KIB)]


@given(st.binary(max_size=120), st.integers(0, 6))
def test_any_bytes_give_values_or_malformed(data: bytes, index: int) -> None:
    try:
        table = root(data)
        table.scalar(index, Scalar.LONG)
        table.text(index)
        table.table(index)
        vector = table.vector(index, 4)
        found = [] if vector is None else vector.numbers(Scalar.FLOAT)
        assert len(found) <= len(data) // 4
    except Malformed:
        return


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_values_or_malformed(at: int, byte: int) -> None:
    raw = bytearray(FILE)
    raw[at] = byte
    try:
        table = root(bytes(raw))
        assert len(table.text(1) or "") <= len(FILE)
        assert all(isinstance(one, str) for one in (table.vector(2, 4) or table.vector(0, 4)).texts())  # type: ignore[union-attr]
    except (Malformed, AttributeError):
        return
