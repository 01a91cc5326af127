"""Readings that differ from the straight one: frames, joblib's raw arrays, torch storages."""

from __future__ import annotations

import struct

import pytest
from samples.recipes.assembler import (
    BINPERSID,
    EMPTY_TUPLE,
    NONE,
    PAYLOAD,
    POP,
    REDUCE,
    STOP,
    build,
    call,
    data,
    dict_of,
    frame,
    global_line,
    integer,
    list_of,
    name,
    new,
    proto,
    stream,
    text,
    tuple_of,
)
from samples.recipes.pickle_containers import CONTAINERS
from samples.recipes.pickle_streams import STRUCTURES

from weighbridge.formats.pickle.frames import flatten
from weighbridge.formats.pickle.joblib_arrays import BuildIndex, raw_array
from weighbridge.formats.pickle.reader import Gap, read_one, read_pickles
from weighbridge.formats.pickle.trace import Halt, Reading, Stream
from weighbridge.formats.weights.torch_storages import Storage, legacy_storages, storage_at, storages

EVENTS = 10_000


def run(raw: bytes) -> Stream:
    return read_one(raw, 0, max_events=EVENTS)


def readings(raw: bytes) -> list[Stream]:
    return [item for item in read_pickles(raw, max_events=EVENTS) if isinstance(item, Stream)]


# Frames.


def test_flattening_a_well_formed_pickle_only_leaves_out_the_frames() -> None:
    raw = proto(4) + frame(text("a") + POP) + frame(NONE + STOP)
    flat = flatten(raw, 0, len(raw), bytes_straddle=True)
    assert (flat.data, flat.lost_bytes, flat.resume) == (
        proto(4) + text("a") + POP + NONE + STOP,
        0,
        len(raw),
    )


def test_an_argument_that_straddles_loses_the_rest_of_its_frame() -> None:
    kept = b"X" + struct.pack("<I", 4) + b"kept" + STOP
    raw = proto(4) + frame(kept[:5] + b"lo") + kept[5:]
    flat = flatten(raw, 0, len(raw), bytes_straddle=True)
    assert (flat.data, flat.lost_bytes) == (proto(4) + kept, 2)


def test_bytes_straddle_without_a_loss_since_python_3_8() -> None:
    raw = proto(4) + frame(b"B" + struct.pack("<I", 8) + b"both") + b"ends" + STOP
    new_way = flatten(raw, 0, len(raw), bytes_straddle=True)
    old_way = flatten(raw + b"pad.", 0, len(raw) + 4, bytes_straddle=False)
    assert (new_way.lost_bytes, new_way.data[-9:]) == (0, b"bothends.")
    assert (old_way.lost_bytes, old_way.data[-9:]) == (4, b"ends.pad.")


def test_offsets_of_a_flattened_stream_lead_back_to_the_file() -> None:
    raw = proto(4) + frame(b"X" + struct.pack("<I", 4) + b"lo") + b"kept" + STOP
    flat = flatten(raw, 0, len(raw), bytes_straddle=True)
    places = [flat.origin(offset) for offset in range(len(flat.data))]
    assert bytes(raw[place] for place in places) == flat.data


@pytest.mark.parametrize("stated", [2**63, 2**64 - 1, 10**6])
def test_a_frame_of_impossible_length_ends_the_reading(stated: int) -> None:
    raw = proto(4) + b"\x95" + struct.pack("<Q", stated) + NONE + STOP
    assert flatten(raw, 0, len(raw), bytes_straddle=True).data == proto(4)


def test_both_programs_of_a_straddled_frame_are_read() -> None:
    found = readings(STRUCTURES["pko-09-frame-straddled"](PAYLOAD))
    names = {(stream.reading, found.name) for stream in found for found in stream.imports()}
    assert (Reading.FILE, "system") in names
    assert Reading.ANY not in {reading for reading, _ in names}


# joblib.


def _wrapped(dtype: bytes, shape: bytes, *extra: tuple[str, bytes]) -> bytes:
    state = dict_of(("dtype", dtype), ("shape", shape), *extra)
    return build(new(name("joblib.numpy_pickle", "NumpyArrayWrapper")), state)


def _dtype(code: str) -> bytes:
    return call(name("numpy", "dtype"), text(code), b"\x89", b"\x88")


@pytest.mark.parametrize(
    ("code", "shape", "length"),
    [
        ("f8", (3,), 24),
        ("<i4", (2, 2), 16),
        ("U5", (2,), 40),
        ("S3", (4,), 12),
        ("?", (), 1),
        ("b", (0, 9), 0),
    ],
)
def test_the_bytes_of_an_array_are_its_shape_times_its_items(
    code: str, shape: tuple[int, ...], length: int
) -> None:
    raw = stream(_wrapped(_dtype(code), tuple_of(*map(integer, shape))))
    found = run(raw[:-1] + bytes(length) + STOP)
    assert (found.halt, found.skips) == (Halt.STOP, ((len(raw) - 1, len(raw) - 1 + length),))


def test_alignment_puts_a_counted_padding_in_front() -> None:
    alignment = ("numpy_array_alignment_bytes", integer(16))
    wrapped = stream(_wrapped(_dtype("f4"), tuple_of(integer(2)), alignment))[:-1]
    found = run(wrapped + b"\x03pad" + b"\xff" * 8 + STOP)
    assert (found.halt, found.skips) == (Halt.STOP, ((len(wrapped), len(wrapped) + 12),))


def test_opcodes_behind_an_array_are_read() -> None:
    raw = CONTAINERS["pkc-10-after-array.joblib"](PAYLOAD)
    assert ("posix", "system") in {(found.module, found.name) for found in run(raw).imports()}


