"""TFLite models: what is read of them, and indexes and sizes that can't be."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.tflite import (
    RELU,
    STRING,
    Number,
    Table,
    builtin,
    custom,
    flatbuffer,
    model,
    samples,
    strings,
    tensor,
)

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.tensorflow.tflite import TfliteModel, parse_tflite
from weighbridge.formats.tensorflow.tflite_layout import TfliteAnomaly

SAMPLES = dict(samples())


def parsed(data: bytes) -> TfliteModel:
    return parse_tflite(MemorySource(data))


def kinds(data: bytes) -> list[TfliteAnomaly]:
    found = parsed(data)
    assert found.broken is None
    return [one.kind for one in found.anomalies]


def test_a_model_is_read_without_its_tensors() -> None:
    found = parsed(SAMPLES["tflite/weights.twin.tflite"])
    assert (found.version, found.operators, found.custom_codes, found.anomalies) == (3, 1, [], ())
    assert ("description", "MLIR Converted.") in found.texts


def test_custom_operators_are_named_whether_they_are_used_or_not() -> None:
    assert parsed(model(custom("Mine"))).custom_codes == ["Mine"]
    assert parsed(model({1: "Mine", 3: Number("i", 32)})).custom_codes == ["Mine"]
    assert parsed(model(builtin(RELU))).custom_codes == []


def test_constant_strings_reach_the_operator_that_takes_them() -> None:
    (use,) = parsed(SAMPLES["tflite/flex-write.tflite"]).uses
    assert (use.code, use.inputs[0]) == ("FlexWriteFile", ("/home/user/.bashrc",))


@pytest.mark.parametrize(
    "raw", [b"", b"\1", struct.pack("<3I", 1, 12, 99), struct.pack("<2I", 2**31, 8)]
)
def test_strings_that_lead_astray_are_none(raw: bytes) -> None:
    tensors = [tensor("x", [1], STRING, 1), tensor("y", [1])]
    (use,) = parsed(model(custom("Mine"), tensors=tensors, buffers=({}, {0: raw}))).uses
    assert use.inputs == ((),)


def test_several_strings_are_read() -> None:
    tensors = [tensor("x", [2], STRING, 1), tensor("y", [1])]
    (use,) = parsed(model(custom("Mine"), tensors=tensors, buffers=({}, {0: strings("a", "bc")}))).uses
    assert use.inputs == (("a", "bc"),)


def buffered(dims: list[int], stored: int, kind: int = 0) -> bytes:
    tensors = [tensor("w", dims, kind, 1), tensor("y", [1, 4])]
    return model(builtin(RELU), tensors=tensors, buffers=({}, {0: bytes(stored)}))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (buffered([2, 2], 16), []),
        (buffered([2, 2], 15), [TfliteAnomaly.BUFFER_SIZE]),
        (buffered([3], 2, kind=17), []),
        (buffered([3], 3, kind=17), [TfliteAnomaly.BUFFER_SIZE]),
        (buffered([], 4), []),
        (buffered([-1, 4], 16), []),
        (buffered([-2, 4], 16), [TfliteAnomaly.NEGATIVE_DIMENSION]),
        (buffered([2**31 - 1] * 4, 16), [TfliteAnomaly.SHAPE_OVERFLOW]),
        (buffered([1], 4, kind=99), [TfliteAnomaly.UNKNOWN_TYPE]),
        (model(builtin(RELU), inputs=(-1,)), []),
        (model(builtin(RELU), inputs=(-2,)), [TfliteAnomaly.INDEX_OUTSIDE]),
        (model(builtin(RELU), inputs=(2,)), [TfliteAnomaly.INDEX_OUTSIDE]),
        (model(builtin(RELU), more={1: []}), [TfliteAnomaly.INDEX_OUTSIDE]),
        (model(builtin(RELU), more={7: [{2: "s", 4: Number("I", 9)}]}), [TfliteAnomaly.INDEX_OUTSIDE]),
        (model(builtin(RELU), more={6: [{0: "m", 1: Number("I", 9)}]}), [TfliteAnomaly.INDEX_OUTSIDE]),
        (
            model(builtin(RELU), tensors=[tensor("x", [1], 0, 7), tensor("y", [1])]),
            [TfliteAnomaly.INDEX_OUTSIDE],
        ),
    ],
)
def test_sizes_and_indexes_are_held_against_each_other(
    data: bytes, expected: list[TfliteAnomaly]
) -> None:
    assert kinds(data) == expected


def test_scales_and_zero_points_are_of_one_number() -> None:
    quantization: Table = {2: [1, 1, 1], 3: struct.pack("<2q", 0, 0)}
    tensors: list[Table] = [{**tensor("x", [1]), 4: quantization}, tensor("y", [1])]
    data = bytearray(model(builtin(RELU), tensors=tensors))
    at = data.index(struct.pack("<I", 16) + bytes(16))
    struct.pack_into("<I", data, at, 2)
    assert kinds(bytes(data)) == [TfliteAnomaly.QUANTIZATION]


def test_metadata_and_files_beside_the_model_are_named() -> None:
    more: Table = {6: [{0: "notes", 1: Number("I", 1)}], 8: [{0: "weights.bin"}]}
    found = parsed(model(builtin(RELU), buffers=({}, {0: b"text"}), more=more))
    assert [(name, span.length) for name, span in found.metadata] == [("notes", 4)]
    assert found.external == ["weights.bin"]


def test_a_buffer_behind_the_flatbuffer_is_checked_and_not_read() -> None:
    head = model(
        builtin(RELU),
        tensors=[tensor("w", [2**28, 4], buffer=1), tensor("y", [1])],
        buffers=({}, {1: Number("Q", 4 * KIB), 2: Number("Q", 4 * GIB)}),
    )
    source = SparseSource(4 * GIB + 4 * KIB, {0: head})
    assert parse_tflite(source).anomalies == ()
    assert source.reads == [(0, 16 * KIB)]


def test_many_operators_with_one_long_vector_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.formats.tensorflow.tflite._MAX_INDEXES_IN_SUM", 100)
    assert isinstance(parsed(model(builtin(RELU), inputs=(0,) * 101)).broken, LimitReached)


def test_a_model_of_too_many_tables_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.formats.tensorflow.tflite._MAX_TABLES", 3)
    assert isinstance(parsed(model(builtin(RELU))).broken, LimitReached)


def test_a_buffer_of_nothing_is_malformed() -> None:
    assert isinstance(parsed(b"\0\0\0\0TFL3").broken, Malformed)
    assert parsed(flatbuffer({})).broken is None


WHOLE = SAMPLES["tflite/flex-write.tflite"]


@given(st.integers(0, len(WHOLE)))
def test_a_model_that_is_cut_anywhere_is_read_as_far_as_it_goes(cut: int) -> None:
    found = parsed(WHOLE[:cut])
    assert found.broken is not None or cut > len(WHOLE) - 8


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_a_model(at: int, byte: int) -> None:
    raw = bytearray(WHOLE)
    raw[at] = byte
    assert len(parsed(bytes(raw)).texts) <= len(WHOLE)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_model(data: bytes) -> None:
    assert parsed(b"\x10\0\0\0TFL3" + data).operators <= len(data)
