"""TensorFlow graphs as bytes: what they are taken for, what is read of them, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import tensorflow as recipe
from samples.recipes.tensorflow import chunk, const, graph, node, saved_model, tensor, whole

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.protobuf import ProtobufReader
from weighbridge.formats.recognise.probe import Probe
from weighbridge.formats.recognise.tensorflow import recognise
from weighbridge.formats.tensorflow.anomalies import GraphAnomaly, GraphLog
from weighbridge.formats.tensorflow.graph import GraphFile, GraphReader
from weighbridge.formats.tensorflow.saved_model import MetaGraph, read_meta_graph, read_saved_model

SAMPLES = dict(recipe.samples())
PLAIN = [node("x", "Placeholder"), node("y", "Relu", ["x"])]
FAMILY = {Format.SAVED_MODEL, Format.META_GRAPH, Format.GRAPH_DEF}


def formats(data: bytes, name: str = "model.bin") -> set[Format]:
    return set(recognise(Probe(data[:4096], MemorySource(data), name)))


def read(data: bytes) -> tuple[GraphFile, GraphLog, GraphReader]:
    reader, log = ProtobufReader(MemorySource(data)), GraphLog()
    graphs, found = GraphReader(reader, log), GraphFile()
    graphs.read(reader.fields(), found)
    return found, log, graphs


def meta_graphs(data: bytes) -> list[MetaGraph]:
    reader = ProtobufReader(MemorySource(data))
    return list(read_saved_model(reader, GraphReader(reader, GraphLog())))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (graph(PLAIN), Format.GRAPH_DEF),
        (chunk(4, whole(1, 1882)) + graph(PLAIN), Format.GRAPH_DEF),
        (chunk(999, b"unknown") * 50 + graph(PLAIN), Format.GRAPH_DEF),
        (graph([], [recipe.function("f", ["a"], PLAIN, {})]), Format.GRAPH_DEF),
        (saved_model(graph(PLAIN)), Format.SAVED_MODEL),
        (chunk(2, recipe.meta_graph(graph(PLAIN))) + whole(1, 1), Format.SAVED_MODEL),
        (recipe.meta_graph(graph(PLAIN)), Format.META_GRAPH),
        (chunk(2, graph(PLAIN)) + chunk(1, chunk(5, "1.15.0")), Format.META_GRAPH),
        (recipe.meta_graph(b""), Format.META_GRAPH),
    ],
)
def test_a_graph_is_known_by_how_its_messages_nest(data: bytes, expected: Format) -> None:
    assert formats(data) & FAMILY == {expected}


def test_a_graph_that_is_cut_off_is_still_known() -> None:
    assert formats(graph(PLAIN) + chunk(1, PLAIN[0])[:-3]) == {Format.GRAPH_DEF}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}",
        b"hello, world",
        whole(1, 8) + chunk(2, "pytorch") + chunk(3, "2.13") + chunk(7, chunk(1, chunk(4, "Relu"))),
        whole(1, 9) + chunk(2, chunk(1, chunk(1, "image"))) + chunk(500, chunk(1, b"layers")),
        chunk(1, whole(1, 0) + whole(2, 2**64 - 1) + chunk(3, chunk(1, "w"))),
        chunk(1, "GoogleNet") + chunk(100, chunk(1, "data") + chunk(2, "Input")),
        chunk(1, "net") + chunk(2, chunk(1, "data") + chunk(2, "out") + chunk(4, "Conv")),
        chunk(1, chunk(1, chunk(1, "label") + chunk(2, chunk(3, b"\1")))),
        chunk(1, chunk(1, "Relu") + chunk(2, chunk(1, "x"))),
        chunk(1, node("x", "no operation")),
        chunk(1, chunk(1, "only a name")),
        chunk(1, PLAIN[0]) + chunk(2, b"\xff"),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_messages_of_others_are_not_taken_for_graphs(data: bytes) -> None:
    assert formats(data) == set()


def test_a_graph_behind_heaps_of_nothing_is_still_taken_for_one() -> None:
    padded = chunk(1, chunk(5, chunk(9, b"") * 1_500 + chunk(1, "T")) * 150 + PLAIN[0])
    assert formats(padded) == {Format.GRAPH_DEF}


@given(st.binary(max_size=300))
def test_random_bytes_are_no_graph(data: bytes) -> None:
    assert formats(data) & FAMILY == set()


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"\x93NUMPY", "saved_model.pb", Format.SAVED_MODEL),
        (whole(1, 3), "tfhub_module.pb", Format.TENSORFLOW_SIDECAR),
        (whole(1, 7) + whole(2, 9), "fingerprint.pb", Format.TENSORFLOW_SIDECAR),
        (b"\x01" * 40, "variables.data-00000-of-00001", Format.TENSOR_BYTES),
        (b"\x1c\0\0\0TFL3", "any.name", Format.TFLITE),
    ],
)
def test_a_name_counts_where_the_loader_goes_by_it(data: bytes, name: str, expected: Format) -> None:
    assert formats(data, name) == {expected}


def test_an_index_is_known_by_its_end() -> None:
    index = SAMPLES["tensorflow/good.twin.index"]
    assert formats(index) == {Format.CHECKPOINT_INDEX}
    assert formats(index[:-1] + b"\0") == set()


def test_nodes_functions_and_attributes_are_read() -> None:
    function = recipe.function("f", ["a"], [node("n", "Relu", ["a"])], {"r": b"n:activations:0"})
    found, _, graphs = read(
        graph([*PLAIN, recipe.call("c", "f", ["x"]), const("s", "text")], [function])
    )
    assert [(one.name, one.op, one.inputs) for one in found.main.nodes.values()][1] == (
        "y",
        "Relu",
        ("x",),
    )
    assert found.main.nodes["c"].functions == ("f",)
    inner = found.functions["f"]
    assert (inner.arguments, inner.outputs, inner.results) == (("a",), ("r",), {"r": "n:activations:0"})
    (value,) = graphs.attributes(found.main.nodes["s"])["value"].tensors
    assert graphs.texts_of(value) == [b"text"]


def test_a_value_that_stands_twice_is_merged_as_a_decoder_does() -> None:
    split = (
        chunk(1, "value")
        + chunk(2, chunk(8, tensor(recipe.DT_STRING, [], texts=["kept"])))
        + chunk(2, b"")
    )
    found, _, graphs = read(graph([chunk(1, "s") + chunk(2, "Const") + chunk(5, split)]))
    (value,) = graphs.attributes(found.main.nodes["s"])["value"].tensors
    assert graphs.texts_of(value) == [b"kept"]


def test_a_graph_in_two_pieces_is_one_graph() -> None:
    (meta,) = meta_graphs(
        whole(1, 1) + chunk(2, chunk(2, graph(PLAIN[:1])) + chunk(2, graph(PLAIN[1:])))
    )
    assert list(meta.graph.main.nodes) == ["x", "y"]


def test_entry_points_are_read() -> None:
    (meta,) = meta_graphs(SAMPLES["tensorflow/asset.twin/saved_model.pb"])
    assert [(one.name, one.inputs, one.outputs) for one in meta.signatures] == [
        ("serving_default", ("x:0",), ("call:0",))
    ]
    assert (meta.saver.filename_tensor, meta.saver.restore_op) == ("saver_filename:0", "restore")
    assert [(one.tensor, one.filename) for one in meta.assets] == [("words:0", "words.txt")]
    assert meta.tags == ["serve"]


def test_functions_that_a_loader_calls_are_told_from_those_it_offers() -> None:
    table = chunk(1, chunk(1, whole(1, 1) + chunk(2, "_initialize")))
    objects = table + chunk(1, chunk(6, chunk(1, "init"))) + chunk(1, chunk(6, chunk(1, "serve")))
    (meta,) = meta_graphs(saved_model(graph(PLAIN), chunk(7, objects)))
    assert (meta.objects.at_load, meta.objects.offered) == ({"init"}, {"serve"})


def test_assets_of_version_1_are_found_in_their_collection() -> None:
    asset = chunk(1, chunk(1, "path:0")) + chunk(2, "words.txt")
    listed = chunk(
        5, chunk(1, chunk(1, "type.googleapis.com/tensorflow.AssetFileDef") + chunk(2, asset))
    )
    bag = chunk(4, chunk(1, "saved_model_assets") + chunk(2, listed))
    (meta,) = meta_graphs(saved_model(graph(PLAIN), bag))
    assert [one.filename for one in meta.assets] == ["words.txt"]


@pytest.mark.parametrize(
    ("dims", "raw", "expected"),
    [
        ([2**32, 2**32], b"", GraphAnomaly.SHAPE_OVERFLOW),
        ([2**62], b"", GraphAnomaly.SHAPE_OVERFLOW),
        ([-1], b"", GraphAnomaly.NEGATIVE_DIMENSION),
        ([2, 2], bytes(15), GraphAnomaly.CONTENT_MISMATCH),
        ([0], bytes(4), GraphAnomaly.CONTENT_MISMATCH),
        ([2**32], b"", GraphAnomaly.GIANT_TENSOR),
    ],
)
def test_a_shape_that_can_not_be_is_told(dims: list[int], raw: bytes, expected: GraphAnomaly) -> None:
    value = {"value": chunk(8, tensor(recipe.DT_FLOAT, dims, raw=raw))}
    _, log, _ = read(graph([node("c", "Const", attributes=value)]))
    assert [one.kind for one in log.all()] == [expected]


@pytest.mark.parametrize(
    ("dims", "raw"), [([2, 2], bytes(16)), ([], bytes(4)), ([1000, 1000], b""), ([0], b"")]
)
def test_a_shape_that_fits_is_silent(dims: list[int], raw: bytes) -> None:
    value = {"value": chunk(8, tensor(recipe.DT_FLOAT, dims, raw=raw))}
    _, log, _ = read(graph([node("c", "Const", attributes=value)]))
    assert log.all() == ()


def test_what_was_read_before_a_break_is_kept() -> None:
    broken = chunk(2, graph(PLAIN) + chunk(1, b"\x0a\x7f"))
    reader = ProtobufReader(MemorySource(broken))
    meta = read_meta_graph(reader, GraphReader(reader, GraphLog()), reader.fields())
    assert list(meta.graph.main.nodes) == ["x", "y"]
    assert isinstance(meta.broken, Malformed)


def test_a_graph_of_too_many_nodes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.formats.tensorflow.graph._MAX_NODES", 1)
    with pytest.raises(LimitReached):
        read(graph(PLAIN))


def test_two_gigabytes_of_tensors_cost_their_skeleton() -> None:
    content = 256 * MIB
    before = chunk(1, "w") + chunk(2, "Const")
    shaped = whole(1, recipe.DT_FLOAT) + chunk(2, recipe.shape([content // 4]))
    head = shaped + recipe.varint(4 << 3 | 2) + recipe.varint(content)
    for field, prefix in ((8, b""), (2, chunk(1, "value")), (5, before), (1, b"")):
        # Each message that holds the tensor states its own length.
        head = prefix + recipe.varint(field << 3 | 2) + recipe.varint(len(head) + content) + head
    step = len(head) + content
    source = SparseSource(8 * step, {at * step: head for at in range(8)})
    reader, log, found = ProtobufReader(source), GraphLog(), GraphFile()
    GraphReader(reader, log).read(reader.fields(), found)
    assert [one.kind for one in log.all()] == [GraphAnomaly.DUPLICATE_NODE] * 7
    assert source.size > 2 * 1000**3
    assert (len(source.reads), source.bytes_read) == (8, 9_216)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_graph_or_malformed(data: bytes) -> None:
    try:
        found, log, graphs = read(data)
    except Malformed:
        return
    for one in found.main.nodes.values():
        try:
            assert isinstance(graphs.attributes(one), dict)
        except Malformed:
            continue
    assert len(log.all()) <= len(data)


SERVED = SAMPLES["tensorflow/write-joined/saved_model.pb"]


@given(st.integers(0, len(SERVED) - 1))
def test_a_model_that_is_cut_anywhere_gives_what_was_there(cut: int) -> None:
    reader = ProtobufReader(MemorySource(SERVED[:cut]))
    try:
        metas = list(read_saved_model(reader, GraphReader(reader, GraphLog())))
    except Malformed:
        return
    assert len(metas) <= 1