def test_an_array_of_objects_is_a_pickle_of_its_own() -> None:
    found = readings(CONTAINERS["pkc-10-array-of-objects.joblib"](PAYLOAD))
    straight = [stream for stream in found if stream.reading is Reading.ANY]
    assert [len(list(stream.calls())) for stream in straight] == [2, 1]


def test_an_array_longer_than_the_file_is_a_cut_file() -> None:
    raw = stream(_wrapped(_dtype("f8"), tuple_of(integer(2**31 - 1))))
    assert run(raw).halt is Halt.TRUNCATED


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (_dtype("f8"), tuple_of(integer(-1))),
        (_dtype("f8"), tuple_of(integer(2**40), integer(2**40))),
        (_dtype("X9"), tuple_of(integer(1))),
        (_dtype("f8"), integer(3)),
        (text("f8"), tuple_of(integer(3))),
    ],
    ids=["negative", "overflow", "letter", "no-tuple", "no-dtype"],
)
def test_a_size_that_is_not_provable_is_no_array(dtype: bytes, shape: bytes) -> None:
    assert run(stream(_wrapped(dtype, shape))).skips == ()


def test_a_wrapper_of_another_module_is_no_array() -> None:
    state = dict_of(("dtype", _dtype("f8")), ("shape", tuple_of(integer(1))))
    found = run(stream(build(new(name("elsewhere", "NumpyArrayWrapper")), state)))
    found.record_all()
    assert raw_array(found, found.stop - 1, BuildIndex()) is None


def test_pickle_load_on_a_joblib_file_reads_the_array_as_opcodes() -> None:
    hidden = PAYLOAD.call + STOP
    shape = tuple_of(integer(len(hidden)))
    found = readings(stream(_wrapped(_dtype("b"), shape))[:-1] + hidden + STOP)
    names = {(stream.reading, found.name) for stream in found for found in stream.imports()}
    assert (Reading.PLAIN, "system") in names


# torch.


def _storage_id(key: bytes, kind: bytes, elements: bytes, *more: bytes) -> bytes:
    return tuple_of(text("storage"), kind, key, text("cpu"), elements, *more) + BINPERSID


FLOATS = global_line("torch", "FloatStorage")


@pytest.mark.parametrize(
    ("kind", "size"),
    [("FloatStorage", 12), ("DoubleStorage", 24), ("BoolStorage", 3), ("BFloat16Storage", 6)],
)
def test_a_storage_knows_its_key_and_its_size(kind: str, size: int) -> None:
    pid = _storage_id(text("k"), global_line("torch", kind), integer(3))
    assert list(storages(run(stream(pid, protocol=2)))) == [Storage("k", size)]


@pytest.mark.parametrize(
    "pid",
    [
        _storage_id(text("k"), FLOATS, integer(-1)),
        _storage_id(text("k"), FLOATS, text("3")),
        _storage_id(b"N", FLOATS, integer(3)),
        _storage_id(text("k"), global_line("posix", "FloatStorage"), integer(3)),
        _storage_id(text("k"), global_line("torch", "MyStorage"), integer(3)),
        _storage_id(text("k"), call(FLOATS), integer(3)),
        tuple_of(text("storage")) + BINPERSID,
        text("storage") + BINPERSID,
        b"Pstorage\n",
    ],
    ids=["negative", "text", "key", "module", "name", "called", "short", "no-tuple", "line"],
)
def test_anything_else_is_no_storage(pid: bytes) -> None:
    found = run(stream(pid, protocol=2))
    found.record_all()
    (persistent,) = found.persistent_ids()
    assert storage_at(found, persistent) is None


def _legacy(*parts: bytes) -> list[Stream]:
    return readings(b"".join(stream(part, protocol=2) for part in parts))


MAGIC = integer(0x1950A86A20F9469CFC6C)
SYSTEM = dict_of(("little_endian", b"\x88"))
STATE = dict_of(("w", _storage_id(text("0"), FLOATS, integer(2), NONE)))


def test_a_legacy_file_states_its_storages_in_the_order_of_its_keys() -> None:
    both = STATE + POP + _storage_id(text("1"), FLOATS, integer(1), NONE)
    found = legacy_storages(_legacy(MAGIC, integer(1001), SYSTEM, both, list_of(text("1"), text("0"))))
    assert found == [Storage("1", 4), Storage("0", 8)]


@pytest.mark.parametrize(
    "parts",
    [
        (integer(1), integer(1001), SYSTEM, STATE, list_of(text("0"))),
        (call(name("builtins", "int")), integer(1001), SYSTEM, STATE, list_of(text("0"))),
        (MAGIC, integer(1001), SYSTEM, STATE, list_of(text("9"))),
        (MAGIC, integer(1001), SYSTEM, STATE, list_of(integer(0))),
        (MAGIC, integer(1001), SYSTEM, STATE),
    ],
    ids=["magic", "computed-magic", "unknown-key", "number-key", "four"],
)
def test_what_is_not_provably_legacy_states_no_storages(parts: tuple[bytes, ...]) -> None:
    assert legacy_storages(_legacy(*parts)) is None


def test_gaps_say_whether_they_were_searched() -> None:
    found = list(read_pickles(stream(NONE) + b"\xff" * 10, max_events=EVENTS))
    assert found[1:] == [Gap(4, 14, searched=True)]


def test_a_pickle_that_only_looks_like_one_is_not_taken_from_a_gap() -> None:
    prose = b"\xff(this is prose)\ncertainly no opcodes\n" * 5
    found = readings(
        stream(data(b"x")) + prose + global_line("a b", "c d") + EMPTY_TUPLE + REDUCE + STOP
    )
    assert len(found) == 1
