"""The index of a checkpoint: its entries against each other, and tables that are broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.tensorflow import (
    bundle_entry,
    checkpoint_index,
    chunk,
    table_block,
    varint,
    whole,
)

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.tensorflow.checkpoint_index import CheckpointIndex, IndexAnomaly, parse_index

GOOD = checkpoint_index([(b"a", bundle_entry([4], 0, 16)), (b"b", bundle_entry([2], 16, 8))])
FOOTER = 48


def parsed(data: bytes) -> CheckpointIndex:
    return parse_index(MemorySource(data), Limits())


def kinds(*entries: bytes, shards: int = 1) -> list[IndexAnomaly]:
    named = [(b"t%d" % at, entry) for at, entry in enumerate(entries)]
    return [one.kind for one in parsed(checkpoint_index(named, shards)).anomalies]


def test_a_good_index_is_counted_and_silent() -> None:
    found = parsed(GOOD)
    assert (found.shards, found.tensors, found.anomalies) == (1, 2, ())


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([bundle_entry([4], 0, 16, 1)], [IndexAnomaly.NO_SUCH_SHARD]),
        ([bundle_entry([4], 0, 16, -1)], [IndexAnomaly.NO_SUCH_SHARD]),
        ([bundle_entry([4], -8, 16)], [IndexAnomaly.NEGATIVE_RANGE]),
        ([bundle_entry([4], 2**63 - 8, 16)], [IndexAnomaly.NEGATIVE_RANGE]),
        ([bundle_entry([4], 0, 15)], [IndexAnomaly.WRONG_SIZE]),
        ([bundle_entry([2**40, 2**40], 0, 0)], [IndexAnomaly.WRONG_SIZE]),
        ([bundle_entry([4], 0, 16), bundle_entry([4], 15, 16)], [IndexAnomaly.OVERLAP]),
        ([b"\x07"], [IndexAnomaly.BROKEN_ENTRY]),
    ],
)
def test_an_entry_that_can_not_be_is_told(entries: list[bytes], expected: list[IndexAnomaly]) -> None:
    assert kinds(*entries) == expected


def test_shards_have_ranges_of_their_own() -> None:
    assert kinds(bundle_entry([4], 0, 16, 0), bundle_entry([4], 0, 16, 1), shards=2) == []


def test_a_tensor_in_slices_has_no_bytes_of_its_own() -> None:
    assert kinds(bundle_entry([400], 0, 0) + chunk(7, b"")) == []


def test_keys_share_their_beginnings() -> None:
    entry = bundle_entry([1], 0, 4)
    body = b"\0\0" + varint(2) + whole(1, 1)
    body += b"\0\3" + varint(len(entry)) + b"w/a" + entry
    body += b"\2\1" + varint(len(bundle_entry([9], 4, 4))) + b"b" + bundle_entry([9], 4, 4)
    block = body + b"\0\0\0\0\1\0\0\0" + b"\0" * 5
    index = table_block([(b"~", varint(0) + varint(len(block) - 5))])
    handles = varint(0) * 2 + varint(len(block)) + varint(len(index) - 5)
    found = parsed(block + index + handles.ljust(40, b"\0") + GOOD[-8:])
    assert [one.subject for one in found.anomalies] == ["w/b"]


def test_a_table_of_the_first_version_is_left_at_its_header() -> None:
    old = checkpoint_index([])
    header = old.index(whole(1, 1))
    found = parsed(old[:header] + chunk(1, b"")[:2] + old[header + 2 :])
    assert (found.holds_tensors, found.tensors) == (True, 0)


def test_compressed_blocks_are_said_to_be() -> None:
    packed = bytearray(GOOD)
    packed[len(GOOD) - FOOTER - 5] = 1
    assert parsed(bytes(packed)).is_compressed


@pytest.mark.parametrize("cut", [0, 1, 47])
def test_a_table_without_a_footer_is_malformed(cut: int) -> None:
    with pytest.raises(Malformed):
        parsed(GOOD[-cut:] if cut else b"")


def test_a_block_behind_the_end_is_malformed() -> None:
    footer = (varint(0) * 2 + varint(1 << 40) + varint(9)).ljust(40, b"\0") + GOOD[-8:]
    with pytest.raises(Malformed, match="beyond the table"):
        parsed(footer)


def test_a_table_as_long_as_a_file_is_limited() -> None:
    size = 4 * GIB
    footer = (varint(0) * 2 + varint(0) + varint(3 * GIB)).ljust(40, b"\0") + GOOD[-8:]
    source = SparseSource(size, {size - FOOTER: footer})
    with pytest.raises(LimitReached):
        parse_index(source, Limits())
    assert source.bytes_read < KIB


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_an_index_or_malformed(at: int, byte: int) -> None:
    raw = bytearray(GOOD)
    raw[at] = byte
    try:
        found = parsed(bytes(raw))
    except Malformed:
        return
    assert found.tensors <= len(GOOD)
