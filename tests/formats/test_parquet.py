"""Parquet footers: what they say, what can't be true, and that any bytes give an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.dataset_bytes import Small, dictionary_page, parquet, parquet_footer, thrift

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.parquet import (
    ParquetAnomaly,
    ParquetFooter,
    has_encrypted_footer,
    read_dictionary_page,
    read_footer,
)
from weighbridge.formats.datasets.thrift_compact import read_struct


def _footer(data: bytes) -> ParquetFooter:
    return read_footer(MemorySource(data), Limits())


def _kinds(data: bytes) -> set[ParquetAnomaly]:
    return {anomaly.kind for anomaly in _footer(data).anomalies}


def test_a_footer_gives_schema_columns_and_metadata() -> None:
    footer = _footer(parquet({"a": ["x", "y"], "b": [b"1", b"2"]}, [("key", b"value")]))
    assert [element.name for element in footer.schema] == ["schema", "a", "b"]
    assert [(one.path, one.num_values) for one in footer.columns] == [("a", 2), ("b", 2)]
    assert footer.metadata == ((b"key", b"value"),)
    assert (footer.num_rows, footer.row_groups, footer.anomalies) == (2, 1, ())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (parquet({"x": ["a"]}, meta={9: 1 << 62}), ParquetAnomaly.OUTSIDE),
        (parquet({"x": ["a"]}, meta={7: 1 << 40}), ParquetAnomaly.OUTSIDE),
        (parquet({"x": ["a"]}, meta={7: -1}), ParquetAnomaly.NEGATIVE),
        (parquet({"x": ["a"]}, changed={3: -1}), ParquetAnomaly.NEGATIVE),
        (parquet({"x": ["a"]}, changed={3: 7}), ParquetAnomaly.ROWS_DIFFER),
        (parquet({"x": ["a"]}, chunk={1: "other"}), ParquetAnomaly.FOREIGN_FILE),
        (b"XXXX" + parquet({"x": ["a"]})[4:], ParquetAnomaly.NO_HEAD),
        (parquet({"x": ["a"]}, changed={2: [{4: "s", 5: Small(9)}]}), ParquetAnomaly.TREE_BROKEN),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, ParquetAnomaly) else "",
)
def test_what_a_footer_says_against_the_file_is_noted(data: bytes, kind: ParquetAnomaly) -> None:
    assert kind in _kinds(data)


def test_a_footer_longer_than_the_file_is_malformed() -> None:
    with pytest.raises(Malformed, match="longer than the file"):
        _footer(b"PAR1" + bytes(8) + b"\xff\xff\xff\x0fPAR1")


def test_a_footer_beyond_the_limit_is_not_read() -> None:
    size = 200 << 20
    source = SparseSource(size, {0: b"PAR1", size - 8: (100 << 20).to_bytes(4, "little") + b"PAR1"})
    with pytest.raises(LimitReached):
        read_footer(source, Limits())
    assert source.bytes_read <= 64 << 10


def test_ten_gigabytes_cost_the_footer() -> None:
    tail = parquet_footer({1: Small(2), 2: [{4: "schema"}], 3: 0, 4: []})
    size = 10 << 30
    source = SparseSource(size, {0: b"PAR1", size - len(tail): tail})
    assert read_footer(source, Limits()).num_rows == 0
    assert (source.bytes_read, len(source.reads)) == ((64 << 10) + 4, 2)


def test_an_encrypted_footer_is_known_by_its_magic() -> None:
    assert has_encrypted_footer(MemorySource(b"PAR1" + bytes(9) + b"PARE"))
    assert not has_encrypted_footer(MemorySource(parquet({"x": ["a"]})))


def test_the_header_of_a_dictionary_page_says_how_large_it_gets() -> None:
    page = dictionary_page([b"x"], uncompressed=1 << 20)
    data = b"PAR1" + page
    column = _footer(parquet({"x": ["a"]}, meta={11: 4})).columns[0]
    found = read_dictionary_page(MemorySource(data), column)
    assert found is not None
    assert (found.uncompressed_bytes, found.num_values) == (1 << 20, 1)


def test_a_list_that_announces_more_than_there_is_is_malformed() -> None:
    with pytest.raises(Malformed, match="announces"):
        read_struct(b"\x19\xfc\xff\xff\xff\xff\x0f")


def test_structs_that_nest_without_end_are_malformed() -> None:
    with pytest.raises(Malformed, match="nest too deeply"):
        read_struct(b"\x1c" * 1000)


def test_thrift_gives_back_what_was_written() -> None:
    fields: dict[int, object] = {
        1: -5,
        2: b"x",
        3: [1, 2],
        20: True,
        21: {1: b"in"},
        40: list(range(20)),
    }
    assert read_struct(thrift(fields))[0] == fields


@given(st.binary(max_size=200))
def test_any_bytes_before_the_magic_give_a_footer_or_malformed(data: bytes) -> None:
    file = b"PAR1" + data + len(data).to_bytes(4, "little") + b"PAR1"
    try:
        footer = _footer(file)
    except Malformed:
        return
    assert footer.schema


@pytest.mark.parametrize("length", range(0, 120, 7))
def test_a_cut_file_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        _footer(parquet({"x": ["a", "b"], "y": ["c", "d"]})[:length])
