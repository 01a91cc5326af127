"""Parsers of other frameworks' graphs: what they yield, and that any bytes give an answer."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import graphs as made
from samples.recipes.onnx import number, run

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.prototext import TextMessage, parse_prototext
from weighbridge.formats.documents.strict_json import decode_json
from weighbridge.formats.graphs.caffe import is_caffe, python_layers
from weighbridge.formats.graphs.cntk import UserFunction, walk_cntk
from weighbridge.formats.graphs.coreml import Named, Part, walk_coreml
from weighbridge.formats.graphs.message_walk import Leaf, Record, Shape, walk_messages
from weighbridge.formats.graphs.mxnet import ArrayName, walk_params
from weighbridge.formats.graphs.onnx_text import encode_json, is_onnx_json
from weighbridge.formats.graphs.paddle import Operator, walk_pir, walk_program
from weighbridge.formats.graphs.paddle_params import check_params
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.formats.weights.weights_fault import WeightsFault

SAMPLES = {name.removeprefix("graphs/"): data for name, data in made.samples()}


def text_of(message: TextMessage) -> object:
    """The message as plain pairs."""
    return [
        (one.name, one.text if one.message is None else text_of(one.message)) for one in message.fields
    ]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a: 1 b: -2.5e3 c: TRUE", [("a", "1"), ("b", "-2.5e3"), ("c", "TRUE")]),
        ("a { b: 1 } a < b: 2 >", [("a", [("b", "1")]), ("a", [("b", "2")])]),
        ("a: { b: 'x' \"y\" };", [("a", [("b", "xy")])]),
        (r"""a: "\x41\102\n\"" """, [("a", 'AB\n"')]),
        (
            "a: [1, 2] b: [{c: 3}, {c: 4}]",
            [("a", "1"), ("a", "2"), ("b", [("c", "3")]), ("b", [("c", "4")])],
        ),
        ("# a: 1\na # b\n: 2", [("a", "2")]),
        (
            "[some.ext]: 1 [type.googleapis.com/x.Y] { z: 1 }",
            [("some.ext", "1"), ("type.googleapis.com/x.Y", [("z", "1")])],
        ),
        ("", []),
    ],
)
def test_protobuf_text_is_read_in_every_spelling(text: str, fields: object) -> None:
    assert text_of(parse_prototext(text)) == fields


@pytest.mark.parametrize("text", ["a {", "a: }", ": 1", "a: [1", "a: 'x", "}", "a { b: 1 >", "a: %"])
def test_what_is_no_protobuf_text_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_prototext(text)


def test_protobuf_text_that_nests_without_end_is_a_limit() -> None:
    with pytest.raises(LimitReached):
        parse_prototext("a {" * 10_000)


@given(st.text(alphabet="ab{}<>[]:\"'\\#\n, 01", max_size=60))
def test_any_text_gives_a_message_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed, LimitReached):
        assert isinstance(parse_prototext(text), TextMessage)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("python-layer.prototxt", ("os", "system")),
        ("python-layer-spelled.prototxt", ("os", "system")),
        ("python-layer-behind-comments.txt", ("rpn.layer", "ProposalLayer")),
    ],
)
def test_python_layers_of_caffe_are_found_however_they_are_spelled(
    name: str, target: tuple[str, str]
) -> None:
    message = parse_prototext(SAMPLES[name].decode())
    assert is_caffe(message)
    assert [(one.module, one.layer) for one in python_layers(message)] == [target]


def test_a_python_layer_within_a_solver_is_found() -> None:
    inner = 'layer { name: "d" type: "Python" python_param { module: "m" layer: "L" } }'
    message = parse_prototext(f"base_lr: 0.1 train_net_param {{ {inner} }}")
    assert is_caffe(message)
    assert [one.module for one in python_layers(message)] == ["m"]


def named(name: str) -> list[tuple[Part, str]]:
    found = walk_coreml(MemorySource(SAMPLES[name]))
    return [(one.part, one.name) for one in found if isinstance(one, Named)]


def test_core_ml_names_are_found_in_loops_pipelines_and_programs() -> None:
    assert named("custom-layer.mlmodel") == [(Part.CUSTOM_LAYER, "FastDecoder")]
    assert named("custom-model.mlmodel") == [(Part.CUSTOM_MODEL, "Decoder")]
    assert named("weights-outside.mlmodel") == [(Part.BLOB, "@model_path/../../outside.bin")]
    assert named("benign.mlmodel") == []


def test_paddle_programs_give_their_operators_with_words() -> None:
    program = list(walk_program(MemorySource(SAMPLES["save.pdmodel"])))
    operators = [(one.name, dict(one.attributes)) for one in program if isinstance(one, Operator)]
    assert operators == [("relu", {}), ("save_combine", {"file_path": "/tmp/weighbridge-marker"})]


def test_paddle_programs_in_json_give_the_same() -> None:
    tree = decode_json(SAMPLES["pir-custom.json"].decode()).value
    assert [(one.name, one.is_custom) for one in walk_pir(tree)] == [("fast_decode", True)]


def test_paddle_parameters_that_fill_their_file_are_in_order() -> None:
    assert list(check_params(MemorySource(SAMPLES["benign.pdiparams"]))) == []
    (fault,) = check_params(MemorySource(SAMPLES["short.pdiparams"]))
    assert fault.subject == "tensor beyond the file"


def test_paddle_parameters_of_gigabytes_cost_their_headers() -> None:
    size = 3 * GIB
    description = number(1, 20) + number(2, size)
    header = bytes(16) + struct.pack("<i", len(description)) + description
    source = SparseSource(2 * (len(header) + size), {0: header, len(header) + size: header})
    assert list(check_params(source)) == []
    # Two headers of 20 bytes, and one window for the first description, two for the second.
    assert source.bytes_read == 2 * 20 + 3 * 1024


def test_user_functions_of_cntk_are_found_in_dictionaries_within_dictionaries() -> None:
    (python,) = walk_cntk(MemorySource(SAMPLES["python-class-cntk.model"]))
    (native,) = walk_cntk(MemorySource(SAMPLES["library-cntk.model"]))
    assert isinstance(python, UserFunction)
    assert isinstance(native, UserFunction)
    assert (python.module, python.name, python.is_native) == ("my_ops", "Decode", False)
    assert (native.module, native.name, native.is_native) == ("../libdecode.so", "Make", True)
    assert list(walk_cntk(MemorySource(SAMPLES["benign-cntk.model"]))) == []


def test_mxnet_parameters_give_their_names() -> None:
    found = list(walk_params(MemorySource(SAMPLES["benign.params"])))
    assert [one.name for one in found if isinstance(one, ArrayName)] == ["arg:weight"]
    (fault,) = walk_params(MemorySource(SAMPLES["beyond.params"]))
    assert isinstance(fault, WeightsFault)


def test_nested_messages_come_before_what_holds_them_and_files_as_they_are_met() -> None:
    shapes = {"a": Shape({1: "b"}, frozenset({2})), "b": Shape({}, frozenset({1}))}
    data = number(2, 7) + run(1, run(1, "text")) + run(3, b"\x7fELF" + bytes(20))
    found = list(walk_messages(MemorySource(data), shapes, "a"))
    assert [one.shape for one in found if isinstance(one, Record)] == ["b", "a"]
    assert [one.number for one in found if isinstance(one, Leaf)] == [3]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("benign.mlmodel", Format.COREML),
        ("benign.pdmodel", Format.PADDLE),
        ("benign.pdiparams", Format.PADDLE_PARAMETERS),
        ("benign.caffemodel", Format.CAFFE_WEIGHTS),
        ("benign.params", Format.MXNET_PARAMETERS),
        ("benign.twin.engine", Format.TENSORRT),
        ("benign-cntk.model", Format.CNTK),
        ("model.dnn", Format.CNTK_LEGACY),
        ("model.rknn", Format.RKNN),
    ],
)
def test_formats_are_known_by_their_bytes_under_any_name(name: str, kind: Format) -> None:
    assert identify(MemorySource(SAMPLES[name]), "file") == (kind,)


@given(st.binary(max_size=200))
def test_any_bytes_give_parts_or_malformed(data: bytes) -> None:
    for walk in (walk_coreml, walk_program, walk_cntk, check_params, walk_params):
        with contextlib.suppress(Malformed, LimitReached):
            assert isinstance(list(walk(MemorySource(data))), list)


@pytest.mark.parametrize(
    "name", ["benign.params", "benign.pdiparams", "linked.mlmodel", "save.pdmodel", "code-cntk.model"]
)
def test_a_file_cut_off_anywhere_gives_parts_or_malformed(name: str) -> None:
    data = SAMPLES[name]
    walks = (walk_coreml, walk_program, walk_cntk, check_params, walk_params)
    ends = 0
    for length in range(len(data)):
        for walk in walks:
            with contextlib.suppress(Malformed, LimitReached):
                list(walk(MemorySource(data[:length])))
            ends += 1
    assert ends == len(walks) * len(data)


def test_the_json_of_an_onnx_model_is_encoded_field_by_field() -> None:
    tree = decode_json('{"ir_version": "8", "graph": {"node": [{"opType": "Relu"}]}}').value
    assert is_onnx_json(tree)
    assert isinstance(tree, dict)
    assert encode_json(tree) == number(1, 8) + run(7, run(1, run(4, "Relu")))


def test_decoys_before_the_first_real_part_do_not_hide_a_graph() -> None:
    decoy = run(1999, b"x" * 100) + run(2, b"\x08\x01") + run(1, b"\x08\x01") + run(100, b"\x08\x01")
    assert identify(MemorySource(decoy + SAMPLES["benign.pdmodel"]), "x") == (Format.PADDLE,)
    assert identify(MemorySource(decoy + SAMPLES["benign.caffemodel"]), "x") == (Format.CAFFE_WEIGHTS,)
    assert identify(MemorySource(decoy + SAMPLES["benign-cntk.model"]), "x") == (Format.CNTK,)
    assert identify(MemorySource(decoy + SAMPLES["benign.mlmodel"]), "x") == (Format.COREML,)


def test_the_entries_of_a_map_may_hold_their_value_first() -> None:
    keys = ("version", "root", "primitive_functions")
    swapped = number(1, 1) + b"".join(run(2, run(2, number(5, 1)) + run(1, key)) for key in keys)
    assert identify(MemorySource(swapped), "x") == (Format.CNTK,)
