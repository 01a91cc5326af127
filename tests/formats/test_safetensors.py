"""The safetensors header: what the library writes, what it refuses, and where readers differ."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, MIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.weights.safetensors import (
    DTYPE_BITS,
    SafetensorsAnomaly,
    SafetensorsHeader,
    parse_safetensors,
)

LIMITS = Limits()


def parse(data: bytes) -> SafetensorsHeader:
    return parse_safetensors(MemorySource(data), LIMITS)


def file_of(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def entry(begin: int, end: int, *, dtype: str = "U8", shape: tuple[int, ...] | None = None) -> Any:
    shown = [end - begin] if shape is None else list(shape)
    return {"dtype": dtype, "shape": shown, "data_offsets": [begin, end]}


def kinds(data: bytes) -> list[SafetensorsAnomaly]:
    return [anomaly.kind for anomaly in parse(data).anomalies]


def is_accepted(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]  # its stub lacks the type
    except safetensors.SafetensorError:
        return False
    return True


@pytest.mark.slow
def test_what_the_library_writes_has_no_anomaly() -> None:
    import numpy as np
    from safetensors.numpy import save

    names = ("bool", "int8", "uint16", "int32", "float16", "float32", "float64", "uint64", "complex64")
    data = save({name: np.zeros((2, 3), dtype=name) for name in names}, {"format": "np"})

    header = parse(data)

    assert [(tensor.name, tensor.shape) for tensor in header.tensors if tensor.name == "int8"] == [
        ("int8", (2, 3))
    ]
    assert len(header.tensors) == len(names)
    assert header.metadata == (("format", "np"),)
    assert header.anomalies == ()
    assert header.end_offset == len(data)


@pytest.mark.parametrize(("dtype", "bits"), DTYPE_BITS.items())
def test_every_dtype_has_the_size_that_the_library_gives_it(dtype: str, bits: int) -> None:
    data = file_of({"t": entry(0, bits, dtype=dtype, shape=(8,))}, bytes(bits))

    assert is_accepted(data)
    assert parse(data).anomalies == ()


def test_a_file_without_tensors_is_well_formed() -> None:
    assert kinds(file_of({})) == []


@pytest.mark.parametrize(
    ("header", "data", "kind"),
    [
        (b'{"a":1,"a":1}', b"", SafetensorsAnomaly.DUPLICATE_KEY),
        (b'{"__metadata__":{"a":"1","\\u0061":"2"}}', b"", SafetensorsAnomaly.DUPLICATE_KEY),
        (b" {}", b"", SafetensorsAnomaly.LEADING_SPACE),
        (b"{}\n\t", b"", SafetensorsAnomaly.PADDING),
        (b"{}\0\0", b"", SafetensorsAnomaly.AFTER_JSON),
        (b"{}{}", b"", SafetensorsAnomaly.AFTER_JSON),
        (b'{"__metadata__":{"a":"\\ud800"}}', b"", SafetensorsAnomaly.LONE_SURROGATE),
        ({"__metadata__": {"a": 1}}, b"", SafetensorsAnomaly.METADATA_NOT_TEXT),
        ({"__metadata__": []}, b"", SafetensorsAnomaly.METADATA_NOT_TEXT),
        ({"a": {**entry(0, 1), "x": 1}}, b"1", SafetensorsAnomaly.UNKNOWN_FIELD),
        ({"a": ["U8", [1], [0, 1]]}, b"1", SafetensorsAnomaly.UNUSUAL_SPELLING),
        ({"a": {**entry(0, 1), "dtype": {"U8": None}}}, b"1", SafetensorsAnomaly.UNUSUAL_SPELLING),
        ({"a": None}, b"", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": {"dtype": "U8", "shape": [1]}}, b"", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": {**entry(0, 1), "shape": [True]}}, b"1", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": {**entry(0, 1), "shape": [1.0]}}, b"1", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": {**entry(0, 1), "shape": [-1]}}, b"1", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": {**entry(0, 1), "data_offsets": [0, 1, 2]}}, b"1", SafetensorsAnomaly.BAD_ENTRY),
        (b'{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}', b"", SafetensorsAnomaly.BAD_ENTRY),
        ({"a": entry(0, 1, dtype="Q4")}, b"1", SafetensorsAnomaly.UNKNOWN_DTYPE),
        ({"a": entry(0, 4, shape=(2**33, 2**33))}, b"1234", SafetensorsAnomaly.OVERFLOW),
        ({"a": entry(0, 4, dtype="F64", shape=(2**61,))}, b"1234", SafetensorsAnomaly.OVERFLOW),
        ({"a": entry(4, 0, shape=(4,))}, b"", SafetensorsAnomaly.REVERSED),
        ({"a": entry(0, 4, dtype="F32", shape=(2,))}, b"1234", SafetensorsAnomaly.SIZE_MISMATCH),
        ({"a": entry(0, 2, dtype="F4", shape=(3,))}, b"12", SafetensorsAnomaly.SIZE_MISMATCH),
        ({"a": entry(1, 2)}, b"12", SafetensorsAnomaly.HOLE),
        ({"a": entry(0, 2), "b": entry(1, 3)}, b"123", SafetensorsAnomaly.OVERLAP),
        ({"a": entry(0, 2), "b": entry(1, 1)}, b"12", SafetensorsAnomaly.OVERLAP),
        ({"a": entry(0, 2)}, b"1", SafetensorsAnomaly.TRUNCATED),
        ({"a": entry(0, 2)}, b"123", SafetensorsAnomaly.TRAILING),
    ],
)
def test_each_broken_rule_is_named(header: object, data: bytes, kind: SafetensorsAnomaly) -> None:
    file = file_of(header, data)

    assert kind in kinds(file)
    assert is_accepted(file) is all(found.is_tolerated for found in kinds(file))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than the 8 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "states a header of"),
        (struct.pack("<Q", 100_000_001) + b"{}", "the format allows"),
        (struct.pack("<Q", 3) + b"{}", "in a file of"),
        (file_of(b""), "begins with"),
        (file_of(b"[]"), "begins with"),
        (file_of(b"\x80\x04."), "not UTF-8"),
        (file_of(b"{'a': 1}"), "not JSON"),
        (file_of(b'{"a": NaN}'), "not JSON"),
        (file_of(b'{"a": 1e999}'), "not JSON"),
        (file_of(b'{"a": ' + b"[" * 100_000), "nested too deeply"),
    ],
)
def test_an_unreadable_header_is_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse(data)


def test_malformed_json_is_located_in_the_file() -> None:
    with pytest.raises(Malformed) as caught:
        parse(file_of('{"ä": oops}'.encode()))

    assert caught.value.offset == 8 + 7


def test_ranges_outside_the_tensors_are_reported() -> None:
    data = file_of({"a": entry(0, 2), "b": entry(6, 8)}, b"aaHOLEbbTAIL")
    start = len(data) - 12

    header = parse(data)

    assert header.unclaimed == ((start + 2, start + 6), (start + 8, start + 12))
    assert header.end_offset == start + 8


def test_the_last_of_two_equal_keys_counts_as_in_the_library() -> None:
    first, last = json.dumps(entry(0, 4)), json.dumps(entry(0, 2))
    data = file_of(f'{{"a":{first},"a":{last}}}'.encode(), b"12")

    assert [tensor.end for tensor in parse(data).tensors] == [2]
    assert is_accepted(data)


def test_a_five_gigabyte_file_costs_two_reads_and_less_than_a_megabyte() -> None:
    step = 5 * GIB // 500
    entries = {
        f"model.layers.{n}.self_attn.q_proj.weight": entry(n * step, (n + 1) * step) for n in range(500)
    }
    head = file_of(entries)
    source = SparseSource(len(head) + 500 * step, {0: head})

    header = parse_safetensors(source, LIMITS)

    assert len(header.tensors) == 500
    assert header.anomalies == ()
    assert len(source.reads) <= 2
    assert source.bytes_read < MIB


def test_a_header_within_the_first_read_costs_one() -> None:
    head = file_of({"a": entry(0, GIB)})
    source = SparseSource(len(head) + GIB, {0: head})

    parse_safetensors(source, LIMITS)

    assert len(source.reads) == 1


def test_a_header_above_the_limit_is_not_read() -> None:
    head = struct.pack("<Q", 50 * MIB) + b"{"
    source = SparseSource(100 * MIB, {0: head})

    with pytest.raises(LimitReached):
        parse_safetensors(source, Limits(header_bytes=MIB))
    assert source.bytes_read < MIB


def test_a_header_of_millions_of_values_reaches_a_limit() -> None:
    with pytest.raises(LimitReached, match="values"):
        parse(file_of(b'{"a":[' + b"[]," * 5_000_000 + b"[]]}"))


def test_truncation_at_every_byte_is_noticed() -> None:
    data = file_of({"weight": entry(0, 4, shape=(2, 2)), "bias": entry(4, 6)}, bytes(6))
    unnoticed = []
    for size in range(len(data)):
        try:
            if SafetensorsAnomaly.TRUNCATED not in kinds(data[:size]):
                unnoticed.append(size)
        except Malformed:
            pass

    assert unnoticed == []
    assert kinds(data) == []


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda raw: file_of(b"{" + raw)))
def test_any_bytes_give_a_header_or_malformed(data: bytes) -> None:
    try:
        header = parse(data)
    except Malformed:
        return
    assert header.data_offset <= len(data)
    assert all(0 <= begin < end <= len(data) for begin, end in header.unclaimed)


_NAMES = st.sampled_from(["a", "b", "c", "__metadata__", "ä", "\ud83d\ude00"])
_NUMBERS = st.sampled_from(
    [0, 0, 1, 1, 2, 3, 4, 8, 16, -1, 2**32, 2**63, 2**64 - 1, 2**64, 1.0, True, None]
)
_DTYPES = st.sampled_from([*DTYPE_BITS, "U8", "U8", "F32", "f32", "", None, {"U8": None}])
_METADATA = st.none() | st.dictionaries(
    st.sampled_from(["a", "b"]), st.sampled_from(["x", "\ud800", "\ud83d\ude00", 1, None])
)
_RAW_ENTRIES = st.fixed_dictionaries(
    {
        "dtype": _DTYPES,
        "shape": st.lists(_NUMBERS, max_size=3) | st.none(),
        "data_offsets": st.lists(_NUMBERS, min_size=2, max_size=2) | st.lists(_NUMBERS, max_size=3),
    },
    optional={"extra": _NUMBERS | st.lists(_NUMBERS, max_size=2)},
)


@st.composite
def _packed_files(draw: st.DrawFn) -> bytes:
    """Tensors one after the other, as a writer lays them out, then a few things go wrong."""
    pairs: list[tuple[str, object]] = []
    end = 0
    for name in draw(st.lists(_NAMES, max_size=4)):
        dtype = draw(st.sampled_from(["U8", "F32", "F4", "F6_E2M3", "BF16"]))
        shape = draw(st.lists(st.integers(0, 4), max_size=2))
        size = DTYPE_BITS[dtype]
        for dim in shape:
            size *= dim
        begin = max(0, end + draw(st.sampled_from([0] * 8 + [1, -1])))
        end = max(0, begin + size // 8 + draw(st.sampled_from([0] * 8 + [1, -1])))
        fields = [("dtype", dtype), ("shape", shape), ("data_offsets", [begin, end])]
        pairs.append((name, dict(fields) if draw(st.integers(0, 9)) else [value for _, value in fields]))
    if draw(st.booleans()):
        pairs.append(("__metadata__", draw(_METADATA)))
    return _spell(draw, draw(st.permutations(pairs)), end)


@st.composite
def _wild_files(draw: st.DrawFn) -> bytes:
    pairs = draw(st.lists(st.tuples(_NAMES, _RAW_ENTRIES | _METADATA), max_size=3))
    return _spell(draw, pairs, draw(st.integers(0, 20)))


def _spell(draw: st.DrawFn, pairs: Sequence[tuple[str, object]], data_size: int) -> bytes:
    ascii_only = draw(st.booleans())
    body = ",".join(
        f"{json.dumps(key, ensure_ascii=ascii_only)}:{json.dumps(value, ensure_ascii=True)}"
        for key, value in pairs
    )
    pad = draw(st.sampled_from(["", "", " ", "  ", "\n", "\0", "x"]))
    lead = draw(st.sampled_from(["", "", "", "", " "]))
    raw = (lead + "{" + body + "}" + pad).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        position = draw(st.integers(0, len(raw) - 1))
        raw = raw[:position] + draw(st.binary(max_size=1)) + raw[position + 1 :]
    extra = draw(st.sampled_from([0] * 6 + [1, -1]))
    return file_of(raw, bytes(max(0, data_size + extra)))


@settings(max_examples=600, deadline=None)
@given(_packed_files() | _wild_files())
@example(file_of(b'{"__metadata__":null}'))
@example(file_of(b'{"a":{"dtype":"U8","shape":[0,18446744073709551615,2],"data_offsets":[0,0]}}'))
@example(file_of(b'{"a":{"dtype":"U8","shape":[18446744073709551615,2,0],"data_offsets":[0,0]}}'))
@example(file_of({"a": entry(0, 0), "b": entry(0, 1), "c": entry(1, 1), "d": entry(0, 0)}, b"1"))
def test_the_library_accepts_a_file_when_we_see_nothing_and_we_tolerate_what_it_accepts(
    data: bytes,
) -> None:
    accepted = is_accepted(data)
    try:
        found = kinds(data)
    except Malformed:
        assert not accepted
        return
    assert accepted or found
    assert not accepted or all(kind.is_tolerated for kind in found)
