"""GGUF headers: those of the real writer in a few reads, those of attackers to the last number."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, MIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.weights.gguf import GgufArray, GgufHeader, ValueType, parse_gguf
from weighbridge.formats.weights.gguf_layout import GGML_BLOCKS, GgufAnomaly

LIMITS = Limits()
BROKEN_OFF = {GgufAnomaly.TRUNCATED, GgufAnomaly.ABSURD_LENGTH, GgufAnomaly.ABSURD_COUNT}


class Builder:
    """Spells GGUF by hand, as version and byte order ask for it."""

    def __init__(self, *, version: int = 3, mark: str = "<") -> None:
        self.version = version
        self.mark = mark
        self.word = "I" if version == 1 else "Q"

    def pack(self, form: str, *values: int | float) -> bytes:
        return struct.pack(self.mark + form, *values)

    def string(self, text: str | bytes) -> bytes:
        raw = text.encode() if isinstance(text, str) else text
        return self.pack(self.word, len(raw)) + raw

    def pair(self, key: str | bytes, kind: int, value: bytes) -> bytes:
        return self.string(key) + self.pack("I", kind) + value

    def array(self, kind: int, count: int, elements: bytes) -> bytes:
        return self.pack("I", kind) + self.pack(self.word, count) + elements

    def strings(self, texts: list[str]) -> bytes:
        return self.array(ValueType.STRING, len(texts), b"".join(map(self.string, texts)))

    def tensor(self, name: str, dims: list[int], kind: int, offset: int) -> bytes:
        form = f"I{len(dims)}{self.word}IQ"
        return self.string(name) + self.pack(form, len(dims), *dims, kind, offset)

    def file(
        self,
        pairs: list[bytes] | None = None,
        tensors: list[bytes] | None = None,
        data: bytes = b"",
        *,
        alignment: int = 32,
    ) -> bytes:
        pairs, tensors = pairs or [], tensors or []
        counts = self.pack(2 * self.word, len(tensors), len(pairs))
        head = b"GGUF" + self.pack("I", self.version) + counts + b"".join(pairs) + b"".join(tensors)
        return head + bytes(-len(head) % alignment) + data


V3 = Builder()


def parse(data: bytes) -> GgufHeader:
    return parse_gguf(MemorySource(data), LIMITS)


def kinds(data: bytes) -> list[GgufAnomaly]:
    return [anomaly.kind for anomaly in parse(data).anomalies]


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def vocabulary(scores: bytes, kind: int = ValueType.FLOAT32) -> list[bytes]:
    tokens = V3.pair("tokenizer.ggml.tokens", ValueType.ARRAY, V3.strings(["a", "b", "c"]))
    size = {ValueType.FLOAT32: 4, ValueType.UINT8: 1}[ValueType(kind)]
    array = V3.array(kind, len(scores) // size, scores)
    return [tokens, V3.pair("tokenizer.ggml.scores", ValueType.ARRAY, array)]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["little", "big"])
def test_what_the_real_writer_writes_has_no_anomaly(tmp_path: Path, order: str) -> None:
    import gguf
    import numpy as np

    path = tmp_path / "model.gguf"
    endian = gguf.GGUFEndian.LITTLE if order == "little" else gguf.GGUFEndian.BIG
    writer = gguf.GGUFWriter(path, "llama", endianess=endian)
    writer.add_chat_template("{{ messages[0]['content'] }}")
    writer.add_token_list([f"token {n}" for n in range(300)])
    writer.add_token_scores([0.0] * 300)
    writer.add_token_types([1] * 300)
    writer.add_array("general.tags", ["text", "ünïcode"])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    writer.add_float64("weighbridge.double", 0.5)
    writer.add_tensor("a.weight", np.ones((3, 5), dtype=np.float32))
    writer.add_tensor("b.weight", np.ones((7,), dtype=np.float16))
    writer.add_tensor(
        "q.weight", np.zeros((2, 68), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    header = parse(path.read_bytes())

    assert header.anomalies == ()
    assert header.byte_order == order
    assert header.unclaimed == ()
    assert header.get("general.architecture") == "llama"
    assert header.get("tokenizer.chat_template") == "{{ messages[0]['content'] }}"
    assert header.get("tokenizer.ggml.tokens") == GgufArray(ValueType.STRING, 300)
    assert header.get("general.tags") == GgufArray(ValueType.STRING, 2, ("text", "ünïcode"))
    assert header.get("weighbridge.double") == 0.5
    assert [(tensor.name, tensor.dims, tensor.size_bytes) for tensor in header.tensors] == [
        ("a.weight", (5, 3), 60),
        ("b.weight", (7,), 14),
        ("q.weight", (64, 2), 136),
    ]


@pytest.mark.slow
def test_the_block_table_agrees_with_the_real_writer() -> None:
    import gguf

    theirs = {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}

    assert {kind: GGML_BLOCKS[kind] for kind in theirs if kind in GGML_BLOCKS} == {
        kind: sizes for kind, sizes in theirs.items() if kind != gguf.GGMLQuantizationType.Q8_1
    }


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("mark", ["<", ">"])
def test_every_version_and_byte_order_is_read(version: int, mark: str) -> None:
    spell = Builder(version=version, mark=mark)
    pairs = [
        spell.pair("general.name", ValueType.STRING, spell.string("tiny")),
        spell.pair("tags", ValueType.ARRAY, spell.strings(["a", "b"])),
        spell.pair("n", ValueType.INT64, spell.pack("q", -5)),
    ]
    data = spell.file(pairs, [spell.tensor("w", [8], 0, 0)], bytes(32))

    header = parse(data)

    assert (header.version, header.byte_order) == (version, "little" if mark == "<" else "big")
    assert [entry.value for entry in header.metadata] == [
        "tiny",
        GgufArray(ValueType.STRING, 2, ("a", "b")),
        -5,
    ]
    assert header.anomalies == ()
    assert header.end_offset == len(data)


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGML" + bytes(20), b"GGUF" + u32(0), b"GGUF" + u32(4)])
def test_what_is_no_known_gguf_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63 - 1), GgufAnomaly.ABSURD_COUNT),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), GgufAnomaly.ABSURD_COUNT),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**64 - 1), GgufAnomaly.ABSURD_LENGTH),
        (V3.file([V3.pair("k", 8, struct.pack("<Q", 2**62))]), GgufAnomaly.ABSURD_LENGTH),
        (V3.file([V3.pair("k", 9, V3.array(4, 2**62, b""))]), GgufAnomaly.ABSURD_LENGTH),
        (V3.file([V3.pair("k", 9, V3.array(8, 2**61, b""))]), GgufAnomaly.ABSURD_LENGTH),
        (V3.file([V3.pair("k", 13, b"")]), GgufAnomaly.UNKNOWN_VALUE_TYPE),
        (V3.file([V3.pair("k", 9, V3.array(2**32 - 1, 1, b""))]), GgufAnomaly.UNKNOWN_VALUE_TYPE),
        (V3.file([V3.pair("k", 9, V3.array(9, 1, V3.array(0, 1, b"x")))]), GgufAnomaly.NESTED_ARRAY),
        (V3.file([V3.pair("general.alignment", 4, u32(0))]), GgufAnomaly.BAD_ALIGNMENT),
        (V3.file([V3.pair("general.alignment", 4, u32(48))]), GgufAnomaly.BAD_ALIGNMENT),
        (V3.file([V3.pair("general.alignment", 5, u32(32))]), GgufAnomaly.BAD_ALIGNMENT),
        (V3.file([V3.pair("", 4, u32(0))]), GgufAnomaly.EMPTY_KEY),
        (V3.file([V3.pair("k", 4, u32(0)), V3.pair("k", 4, u32(1))]), GgufAnomaly.DUPLICATE_KEY),
        (V3.file([V3.pair("k", 8, V3.string(b"\xff"))]), GgufAnomaly.INVALID_UTF8),
        (V3.file(vocabulary(bytes(8))), GgufAnomaly.VOCABULARY_SHORT),
        (V3.file(vocabulary(bytes(3), ValueType.UINT8)), GgufAnomaly.VOCABULARY_SHORT),
        (V3.file(vocabulary(bytes(16))), GgufAnomaly.VOCABULARY_LONG),
        (V3.file(tensors=[V3.tensor("t", [1] * 5, 0, 0)], data=bytes(32)), GgufAnomaly.MANY_DIMS),
        (V3.file(tensors=[V3.tensor("t", [1] * 9, 0, 0)], data=bytes(32)), GgufAnomaly.TOO_MANY_DIMS),
        (V3.file(tensors=[V3.string("t") + u32(2**32 - 1)]), GgufAnomaly.TOO_MANY_DIMS),
        (V3.file(tensors=[V3.tensor("t", [2**32, 2**32], 0, 0)]), GgufAnomaly.SIZE_OVERFLOW),
        (V3.file(tensors=[V3.tensor("t", [2**62], 0, 0)]), GgufAnomaly.SIZE_OVERFLOW),
        (V3.file(tensors=[V3.tensor("t", [1], 5000, 0)]), GgufAnomaly.ABSURD_TENSOR_TYPE),
        (V3.file(tensors=[V3.tensor("t", [1], 137, 0)]), GgufAnomaly.UNKNOWN_TENSOR_TYPE),
        (V3.file(tensors=[V3.tensor("t", [33], 2, 0)], data=bytes(64)), GgufAnomaly.BROKEN_ROW),
        (V3.file(tensors=[V3.tensor("t", [8], 0, 2**64 - 32)]), GgufAnomaly.OFFSET_OUTSIDE),
        (V3.file(tensors=[V3.tensor("t", [8], 0, 4096)]), GgufAnomaly.OFFSET_OUTSIDE),
        (V3.file(tensors=[V3.tensor("t", [2**45], 0, 0)]), GgufAnomaly.OFFSET_OUTSIDE),
        (
            V3.file(tensors=[V3.tensor("a", [3], 0, 0), V3.tensor("b", [8], 0, 28)], data=bytes(64)),
            GgufAnomaly.UNALIGNED,
        ),
        (
            V3.file(tensors=[V3.tensor("a", [16], 0, 0), V3.tensor("b", [8], 0, 32)], data=bytes(64)),
            GgufAnomaly.OVERLAP,
        ),
        (V3.file(tensors=[V3.tensor("t", [8], 0, 64)], data=bytes(96)), GgufAnomaly.GAP),
        (
            V3.file(tensors=[V3.tensor("t", [8], 0, 0), V3.tensor("t", [8], 0, 32)], data=bytes(64)),
            GgufAnomaly.DUPLICATE_TENSOR,
        ),
        (V3.file(tensors=[V3.tensor("t", [8], 0, 0)], data=bytes(31)), GgufAnomaly.TRUNCATED),
        (V3.file(tensors=[V3.tensor("t", [8], 0, 0)], data=bytes(32) + b"tail"), GgufAnomaly.TRAILING),
    ],
    ids=lambda value: value.value if isinstance(value, GgufAnomaly) else "",
)
def test_each_fault_is_named(data: bytes, kind: GgufAnomaly) -> None:
    assert kinds(data) == [kind]


def test_arrays_that_nest_without_end_are_not_followed() -> None:
    nested = V3.pack("IQ", ValueType.ARRAY, 1) * 1_000

    found = kinds(V3.file([V3.pair("k", ValueType.ARRAY, nested)]))

    assert found == [GgufAnomaly.NESTED_ARRAY, GgufAnomaly.DEEP_ARRAY]


def test_metadata_before_a_fault_stays() -> None:
    data = V3.file([V3.pair("general.name", 8, V3.string("kept")), V3.pair("k", 99, b"")])

    header = parse(data)

    assert header.get("general.name") == "kept"
    assert header.data_offset is None


def test_a_tensor_of_five_dimensions_is_placed_like_any_other() -> None:
    data = V3.file(tensors=[V3.tensor("conv3d", [2, 2, 1, 4, 2], 0, 0)], data=bytes(128))

    header = parse(data)

    assert header.tensors[0].size_bytes == 128
    assert header.unclaimed == ()


def test_padding_after_the_last_tensor_is_not_trailing() -> None:
    tensors = [V3.tensor("t", [3], 0, 0)]

    assert kinds(V3.file(tensors=tensors, data=bytes(12))) == []
    assert kinds(V3.file(tensors=tensors, data=bytes(32))) == []
    assert kinds(V3.file(tensors=tensors, data=bytes(4096))) == []


def test_what_trails_a_writer_without_padding_is_found_at_its_first_byte() -> None:
    data = V3.file(tensors=[V3.tensor("t", [3], 0, 0)], data=bytes(12) + b"\x7fELF" + bytes(60))

    assert parse(data).unclaimed == ((len(data) - 64, len(data)),)


def test_gap_and_tail_are_unclaimed() -> None:
    tensors = [V3.tensor("a", [8], 0, 0), V3.tensor("b", [8], 0, 96)]
    data = V3.file(tensors=tensors, data=bytes(32) + b"G" * 64 + bytes(32) + b"T" * 10)
    start = len(data) - 138

    assert parse(data).unclaimed == ((start + 32, start + 96), (start + 128, start + 138))


def test_an_alignment_of_a_gigabyte_hides_nothing() -> None:
    pairs = [V3.pair("general.alignment", 4, u32(2**20))]
    tensors = [V3.tensor("a", [8], 0, 0), V3.tensor("b", [8], 0, 2**20)]
    data = V3.file(pairs, tensors, bytes(2**20) + bytes(32), alignment=2**20)

    assert kinds(data) == [GgufAnomaly.GAP]


def test_a_tensor_type_that_is_not_known_leaves_the_end_open() -> None:
    tensors = [V3.tensor("a", [32], 137, 0), V3.tensor("b", [8], 0, 64)]
    header = parse(V3.file(tensors=tensors, data=bytes(96) + b"unknown"))

    assert [anomaly.kind for anomaly in header.anomalies] == [GgufAnomaly.UNKNOWN_TENSOR_TYPE]
    assert header.end_offset is None


def test_a_vocabulary_of_32000_tokens_costs_four_reads_and_less_than_a_megabyte() -> None:
    tokens = V3.strings([f"token{n:06}" for n in range(32_000)])
    numbers = V3.array(ValueType.FLOAT32, 32_000, bytes(128_000))
    pairs = [
        V3.pair("tokenizer.ggml.tokens", ValueType.ARRAY, tokens),
        V3.pair("tokenizer.ggml.scores", ValueType.ARRAY, numbers),
        V3.pair("tokenizer.ggml.token_type", ValueType.ARRAY, numbers),
        V3.pair("tokenizer.chat_template", ValueType.STRING, V3.string("{{ x }}")),
    ]
    head = V3.file(pairs, [V3.tensor("w", [GIB // 4], 0, 0)])
    source = SparseSource(len(head) + GIB, {0: head})

    header = parse_gguf(source, LIMITS)

    assert header.anomalies == ()
    assert header.get("tokenizer.chat_template") == "{{ x }}"
    assert source.bytes_read < MIB
    assert len(source.reads) <= 4


def test_a_large_array_of_numbers_is_stepped_over() -> None:
    array = V3.array(ValueType.UINT8, 200 * MIB, b"")
    first = V3.string("blob") + u32(ValueType.ARRAY) + array
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + first
    rest = V3.pair("after", ValueType.BOOL, b"\1")
    source = SparseSource(len(head) + 200 * MIB + len(rest), {0: head, len(head) + 200 * MIB: rest})

    header = parse_gguf(source, LIMITS)

    assert header.get("after") is True
    assert header.anomalies == ()
    assert source.bytes_read < MIB


def test_an_endless_list_of_strings_reaches_a_limit() -> None:
    count = 10 * MIB
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + V3.string("k") + u32(9) + V3.array(8, count, b"")
    source = SparseSource(len(head) + 8 * count, {0: head})

    with pytest.raises(LimitReached, match="header"):
        parse_gguf(source, Limits(header_bytes=MIB))
    assert source.bytes_read <= 2 * MIB


def test_a_list_of_strings_longer_than_a_window_is_walked_to_its_end() -> None:
    strings = ["x" * n for n in (70_000, 5, 300_000, 0)] * 100
    pairs = [V3.pair("long", 9, V3.strings(strings)), V3.pair("after", 4, u32(7))]

    header = parse(V3.file(pairs))

    assert header.get("after") == 7
    assert header.anomalies == ()


def test_a_string_above_a_mebibyte_is_cut_and_says_so() -> None:
    text = "ä" * MIB
    header = parse(V3.file([V3.pair("template", 8, V3.string(text)), V3.pair("after", 4, u32(7))]))

    entry = header.metadata[0]
    assert entry.is_cut
    assert (entry.offset, entry.length) == (24 + 16 + 4 + 8, 2 * MIB)
    assert isinstance(entry.value, str)
    assert len(entry.value.encode()) <= MIB
    assert header.get("after") == 7
    assert header.anomalies == ()


def test_more_pairs_than_the_limit_allows_are_refused() -> None:
    pairs = [V3.pair(f"key{n}", 0, b"\0") for n in range(20)]

    with pytest.raises(LimitReached, match="pairs"):
        parse_gguf(MemorySource(V3.file(pairs)), Limits(entries=10))


SMALL = V3.file(
    [
        V3.pair("general.name", 8, V3.string("tiny")),
        V3.pair("tokenizer.ggml.tokens", 9, V3.strings([f"t{n}" for n in range(300)])),
        V3.pair("numbers", 9, V3.array(6, 3, bytes(12))),
    ],
    [V3.tensor("a", [8], 0, 0), V3.tensor("b", [32], 2, 32)],
    bytes(50),
)


def test_truncation_at_every_byte_is_noticed_and_never_called_an_attack() -> None:
    assert kinds(SMALL) == []
    found = {size: kinds(SMALL[:size]) for size in range(8, len(SMALL))}

    assert [size for size, names in found.items() if names != [GgufAnomaly.TRUNCATED]] == []


@given(st.binary(max_size=120).map(lambda tail: b"GGUF" + tail))
def test_any_bytes_give_a_header_or_malformed(data: bytes) -> None:
    try:
        header = parse(data)
    except (Malformed, LimitReached):
        return
    assert all(0 <= begin < end <= len(data) for begin, end in header.unclaimed)


@given(st.integers(8, len(SMALL) - 1), st.binary(min_size=1, max_size=9))
def test_any_change_of_a_header_gives_a_header_or_a_limit(position: int, patch: bytes) -> None:
    data = SMALL[:position] + patch + SMALL[position + len(patch) :]
    try:
        header = parse(data)
    except LimitReached:
        return
    assert header.data_offset is not None or header.anomalies
    assert all(0 <= begin < end <= len(data) for begin, end in header.unclaimed)


def test_a_window_of_64_kib_is_enough_for_a_small_file() -> None:
    source = SparseSource(len(SMALL), {0: SMALL})

    parse_gguf(source, LIMITS)

    assert source.reads == [(0, min(64 * KIB, len(SMALL)))]
