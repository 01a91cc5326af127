"""The walk of an ONNX model: what it yields, what it never reads, and that any bytes give an answer."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import onnx as made

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.carried_file import Carried, carried_file
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard
from weighbridge.formats.graphs.onnx import walk_onnx
from weighbridge.formats.graphs.onnx_parts import Function, Node, Opset, Part, Tensor, Text, TooDeep
from weighbridge.formats.graphs.ort import walk_ort

SAMPLES = dict(made.samples())


def parts_of(data: bytes) -> list[Part]:
    return list(walk_onnx(MemorySource(data)))


def tensors_of(data: bytes) -> list[Tensor]:
    return [part for part in parts_of(data) if isinstance(part, Tensor)]


def test_nodes_tensors_and_opsets_are_yielded_whatever_the_order_of_fields() -> None:
    kinds = (Node, Tensor, Opset)
    plain, reordered = (
        [part for part in parts_of(SAMPLES[f"onnx/{name}.onnx"]) if isinstance(part, kinds)]
        for name in ("benign", "reordered.twin")
    )
    assert [type(part) for part in plain] == [Node, Tensor, Opset]
    assert [type(part) for part in reordered] == [Node, Tensor, Opset]


def test_a_tensor_says_its_shape_its_type_and_where_its_bytes_are() -> None:
    (tensor,) = tensors_of(made.model(made.run(5, made.tensor("w", [2, -3], b"12345678"))))
    assert (tensor.name, tensor.dims, tensor.data_type, tensor.is_initializer) == ("w", (2, -3), 1, True)
    assert tensor.raw is not None
    assert (tensor.raw.length, tensor.raw.head) == (8, b"12345678")


def test_packed_and_unpacked_dimensions_are_the_same() -> None:
    packed = made.run(1, made.varint(2) + made.varint(3)) + made.number(2, 1)
    unpacked = made.number(1, 2) + made.number(1, 3) + made.number(2, 1)
    shapes = [tensors_of(made.model(made.run(5, data)))[0].dims for data in (packed, unpacked)]
    assert shapes == [(2, 3), (2, 3)]


@pytest.mark.parametrize("place", ["branch", "training", "sparse"])
def test_tensors_are_found_wherever_a_model_can_hold_them(place: str) -> None:
    (tensor,) = tensors_of(SAMPLES[f"onnx/external-in-{place}.onnx"])
    assert dict(tensor.external) == {"location": "../outside.bin"}
    assert tensor.is_external


def test_the_graph_that_stands_twice_is_one_graph() -> None:
    twice = made.number(1, 8) + 2 * made.run(7, made.graph(made.run(5, made.tensor("w", [1], b"1234"))))
    first, second = tensors_of(twice)
    assert first.scope is second.scope


def test_a_field_of_another_wire_type_is_unknown_as_loaders_have_it() -> None:
    odd = made.run(1, made.number(4, 7) + made.run(4, "Relu") + made.number(7, 9))
    (node,) = [part for part in parts_of(made.model(odd)) if isinstance(part, Node)]
    assert (node.op_type, node.domain) == ("Relu", "")


def test_nodes_of_functions_know_their_function() -> None:
    parts = parts_of(SAMPLES["onnx/function-cycle.onnx"])
    numbers = {part.name: part.number for part in parts if isinstance(part, Function)}
    calls = {part.op_type: part.function for part in parts if isinstance(part, Node) and part.function}
    assert calls == {"G": numbers["F"], "F": numbers["G"]}


def test_deep_nesting_is_told_once_and_walked() -> None:
    parts = parts_of(SAMPLES["onnx/deep.onnx"])
    assert sum(isinstance(part, TooDeep) for part in parts) == 1
    assert next(part.op_type for part in parts if isinstance(part, Node)) == "Relu"


def test_nesting_without_end_is_a_limit() -> None:
    data = b""
    for _ in range(400):
        data = made.run(1, made.run(5, made.run(6, data)))
    with pytest.raises(LimitReached):
        parts_of(made.run(7, data))


def test_a_long_text_is_cut_and_its_place_told() -> None:
    (text,) = [one for one in parts_of(made.run(6, b"x" * 100_000)) if isinstance(one, Text)]
    assert len(text.value) == 65536
    assert text.rest is not None
    assert text.rest.length == 100_000


def test_a_vocabulary_of_many_words_is_not_kept() -> None:
    words = b"".join(made.run(9, f"word{number}") for number in range(10_000))
    attribute = made.run(5, made.run(1, "keys_strings") + words)
    (node,) = [
        one
        for one in parts_of(made.model(made.run(1, made.node("LabelEncoder", attributes=attribute))))
        if isinstance(one, Node)
    ]
    assert node.attributes[0].strings == ()


def _large(raw: int) -> tuple[bytes, bytes]:
    """Head and tail of a model around one tensor of `raw` bytes."""
    fixed = made.number(1, raw // 4) + made.number(2, 1) + made.run(8, "w")
    tag = made.varint(9 << 3 | 2) + made.varint(raw)
    weight = made.varint(5 << 3 | 2) + made.varint(len(fixed) + len(tag) + raw) + fixed + tag
    body = made.run(1, made.node("Relu"))
    graph = made.varint(7 << 3 | 2) + made.varint(len(body) + len(weight) + raw)
    return made.number(1, 8) + graph + body + weight, made.opset()


def test_two_gigabytes_of_weights_inside_cost_a_few_kilobytes() -> None:
    raw = 2 * GIB - MIB
    head, tail = _large(raw)
    source = SparseSource(len(head) + raw + len(tail), {0: head, len(head) + raw: tail})
    kinds = [type(part) for part in walk_onnx(source) if not isinstance(part, Text)]
    assert kinds[1:] == [Node, Tensor, Opset]
    assert source.bytes_read == 2048 + len(tail)


def test_the_skeleton_of_a_model_with_five_gigabytes_beside_it_is_all_that_is_read() -> None:
    step = 50 * MIB
    weights = b"".join(
        made.run(
            5,
            made.tensor(
                f"layer.{n}.weight",
                [step // 4],
                more=made.external("model.onnx.data", offset=str(n * step), length=str(step)),
            ),
        )
        for n in range(100)
    )
    source = SparseSource(len(made.model(weights)), {0: made.model(weights)})
    found = [part for part in walk_onnx(source) if isinstance(part, Tensor)]
    assert sum(tensor.size_bytes or 0 for tensor in found) == 100 * step
    # Twelve bytes at the seams of the window are read twice.
    assert (source.size, source.bytes_read) == (9919, 9931)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith(".onnx")])
def test_a_model_cut_off_anywhere_gives_parts_or_malformed(name: str) -> None:
    data = SAMPLES[name]
    ends = []
    for length in range(len(data)):
        try:
            ends.append(len(list(walk_onnx(MemorySource(data[:length])))))
        except Malformed:
            ends.append(-1)
    assert len(ends) == len(data)
    assert -1 in ends


@given(st.binary(max_size=300))
def test_any_bytes_give_parts_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed, LimitReached):
        assert isinstance(parts_of(data), list)


@given(st.integers(0, 400), st.binary(max_size=40))
def test_any_bytes_within_an_ort_file_give_parts_or_malformed(at: int, data: bytes) -> None:
    sample = SAMPLES["onnx/python-operator.ort"]
    spliced = sample[:8] + sample[8 : 8 + at] + data + sample[8 + at + len(data) :]
    with contextlib.suppress(Malformed, LimitReached):
        assert isinstance(list(walk_ort(MemorySource(spliced))), list)


def test_an_ort_file_gives_the_nodes_of_its_graph() -> None:
    (node,) = [
        one
        for one in walk_ort(MemorySource(SAMPLES["onnx/python-operator.ort"]))
        if isinstance(one, Node)
    ]
    assert (node.op_type, node.domain) == ("PyOp", "acme.ops")


@pytest.mark.parametrize(
    ("path", "hazard"),
    [
        ("weights/data.bin", None),
        ("a/../b.bin", None),
        ("model.onnx_data", None),
        ("console.bin", None),
        ("a/../../b.bin", ReferenceHazard.CLIMBS),
        ("weights\\..\\..\\b.bin", ReferenceHazard.CLIMBS),
        ("/etc/passwd", ReferenceHazard.ABSOLUTE),
        ("\\\\host\\share", ReferenceHazard.ABSOLUTE),
        ("c:weights.bin", ReferenceHazard.ABSOLUTE),
        ("s3://bucket/w", ReferenceHazard.URL),
        ("file:/etc/passwd", ReferenceHazard.URL),
        ("w\0.bin", ReferenceHazard.NUL),
        ("sub/COM1.txt", ReferenceHazard.DEVICE),
        ("", ReferenceHazard.NOTHING),
        ("weights/", ReferenceHazard.NOTHING),
        ("*/_ORT_MEM_ADDR_/*", ReferenceHazard.MEMORY),
    ],
)
def test_a_reference_leads_into_the_folder_or_says_why_not(
    path: str, hazard: ReferenceHazard | None
) -> None:
    assert reference_hazard(path) is hazard


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (made.ELF, Carried.ELF),
        (b"\x7fELFnot a header" + bytes(48), None),
        (b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(20), Carried.PE),
        (b"MZ" + bytes(200), None),
        (b"#!/bin/sh\necho weighbridge-marker\n", Carried.SCRIPT),
        (b"#!/bin/sh", None),
        (b"PK\x03\x04" + bytes(60), Carried.ZIP),
        (made.PICKLE, Carried.PICKLE),
        (b"\x80\x02}" + b"\xff" * 64, None),
        (b"\x1f\x8b\x08" + bytes(61), None),
        (bytes(64), None),
    ],
)
def test_a_file_among_numbers_is_confirmed_by_its_structure(data: bytes, kind: Carried | None) -> None:
    assert carried_file(MemorySource(data), 0, len(data), data[:64]) is kind
