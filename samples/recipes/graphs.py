"""Graphs of other frameworks, by hand: one hit for each GRA rule, and honest twins."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from samples.recipes.onnx import ELF, PICKLE, number, run

MARKER = "weighbridge-marker"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _caffe()
    yield from _coreml()
    yield from _openvino()
    yield from _paddle()
    yield from _mxnet()
    yield from _others()


def _caffe() -> Iterator[tuple[str, bytes]]:
    network = """name: "net"  # a comment
input: "data" input_dim: 1
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: 'xavier' } } }
"""
    python = (
        'layer { name: "d" type: "Python" top: "d" '
        'python_param { module: "%s" layer: "%s" param_str: "{}" } }\n'
    )
    yield "graphs/benign.prototxt", network.encode()
    yield "graphs/python-layer.prototxt", (network + python % ("os", "system")).encode()
    padded = "# " + MARKER * 8000 + "\n" + network + python % ("rpn.layer", "ProposalLayer")
    yield "graphs/python-layer-behind-comments.txt", padded.encode()
    lists = (
        'layer < name: "p" type: "Py" "thon" python_param: < module: "\\x6f\\163" layer: "system" > >'
    )
    yield "graphs/python-layer-spelled.prototxt", lists.encode()
    prose = 'Add layer { type: "Python" } with python_param, as the README of the project says.\n'
    yield "graphs/prose.twin.txt", prose.encode()
    weights = run(1, "conv1") + run(2, "Convolution") + run(7, number(1, 4) + run(5, bytes(16)))
    yield "graphs/benign.caffemodel", run(1, "net") + run(100, weights)
    named = run(1, "d") + run(2, "Python") + run(130, run(1, "rpn.layer") + run(2, "ProposalLayer"))
    yield "graphs/python-layer.caffemodel", run(1, "net") + run(100, named)
    carried = run(1, "c") + run(2, "Convolution") + run(7, run(5, ELF))
    yield "graphs/program.caffemodel", run(1, "net") + run(100, carried)


def _mlmodel(kind: int, body: bytes) -> bytes:
    return number(1, 5) + run(2, run(100, run(1, "a sample"))) + run(kind, body)


def _coreml() -> Iterator[tuple[str, bytes]]:
    dense = run(1, "dense") + run(140, number(1, 4) + number(2, 2))
    yield "graphs/benign.mlmodel", _mlmodel(500, run(1, dense))
    carried = run(1, "conv") + run(100, run(90, run(1, ELF)))
    yield "graphs/program.mlmodel", _mlmodel(500, run(1, carried))
    own = run(1, "decode") + run(500, run(10, "FastDecoder") + run(40, "decodes"))
    inside = run(615, run(4, run(1, own)))
    yield "graphs/custom-layer.mlmodel", _mlmodel(500, run(1, run(1, "loop") + inside))
    yield "graphs/custom-model.mlmodel", _mlmodel(202, run(1, _mlmodel(555, run(10, "Decoder"))))
    link = run(1, run(1, run(1, "Base.mlmodelc")) + run(2, run(1, "../../Shared:/opt/models")))
    yield "graphs/linked.mlmodel", _mlmodel(556, link)
    blob = run(1, run(1, "w") + run(2, run(5, run(1, "@model_path/../../outside.bin") + number(2, 64))))
    operation = run(1, "const") + run(5, blob[2:])
    block = run(3, run(2, run(3, operation)))
    program = number(1, 1) + run(2, run(1, "main") + run(2, block))
    yield "graphs/weights-outside.mlmodel", _mlmodel(502, program)
    item = {"author": "com.apple.CoreML", "description": "CoreML Model", "name": "model.mlmodel"}
    for name, path in (("benign", "com.apple.CoreML/model.mlmodel"), ("outside", "../../model.mlmodel")):
        manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"1F": item | {"path": path}}}
        yield f"graphs/manifest-{name}/Manifest.json", json.dumps(manifest).encode()


def _ir(layers: str) -> bytes:
    head = '<?xml version="1.0"?>\n<net name="net" version="11">\n'
    return f"{head}<layers>{layers}</layers>\n<edges/>\n</net>\n".encode()


def _openvino() -> Iterator[tuple[str, bytes]]:
    parameter = (
        '<layer id="0" name="x" type="Parameter" version="opset1">'
        '<data shape="1,4" element_type="f32"/></layer>'
    )
    constant = (
        '<layer id="1" name="w" type="Const" version="opset1">'
        '<data element_type="f32" shape="2, 2" offset="{}" size="{}"/></layer>'
    )
    yield "graphs/openvino-benign.xml", _ir(parameter + constant.format(0, 16))
    extension = '<layer id="2" name="d" type="FastDecode" version="extension"/>'
    yield "graphs/openvino-extension.xml", _ir(parameter + extension)
    tokenizer = '<layer id="2" name="d" type="BPETokenizer" version="extension"/>'
    yield "graphs/openvino-tokenizer.twin.xml", _ir(parameter + tokenizer)
    yield "graphs/openvino-offset.xml", _ir(parameter + constant.format(-4096, 16))
    yield "graphs/openvino-size.xml", _ir(parameter + constant.format(0, 4096))
    kernel = (
        '<CustomLayer name="Decode" type="SimpleGPU" version="1"><Kernel entry="decode">'
        '<Source filename="{}"/></Kernel></CustomLayer>'
    )
    yield "graphs/openvino-kernel.xml", kernel.format("decode.cl").encode()
    yield "graphs/openvino-kernel-outside.xml", kernel.format("/tmp/decode.cl").encode()


def _program(*operators: bytes) -> bytes:
    block = (
        number(1, 0) + number(2, -1) + run(3, run(1, "x")) + b"".join(run(4, one) for one in operators)
    )
    return run(1, block) + run(4, number(1, 3_000_000))


def _operator(name: str, **texts: str) -> bytes:
    attributes = (run(4, run(1, key) + number(2, 2) + run(5, value)) for key, value in texts.items())
    return run(1, run(1, "X") + run(2, "x")) + run(3, name) + b"".join(attributes)


def _paddle() -> Iterator[tuple[str, bytes]]:
    yield (
        "graphs/benign.pdmodel",
        _program(_operator("feed"), _operator("matmul_v2"), _operator("fetch")),
    )
    yield "graphs/py-func.pdmodel", _program(_operator("py_func"))
    written = _operator("save_combine", file_path="/tmp/weighbridge-marker")
    yield "graphs/save.pdmodel", _program(_operator("relu"), written)
    yield "graphs/read-beside.pdmodel", _program(_operator("load_combine", file_path="params.pdiparams"))
    yield "graphs/read-file.pdmodel", _program(_operator("read_file", filename="/etc/passwd"))
    yield "graphs/unknown-operator.pdmodel", _program(_operator("fast_decode"))
    carried = _operator("relu", note="PK").replace(b"PK", b"PK")
    yield "graphs/short-words.twin.pdmodel", _program(carried)
    pickled = run(1, run(1, "X")) + run(3, "relu") + run(4, run(1, "note") + run(5, PICKLE))
    yield "graphs/pickle.pdmodel", _program(pickled)

    def pir(name: str, **texts: str) -> bytes:
        given = [{"N": key, "AT": {"#": "0.a_str", "D": value}} for key, value in texts.items()]
        block = {"#": "block_0", "args": [], "ops": [{"#": name, "A": given, "I": [], "O": []}]}
        regions = [{"#": "region_0", "blocks": [block]}]
        return json.dumps(
            {"base_code": {"magic": "pir", "version": 1}, "program": {"regions": regions}}
        ).encode()

    yield "graphs/pir-benign.json", pir("1.matmul")
    yield "graphs/pir-save.json", pir("1.save_combine", file_path="/tmp/weighbridge-marker")
    yield "graphs/pir-custom.json", pir("3.fast_decode")
    tensor = bytes(16) + struct.pack("<i", 6) + number(1, 5) + number(2, 2) + number(2, 2)
    yield "graphs/benign.pdiparams", tensor + bytes(16) + tensor + bytes(16)
    yield "graphs/short.pdiparams", tensor + bytes(15)


def _symbol(operator: str, **attributes: str) -> bytes:
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": operator, "name": "out", "attrs": attributes, "inputs": [[0, 0, 0]]},
    ]
    return json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[1, 0, 0]]}).encode()


def _arrays(name: str, *, dims: tuple[int, ...] = (2, 2), data: bytes = bytes(16)) -> bytes:
    array = struct.pack("<IiI", 0xF993FAC9, 0, len(dims)) + struct.pack(f"<{len(dims)}q", *dims)
    array += struct.pack("<iii", 1, 0, 0) + data
    names = struct.pack("<QQ", 1, len(name)) + name.encode()
    return struct.pack("<QQQ", 0x112, 0, 1) + array + names


def _mxnet() -> Iterator[tuple[str, bytes]]:
    yield "graphs/benign-symbol.json", _symbol("FullyConnected", num_hidden="4")
    yield "graphs/custom-symbol.json", _symbol("Custom", op_type="decode")
    yield "graphs/library-symbol.json", _symbol("FullyConnected", library="./decode.so")
    yield "graphs/benign.params", _arrays("arg:weight")
    yield "graphs/climbing-name.params", _arrays("arg:../../outside")
    yield "graphs/beyond.params", _arrays("arg:weight", dims=(2**31, 2**31))


def _others() -> Iterator[tuple[str, bytes]]:
    yield "graphs/plugin.engine", b"ftrt" + bytes(60) + b"kernels" * 100 + ELF + bytes(64)
    yield "graphs/benign.twin.engine", b"ftrt" + bytes(60) + b"MZ kernels \x7fEL" * 100
    yield "graphs/model.dnn", "BCN\0BVersion\0".encode("utf-16-le") + bytes(64)
    yield from _cntk()
    yield "graphs/model.rknn", b"RKNN" + bytes(60)
    darknet = "[net]\nbatch=1\nwidth=416\n\n[convolutional]\nfilters=16\nsize=3\nactivation=leaky\n"
    yield "graphs/darknet.cfg", darknet.encode()
    yield "graphs/ncnn.param", b"7767517\n2 2\nInput data 0 1 data 0=4\nReLU relu 1 1 data out\n"


def _cntk() -> Iterator[tuple[str, bytes]]:
    def entry(key: str, value: bytes) -> bytes:
        return run(2, run(1, key) + run(2, number(1, 1) + value))

    def dictionary(*entries: bytes) -> bytes:
        return number(1, 1) + b"".join(entries)

    def model(function: bytes) -> bytes:
        listed = run(11, run(1, number(1, 1) + run(12, function)))
        root = entry("root", run(8, "Plus3"))
        version = entry("version", number(5, 9))
        return dictionary(version, root, entry("primitive_functions", listed))

    def user(**words: str) -> bytes:
        state = dictionary(*(entry(key, run(8, value)) for key, value in words.items()))
        kind = entry("type", run(8, "UserDefinedFunction"))
        return model(dictionary(kind, entry("user_defined_state", run(12, state))))

    yield (
        "graphs/benign-cntk.model",
        model(dictionary(entry("op", number(5, 2)), entry("uid", run(8, "P")))),
    )
    names = {"module": "my_ops", "class": "Decode", "op_name": "decode"}
    yield "graphs/python-class-cntk.model", user(**names)
    code = f"path; __import__('os').system('echo {MARKER}')"
    yield "graphs/code-cntk.model", user(**{"module": "os", "class": code})
    yield "graphs/library-cntk.model", user(module="../libdecode.so", deserialize_method="Make")
