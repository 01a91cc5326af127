"""Arrow: buffers and values outside, extension types, cells."""

from __future__ import annotations

import io
import struct

import pyarrow
import pyarrow.ipc
import pytest
from samples.recipes.dataset_bytes import (
    arrow_field,
    arrow_schema,
    arrow_stream,
    arrow_texts,
    extension,
)

from tests.analyzers.archive_events import look
from weighbridge.analyzers.datasets import columnar_cells
from weighbridge.analyzers.datasets.arrow import RULES, inspect
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.report import Outcome
from weighbridge.formats.datasets.arrow_ipc import IpcAnomaly
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format

SCHEMA = arrow_schema([arrow_field("text")])
CALL = b"\x80\x02cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def test_cells_of_a_valid_stream_are_searched() -> None:
    seen = look(inspect, arrow_stream(SCHEMA, arrow_texts([b"plain", b"<script >"])))
    assert (seen.rules, seen.rows, seen.error) == ({"CEL007"}, [], None)


def test_a_buffer_outside_is_told_and_no_value_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar_cells, "has_pyarrow", lambda: pytest.fail("the library was asked"))
    seen = look(inspect, arrow_stream(SCHEMA, arrow_texts([b"one"], moved=1 << 20)))
    assert (seen.rules, [row.outcome for row in seen.rows]) == ({"DST009"}, [Outcome.FAILED])


def test_values_outside_of_their_buffers_are_found_by_validation() -> None:
    wrong = arrow_texts([b"one", b"two"], offsets=[0, 2_000_000_000, 6])
    seen = look(inspect, arrow_stream(SCHEMA, wrong))
    assert (seen.rules, [row.outcome for row in seen.rows]) == ({"DST010"}, [Outcome.FAILED])


def test_text_that_is_no_utf_8_is_read_all_the_same() -> None:
    seen = look(inspect, arrow_stream(SCHEMA, arrow_texts([b"\xff\xfe", b"<script >"])))
    assert (seen.rules, seen.rows) == ({"CEL007"}, [])


def test_text_that_is_no_utf_8_does_not_hide_a_wrong_offset() -> None:
    wrong = arrow_texts([b"\xff\xfe", b"two"], offsets=[0, 2, 2_000_000_000])
    seen = look(inspect, arrow_stream(SCHEMA, wrong))
    assert (seen.rules, [row.outcome for row in seen.rows]) == ({"DST010"}, [Outcome.FAILED])


def _array(kind: pyarrow.DataType, offsets: list[int], data: bytes) -> pyarrow.Array:
    places = pyarrow.py_buffer(struct.pack(f"<{len(offsets)}i", *offsets))
    return pyarrow.Array.from_buffers(kind, len(offsets) - 1, [None, places, pyarrow.py_buffer(data)])


def test_text_that_is_no_utf_8_does_not_hide_a_wrong_offset_in_another_column() -> None:
    odd = _array(pyarrow.string(), [0, 1, 2], b"\xff\xff")
    wrong = _array(pyarrow.binary(), [0, 1_000_000, 2], b"ab")
    batch = pyarrow.record_batch([odd, wrong], names=["a", "b"])
    file = io.BytesIO()
    with pyarrow.ipc.new_stream(file, batch.schema) as out:
        out.write_batch(batch)
    assert look(inspect, file.getvalue()).rules == {"DST010"}


def test_pickled_metadata_is_handed_on() -> None:
    typed = arrow_schema([arrow_field("x", extension("arrow.py_extension_type", CALL))])
    seen = look(inspect, arrow_stream(typed))
    assert seen.rules == {"DST001"}
    assert seen.contents == [("x metadata", CALL)]


def test_feather_of_version_1_is_opaque() -> None:
    assert [row.outcome for row in look(inspect, b"FEA1" + bytes(40) + b"FEA1").rows] == [Outcome.OPAQUE]


def test_every_anomaly_has_a_rule() -> None:
    assert set(RULES) == set(IpcAnomaly)


def test_a_stream_is_identified_by_its_schema_alone() -> None:
    data = arrow_stream(SCHEMA, arrow_texts([b"one"]))
    assert identify(MemorySource(data), "data-00000-of-00001.bin") == (Format.ARROW,)
    assert Format.ARROW not in identify(MemorySource(b"\xff" * 64), "x.bin")
