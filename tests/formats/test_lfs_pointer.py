"""Git LFS pointers: what the specification allows, and any other bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import Malformed
from weighbridge.formats.weights.lfs_pointer import LfsPointer, looks_like_pointer, parse_lfs_pointer

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()


def parse(data: bytes) -> LfsPointer:
    return parse_lfs_pointer(MemorySource(data))


@pytest.mark.parametrize(
    "data",
    [
        POINTER,
        POINTER[:-1],
        POINTER.replace(b"\n", b"\r\n"),
        POINTER + b"\n",
        POINTER.replace(b"git-lfs.github.com", b"hawser.github.com"),
        POINTER.replace(b"oid", b"ext-0-foo sha256:" + OID.encode() + b"\noid"),
    ],
)
def test_a_pointer_states_hash_and_size(data: bytes) -> None:
    assert looks_like_pointer(data[:64])
    assert parse(data) == LfsPointer(sha256=OID, content_bytes=12345, trailing_offset=None)


@pytest.mark.parametrize("tail", [b"x", b"\nx", b"PK\x03\x04" + bytes(5000), b" " * 2000, b"size 1\n"])
def test_bytes_after_the_size_line_are_trailing(tail: bytes) -> None:
    offset = parse(POINTER + tail).trailing_offset

    assert offset is not None
    assert len(POINTER) <= offset <= 1024


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"", 0),
        (b"# " + POINTER, 0),
        (POINTER.replace(b"spec/v1", b"spec/v9"), 0),
        (POINTER.replace(b"oid ", b"key value\noid "), 43),
        (POINTER.replace(OID.encode(), OID.upper().encode()), 43),
        (POINTER.replace(b"12345", b"-1"), 119),
        (POINTER.replace(b"12345", b"1" * 20), 119),
    ],
)
def test_other_bytes_are_malformed_where_they_differ(data: bytes, offset: int) -> None:
    with pytest.raises(Malformed) as caught:
        parse(data)
    assert caught.value.offset == offset


@given(st.binary(max_size=200), st.integers(0, len(POINTER)))
def test_any_bytes_give_a_pointer_or_malformed(tail: bytes, cut: int) -> None:
    data = POINTER[:cut] + tail
    try:
        place = parse(data).trailing_offset
    except Malformed as error:
        place = error.offset

    assert place is None or 0 <= place <= len(data)
