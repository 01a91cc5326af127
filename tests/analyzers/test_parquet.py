"""Parquet: pickled metadata, bombs, cells, and what is not read."""

from __future__ import annotations

import io

import pyarrow
import pytest
from pyarrow import parquet as pq
from samples.recipes.dataset_bytes import (
    Small,
    arrow_field,
    dictionary_page,
    extension,
    parquet,
    parquet_footer,
    parquet_schema,
)

from tests.analyzers.archive_events import Seen, look
from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.datasets import columnar_cells
from weighbridge.analyzers.datasets.parquet import inspect
from weighbridge.core.report import Outcome

CALL = b"\x80\x02cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def _typed(name: str, metadata: bytes) -> Seen:
    schema = parquet_schema([arrow_field("x", extension(name, metadata), kind=4)])
    return look(inspect, parquet({"x": [b"a"]}, [schema]))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("arrow.py_extension_type", "DST001"),
        ("ray.data.arrow_tensor", "DST002"),
        ("ray.data.arrow_variable_shaped_tensor", "DST002"),
        ("somebody.own", "DST003"),
    ],
)
def test_pickled_metadata_is_told_and_handed_on(name: str, rule: str) -> None:
    seen = _typed(name, CALL)
    assert (seen.rules, seen.error) == ({rule}, None)
    assert seen.contents == [("x metadata", CALL)]


def test_bytes_that_pyarrow_would_unpickle_are_handed_on_whatever_they_look_like() -> None:
    seen = _typed("arrow.py_extension_type", CALL[2:])
    assert (seen.rules, seen.contents) == ({"DST001"}, [("x metadata", CALL[2:])])


@pytest.mark.parametrize(
    "name", ["arrow.uuid", "geoarrow.wkb", "ray.data.arrow_tensor", "pandas.period"]
)
def test_known_types_with_plain_metadata_are_not_told(name: str) -> None:
    assert _typed(name, b'{"crs": null}').findings == []


def test_a_pickle_in_the_footer_is_told_and_handed_on() -> None:
    seen = look(inspect, parquet({"x": ["a"]}, [("dataset-toolkit.unischema.v1", CALL)]))
    assert (seen.rules, len(seen.nested)) == ({"DST003"}, 1)


def test_a_schema_that_cannot_be_read_is_not_silent() -> None:
    seen = look(inspect, parquet({"x": ["a"]}, [("ARROW:schema", b"AAAA")]))
    assert Outcome.FAILED in [row.outcome for row in seen.rows]


def test_a_dictionary_that_repeats_without_end_is_a_bomb() -> None:
    rows = 1 << 21
    page = dictionary_page([b"x"], uncompressed=1 << 20)
    meta: dict[int, object] = {1: Small(6), 2: [Small(2)], 3: ["x"], 4: Small(0), 5: rows}
    meta |= {6: 64, 7: len(page), 9: 4, 11: 4}
    schema = [{4: "schema", 5: Small(1)}, {1: Small(6), 3: Small(0), 4: "x"}]
    group = {1: [{2: 4, 3: meta}], 2: 64, 3: rows}
    footer = parquet_footer({1: Small(2), 2: schema, 3: rows, 4: [group]})
    assert "DST006" in look(inspect, b"PAR1" + page + footer).rules


def test_an_honest_table_is_no_bomb() -> None:
    seen = look(inspect, parquet({"x": ["same"] * 10_000, "y": [b"\0"] * 10_000}))
    assert (seen.findings, seen.rows, seen.error) == ([], [], None)


def test_cells_of_text_and_bytes_are_searched() -> None:
    data = parquet({"text": ["a", "<script >"], "blob": [b"\0\1", CALL]})
    seen = look(inspect, data)
    assert seen.rules == {"CEL007", "CEL012"}
    assert seen.contents == [("blob row 2", CALL)]


def test_without_the_extra_the_footer_is_still_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar_cells, "has_pyarrow", lambda: False)
    schema = parquet_schema([arrow_field("x", extension("arrow.py_extension_type", CALL), kind=4)])
    seen = look(inspect, parquet({"x": [b"a"]}, [schema]))
    assert seen.rules == {"DST001"}
    assert [row.outcome for row in seen.rows] == [Outcome.UNSUPPORTED]
    assert "pip install 'weighbridge[datasets]'" in seen.rows[0].detail


def test_a_table_of_numbers_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar_cells, "has_pyarrow", lambda: False)
    assert look(inspect, parquet({})).rows == []


def test_a_remote_table_is_read_in_part_and_says_so() -> None:
    table = pyarrow.table({"text": [f"{n} " * 250 for n in range(30_000)]})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=500, use_dictionary=False, compression="none")
    data = file.getvalue()
    source = SparseSource(len(data), {0: data})
    (row,) = look(inspect, source).rows
    assert row.outcome is Outcome.OPAQUE
    assert row.detail.endswith("was not looked at")
    assert source.bytes_read < 7 << 20 < len(data) // 4


def test_pickles_that_were_not_read_are_a_limit() -> None:
    data = parquet({"blob": [CALL + bytes(1_000)] * 8_000})
    seen = look(inspect, SparseSource(len(data), {0: data}))
    assert Outcome.LIMITED in [row.outcome for row in seen.rows]


def test_a_column_in_a_file_outside_is_told_and_one_beside_is_not() -> None:
    outside = look(inspect, parquet({"x": ["a"]}, chunk={1: "../../etc/passwd"}))
    beside = look(inspect, parquet({"x": ["a"]}, chunk={1: "part.0.parquet"}))
    assert (outside.rules, beside.rules) == ({"DST007"}, set())
    assert [row.outcome for row in beside.rows] == [Outcome.OPAQUE]


def test_an_encrypted_footer_is_unsupported() -> None:
    seen = look(inspect, b"PAR1" + bytes(40) + b"\x10\0\0\0PARE")
    assert [row.outcome for row in seen.rows] == [Outcome.UNSUPPORTED]
