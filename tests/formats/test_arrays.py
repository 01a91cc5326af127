"""MessagePack, MLIR bytecode, MATLAB and BSON: what is read, and that any bytes have an answer."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.arrays import samples

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.graphs.mlir_bytecode import parse_mlir
from weighbridge.formats.languages.bson import read_bson
from weighbridge.formats.languages.matlab import MatlabClass, read_matlab
from weighbridge.formats.weights.msgpack import Kind, MsgpackReader

SAMPLES = dict(samples())


def _msgpack(source: ByteSource) -> Iterator[object]:
    return MsgpackReader(source).values()


def _matlab(source: ByteSource) -> Iterator[object]:
    return read_matlab(source, Budget(Limits()))


def _mlir(source: ByteSource) -> Iterator[object]:
    yield parse_mlir(source)


READERS: dict[str, Callable[[ByteSource], Iterator[object]]] = {
    "arrays/flax.twin.msgpack": _msgpack,
    "arrays/handle-system.mat": _matlab,
    "arrays/stablehlo-callback.mlirbc": _mlir,
    "arrays/run.bson": read_bson,
}


def _ends(name: str, data: bytes) -> bool:
    """True when reading ends with values, or with an error that a parser may raise."""
    try:
        for _ in READERS[name](MemorySource(data)):
            pass
    except (Malformed, LimitReached):
        pass
    return True


@pytest.mark.parametrize("name", READERS)
def test_every_prefix_gives_values_or_malformed(name: str) -> None:
    data = SAMPLES[name]
    assert all(_ends(name, data[:length]) for length in range(len(data)))


@pytest.mark.parametrize("name", READERS)
@given(tail=st.binary(max_size=200), keep=st.integers(0, 140))
def test_any_bytes_give_values_or_malformed(name: str, tail: bytes, keep: int) -> None:
    assert _ends(name, SAMPLES[name][:keep] + tail)


def test_an_array_of_messagepack_is_stepped_over() -> None:
    values = list(MsgpackReader(MemorySource(SAMPLES["arrays/flax.twin.msgpack"])).values())
    arrays = [value for value in values if value.kind is Kind.EXTENSION]
    assert [value.path for value in arrays] == [
        ("params", "dense", "kernel"),
        ("params", "dense", "bias"),
    ]


def test_the_header_of_an_array_says_what_its_data_must_be() -> None:
    reader = MsgpackReader(MemorySource(SAMPLES["arrays/flax.twin.msgpack"]))
    kernel = next(value for value in reader.values() if value.kind is Kind.EXTENSION)
    header = reader.array_header(kernel)
    assert (header.shape, header.dtype, header.stated, header.needed) == ((2, 4), "float32", 32, 32)


def test_a_map_of_more_elements_than_bytes_is_malformed() -> None:
    with pytest.raises(Malformed, match="elements"):
        list(MsgpackReader(MemorySource(b"\xdf\xff\xff\xff\xff")).values())


def test_messagepack_that_nests_without_end_is_limited() -> None:
    with pytest.raises(LimitReached):
        list(MsgpackReader(MemorySource(b"\x91" * 10_000)).values())


def test_the_strings_of_a_module_come_in_order() -> None:
    module = parse_mlir(MemorySource(SAMPLES["arrays/stablehlo-callback.mlirbc"]))
    assert module.strings[-2:] == ("custom_call_v1", "xla_python_cpu_callback")
    assert module.producer == "StableHLO_v1.9.0"


def test_a_function_handle_in_a_compressed_variable_is_found() -> None:
    variables = list(read_matlab(MemorySource(SAMPLES["arrays/handle-system.mat"]), Budget(Limits())))
    handle = variables[1]
    assert handle.kind == MatlabClass.FUNCTION
    assert any("system(" in word for word in handle.words)


def test_a_bson_document_with_a_wrong_length_is_malformed() -> None:
    data = SAMPLES["arrays/run.bson"]
    with pytest.raises(Malformed):
        list(read_bson(MemorySource(struct.pack("<i", len(data) - 1) + data[4:])))
