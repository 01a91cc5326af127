"""The formats before GGUF: each layout to its end, and numbers that no loader may believe."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.gguf_family import ggml, samples, tensor

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, Budget, Limits
from weighbridge.errors import Malformed
from weighbridge.formats.weights.ggml import GgmlFile, is_ggml, parse_ggml
from weighbridge.formats.weights.gguf_layout import GgufAnomaly

FILES = {name: data for name, data in samples() if name.endswith(".bin")}


def parse(data: bytes) -> GgmlFile:
    return parse_ggml(MemorySource(data), Budget(Limits()))


def kinds(data: bytes) -> list[GgufAnomaly]:
    return [one.kind for one in parse(data).anomalies]


@pytest.mark.parametrize(
    ("name", "kind", "layout"),
    [
        ("llama", "ggml", "llama.cpp"),
        ("whisper", "ggml", "whisper.cpp"),
        ("ggmf", "ggmf", "llama.cpp with scores"),
        ("ggjt", "ggjt", "llama.cpp with scores"),
        ("lora", "ggla", "adapter"),
    ],
)
def test_each_layout_is_read_to_its_end(name: str, kind: str, layout: str) -> None:
    data = FILES[f"gguf_family/{name}.twin.bin"]
    file = parse(data)
    assert is_ggml(data, len(data))
    assert (file.kind, file.layout, file.tensors, file.anomalies) == (kind, layout, 1, ())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (ggml(b"fmgg", words=2**31), GgufAnomaly.ABSURD_COUNT),
        (ggml(b"fmgg") + struct.pack("<III", 5, 1, 0) + bytes(40), GgufAnomaly.TOO_MANY_DIMS),
        (ggml(b"fmgg") + struct.pack("<III", 1, 2**31, 0) + bytes(40), GgufAnomaly.ABSURD_LENGTH),
        (ggml(b"fmgg", tensor([2**32 - 1] * 3, b"")), GgufAnomaly.SIZE_OVERFLOW),
        (ggml(b"fmgg", tensor([4], bytes(16), kind=5_000)), GgufAnomaly.ABSURD_TENSOR_TYPE),
        (ggml(b"fmgg", tensor([2**31, 2**20], b"")), GgufAnomaly.OFFSET_OUTSIDE),
        (ggml(b"fmgg", tensor([4], bytes(15))), GgufAnomaly.TRUNCATED),
    ],
)
def test_numbers_that_can_not_be_true_are_seen(data: bytes, kind: GgufAnomaly) -> None:
    assert kinds(data) == [kind]


def test_a_layout_that_nobody_knows_is_left_alone() -> None:
    file = parse(FILES["gguf_family/another.twin.bin"])
    assert (file.layout, file.anomalies) == (None, ())


def test_ten_gigabytes_of_tensors_are_not_read() -> None:
    head = ggml(b"fmgg", tensor([10 * GIB // 4 // 1024, 1024], b""))
    source = SparseSource(len(head) + 10 * GIB, {0: head})
    assert parse_ggml(source, Budget(Limits())).anomalies == ()
    assert source.bytes_read == 16_388


@pytest.mark.parametrize("data", [b"", b"lmg", b"GGUF" + bytes(20)])
def test_another_magic_is_malformed(data: bytes) -> None:
    assert not is_ggml(data, len(data))
    with pytest.raises(Malformed):
        parse(data)


@pytest.mark.parametrize(
    "data", [b"tjgg with words behind it", b"tjgg\0\0\0\0" + bytes(20), b"tjgg\1\0\0\0"]
)
def test_the_magic_alone_is_not_enough(data: bytes) -> None:
    assert not is_ggml(data, len(data))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 120), st.binary(max_size=8))
def test_any_change_gives_a_value_or_malformed(name: str, at: int, change: bytes) -> None:
    data = FILES[name]
    assert _survives(data[:at] + change + data[at + len(change) :])


def _survives(data: bytes) -> bool:
    try:
        parse(data)
    except Malformed:
        return True
    return True
