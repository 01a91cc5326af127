"""TFRecord: framing that checksums confirm, and features of Examples."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.datasets import example, tfrecord

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.tfrecord import (
    bytes_features,
    is_record_head,
    masked_crc32c,
    read_records,
)


def _records(data: bytes) -> list[tuple[bytes, bool | None]]:
    return [(one.data, one.is_intact) for one in read_records(MemorySource(data), len(data))]


def test_records_come_in_order_with_their_checksums() -> None:
    assert _records(tfrecord(b"one") + tfrecord(b"")) == [(b"one", True), (b"", True)]


def test_a_wrong_checksum_of_the_data_is_told() -> None:
    assert _records(tfrecord(b"one")[:-1] + b"\0") == [(b"one", False)]


def test_a_length_without_its_checksum_is_malformed() -> None:
    with pytest.raises(Malformed, match="checksum of a record's length"):
        _records(struct.pack("<QI", 1 << 62, 0) + bytes(20))


def test_a_length_beyond_the_file_is_malformed() -> None:
    head = struct.pack("<Q", 1 << 40)
    with pytest.raises(Malformed, match="are left"):
        _records(head + struct.pack("<I", masked_crc32c(head)) + bytes(20))


def test_the_checksum_is_that_of_the_format() -> None:
    # CRC-32C of "123456789" is 0xE3069283; the mask rotates it and adds a constant.
    crc = 0xE3069283
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_head_is_known_by_its_checksum() -> None:
    data = tfrecord(b"one")
    assert is_record_head(data[:12], len(data))
    assert not is_record_head(data[:12], len(data) - 1)
    assert not is_record_head(b"just some text", 100)


def test_bytes_features_of_an_example_are_found() -> None:
    found = [(one.name, one.value) for one in bytes_features(example("text", b"value"))]
    assert found == [("text", b"value")]


def test_what_is_no_example_is_malformed() -> None:
    with pytest.raises(Malformed):
        list(bytes_features(b"\x80\x04K\x01."))


@given(st.binary(max_size=100))
def test_any_bytes_give_records_or_malformed(data: bytes) -> None:
    try:
        records = _records(data)
    except Malformed:
        return
    assert sum(16 + len(one) for one, _ in records) == len(data)


@given(st.binary(max_size=100))
def test_any_record_gives_features_or_malformed(data: bytes) -> None:
    try:
        found = list(bytes_features(data))
    except (Malformed, LimitReached):
        return
    assert sum(len(one.value) for one in found) <= len(data)
