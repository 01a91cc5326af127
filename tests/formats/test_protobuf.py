"""The walker over protobuf messages: what real encoders write, what nobody should, and what is read."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def chunk(number: int, payload: bytes) -> bytes:
    return tag(number, 2) + varint(len(payload)) + payload


def reader(data: bytes) -> ProtobufReader:
    return ProtobufReader(MemorySource(data))


def fields(data: bytes) -> list[Field]:
    return list(reader(data).fields())


def test_each_wire_type_gives_its_number_place_and_value() -> None:
    data = tag(1, 0) + varint(300) + tag(2, 1) + b"\1" * 8 + chunk(3, b"text") + tag(4, 5) + b"\2" * 4
    assert [
        (one.number, one.wire, one.at, one.start, one.length, one.value) for one in fields(data)
    ] == [
        (1, Wire.VARINT, 0, 1, 2, 300),
        (2, Wire.FIXED64, 3, 4, 8, 0x0101010101010101),
        (3, Wire.BYTES, 12, 14, 4, 0),
        (4, Wire.FIXED32, 18, 19, 4, 0x02020202),
    ]


def test_a_negative_number_takes_ten_bytes_and_keeps_its_sign() -> None:
    (field,) = fields(tag(1, 0) + b"\xff" * 9 + b"\1")
    assert (field.value, field.signed) == (2**64 - 1, -1)


def test_a_group_spans_its_content_and_what_follows_is_found() -> None:
    inner = tag(2, 0) + b"\5" + tag(3, 3) + tag(3, 4)
    first, second = fields(tag(1, 3) + inner + tag(1, 4) + tag(9, 0) + b"\7")
    assert (first.wire, first.start, first.length) == (Wire.GROUP, 1, len(inner))
    assert (second.number, second.value) == (9, 7)


@pytest.mark.parametrize(
    "data",
    [
        tag(1, 4),
        b"\0\0",
        tag(1, 6),
        tag(1, 7),
        chunk(1, b"four")[:-1],
        tag(1, 1) + b"\0" * 7,
        tag(1, 5) + b"\0" * 3,
        tag(1, 0),
        tag(1, 0) + b"\xff" * 10,
        tag(1, 0) + b"\xff" * 11,
        tag(1, 3),
        tag(1, 3) + tag(2, 4),
        tag(1, 3) * 66,
        varint(1 << 32 | 1),
    ],
)
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        fields(data)


def test_fields_before_the_break_were_given() -> None:
    walk = reader(chunk(1, b"kept") + tag(1, 7)).fields()
    assert next(walk).length == 4
    with pytest.raises(Malformed):
        next(walk)


def test_a_nested_message_ends_where_its_field_does() -> None:
    source = reader(chunk(1, chunk(2, b"inner") + tag(3, 0) + b"\1") + chunk(4, b"after"))
    outer = next(source.fields())
    assert [one.number for one in source.message(outer)] == [2, 3]


def test_a_nested_length_that_leaves_its_holder_is_malformed() -> None:
    source = reader(chunk(1, tag(2, 2) + varint(9)) + b"a" * 20)
    outer = next(source.fields())
    with pytest.raises(Malformed, match="longer than what holds it"):
        list(source.message(outer))


def test_numbers_are_read_packed_or_alone_up_to_the_limit() -> None:
    source = reader(chunk(1, varint(1) + varint(300)) + tag(1, 0) + varint(5))
    packed, alone = source.fields()
    assert (source.varints_of(packed), source.varints_of(alone)) == ([1, 300], [5])
    with pytest.raises(LimitReached):
        source.varints_of(packed, limit=1)


def test_text_and_bytes_are_cut_and_never_undecodable() -> None:
    source = reader(chunk(1, b"caf\xc3\xa9 \xff"))
    (field,) = source.fields()
    assert (source.text_of(field), source.bytes_of(field, 3)) == ("café \\xff", b"caf")


@pytest.mark.parametrize("kind", ["message", "bytes_of", "varints_of"])
def test_a_field_of_another_wire_type_is_malformed_to_ask_for(kind: str) -> None:
    source = reader(tag(1, 5) + b"\0" * 4)
    (field,) = source.fields()
    with pytest.raises(Malformed):
        list(getattr(source, kind)(field))


def test_a_long_payload_of_a_file_that_shrank_is_malformed() -> None:
    class Short(SparseSource):
        def read_at(self, offset: int, length: int) -> bytes:
            return super().read_at(offset, min(length, 100))

    payload = MIB
    source = ProtobufReader(Short(payload + 4, {0: tag(1, 2) + varint(payload)}))
    (field,) = islice(source.fields(), 1)
    with pytest.raises(Malformed, match="ends within"):
        source.bytes_of(field)


def test_a_payload_that_nobody_asks_for_is_not_read() -> None:
    head = tag(1, 2) + varint(2 * GIB)
    after = len(head) + 2 * GIB
    source = SparseSource(after + 2, {0: head, after: tag(2, 0) + b"\1"})
    assert [one.number for one in ProtobufReader(source).fields()] == [1, 2]
    assert source.reads == [(0, 2 * KIB), (after, 2)]


def test_many_small_fields_are_read_in_windows_that_grow() -> None:
    data = chunk(1, b"x" * 60) * 20_000
    source = SparseSource(len(data), {0: data})
    assert sum(1 for _ in ProtobufReader(source).fields()) == 20_000
    assert len(source.reads) == 11
    assert source.bytes_read <= len(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_malformed(data: bytes) -> None:
    end = 0
    try:
        for field in reader(data).fields():
            assert field.at >= end
            assert field.stop <= len(data)
            end = field.at + 1
    except Malformed:
        return


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.binary(max_size=40)), max_size=20))
def test_what_was_encoded_is_found_again(pairs: list[tuple[int, bytes]]) -> None:
    source = reader(b"".join(chunk(number, payload) for number, payload in pairs))
    assert [(one.number, source.bytes_of(one)) for one in source.fields()] == pairs
