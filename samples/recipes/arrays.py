"""Flax checkpoints, JAX exports, MATLAB and BSON files, written by hand."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator

from samples.recipes.assembler import MARKER


def samples() -> Iterator[tuple[str, bytes]]:
    yield from _msgpack()
    yield from _modules()
    yield from _matlab()
    yield from _julia()


def _text(value: str) -> bytes:
    data = value.encode()
    return bytes([0xA0 | len(data)]) + data if len(data) < 32 else b"\xd9" + bytes([len(data)]) + data


def _bin(data: bytes) -> bytes:
    return b"\xc5" + struct.pack(">H", len(data)) + data


def _ext(code: int, data: bytes) -> bytes:
    return b"\xc8" + struct.pack(">Hb", len(data), code) + data


def _array(shape: list[int], dtype: str, data: bytes) -> bytes:
    dims = bytes([0x90 | len(shape)]) + b"".join(b"\xce" + struct.pack(">I", one) for one in shape)
    return _ext(1, b"\x93" + dims + _text(dtype) + _bin(data))


def _map(entries: dict[str, bytes]) -> bytes:
    return bytes([0x80 | len(entries)]) + b"".join(_text(k) + v for k, v in entries.items())


def _params(kernel: bytes) -> bytes:
    bias = _array([4], "float32", bytes(16))
    return _map({"params": _map({"dense": _map({"kernel": kernel, "bias": bias})})})


def _msgpack() -> Iterator[tuple[str, bytes]]:
    call = b"\x80\x04cposix\nsystem\n(V" + MARKER.encode() + b"\ntR."
    yield "arrays/flax.twin.msgpack", _params(_array([2, 4], "float32", bytes(32)))
    yield "arrays/flax-extension.msgpack", _params(_ext(42, b"anything"))
    yield "arrays/flax-pickle.msgpack", _params(_bin(call))
    yield "arrays/flax-pickle-extension.msgpack", _params(_ext(42, call))
    yield "arrays/flax-pickle-base64.msgpack", _params(_bin(base64.b64encode(call)))
    yield "arrays/flax-pickle-objects.msgpack", _params(_array([1], "object", call))
    yield "arrays/flax-shape.msgpack", _params(_array([1000, 1000], "float32", bytes(32)))
    yield "arrays/flax-no-header.msgpack", _params(_ext(1, b"\x01"))
    odd = b"\x81\x01" + _array([4], "float32", bytes(16))
    yield "arrays/flax-key.msgpack", _map({"params": odd})
    yield "arrays/flax-trailing.msgpack", _params(_array([2, 4], "float32", bytes(32))) + call
    yield "arrays/flax-cut-off.msgpack", _params(_array([2, 4], "float32", bytes(32)))[:40]


def _number(value: int) -> bytes:
    """A prefix varint of one or two bytes."""
    return bytes([value << 1 | 1]) if value < 128 else struct.pack("<H", value << 2 | 2)


def _module(words: list[str]) -> bytes:
    lengths = b"".join(_number(len(word) + 1) for word in reversed(words))
    strings = _number(len(words)) + lengths + b"".join(word.encode() + b"\0" for word in words)
    section = b"\0" + _number(len(strings)) + strings
    return b"ML\xefR" + _number(6) + b"StableHLO_v1.9.0\0" + section


def _modules() -> Iterator[tuple[str, bytes]]:
    plain = ["stablehlo", "add_v1", "func", "main", "jax.result_info"]
    yield "arrays/stablehlo.twin.mlirbc", _module(plain)
    yield (
        "arrays/stablehlo-custom-call.twin.mlirbc",
        _module([*plain, "custom_call_v1", "lapack_sgesdd_ffi"]),
    )
    text = "module @jit_f {\n  %0 = stablehlo.custom_call @TARGET(%arg0) : (f32) -> f32\n}\n"
    for name, target in (("text.twin", "Sharding"), ("text", "xla_ffi_python_cpu_callback")):
        yield f"arrays/stablehlo-{name}.mlir", text.replace("TARGET", target).encode()
    callback = _module([*plain, "custom_call_v1", "xla_python_cpu_callback"])
    yield "arrays/stablehlo-callback.mlirbc", callback
    table = struct.pack("<I", 12) + struct.pack("<HHHH", 8, 8, 4, 0) + struct.pack("<i", 8)
    vector = struct.pack("<I", 4) + struct.pack("<I", len(callback)) + callback
    yield "arrays/export-callback.bin", table + vector


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def _matrix(kind: int, name: str, *parts: bytes, dimensions: bool = True) -> bytes:
    flags = _element(6, struct.pack("<II", kind, 0))
    shape = _element(5, struct.pack("<ii", 1, 1)) if dimensions else b""
    return _element(14, flags + shape + _element(1, name.encode()) + b"".join(parts))


def _char(text: str) -> bytes:
    return _matrix(4, "", _element(17, text.encode("utf-16-le")))


def _mat(*variables: bytes) -> bytes:
    text = b"MATLAB 5.0 MAT-file, Platform: GLNXA64"
    return text.ljust(116) + bytes(8) + struct.pack("<H", 0x0100) + b"IM" + b"".join(variables)


def _matlab() -> Iterator[tuple[str, bytes]]:
    numbers = _matrix(6, "weights", _element(9, struct.pack("<d", 0.5)))
    packed = zlib.compress(numbers)
    yield "arrays/numbers.twin.mat", _mat(numbers, struct.pack("<II", 15, len(packed)) + packed)
    for name, words in (
        ("handle-system.mat", f'sf%0@()system("{MARKER}")'),
        ("handle-plain.twin.mat", "sf%0@(x)x/255"),
    ):
        handle = _matrix(16, "preprocess", _char(words))
        packed = zlib.compress(handle)
        yield f"arrays/{name}", _mat(numbers, struct.pack("<II", 15, len(packed)) + packed)
    java = [_element(1, word) for word in (b"java", b"java.util.Hashtable")]
    yield "arrays/java-object.mat", _mat(_matrix(17, "options", *java, dimensions=False))
    table = [_element(1, word) for word in (b"MCOS", b"table")]
    yield "arrays/table.twin.mat", _mat(_matrix(17, "labels", *table, dimensions=False))
    yield "arrays/beyond.mat", _mat(struct.pack("<II", 14, 1 << 20))


def _document(elements: list[tuple[int, str, bytes]]) -> bytes:
    body = b"".join(bytes([kind]) + name.encode() + b"\0" + data for kind, name, data in elements)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def _string(value: str) -> bytes:
    data = value.encode() + b"\0"
    return struct.pack("<i", len(data)) + data


def _datatype(*names: str) -> bytes:
    listed = _document([(2, str(index), _string(name)) for index, name in enumerate(names)])
    params = (4, "params", _document([]))
    return _document([(2, "tag", _string("datatype")), (4, "name", listed), params])


def _julia() -> Iterator[tuple[str, bytes]]:
    for name, kind in (
        ("relu.twin.bson", _datatype("Main", "NNlib", "#relu")),
        ("run.bson", _datatype("Main", "Base", "#run")),
    ):
        layer = _document([(2, "tag", _string("struct")), (3, "type", kind), (4, "data", _document([]))])
        yield f"arrays/{name}", _document([(3, "model", layer)])
    code = _document([(2, "tag", _string("anonymous")), (3, "type", _datatype("Main", "#1#2"))])
    yield "arrays/anonymous.bson", _document([(3, "preprocess", code)])
    yield "arrays/any-object.jls", b"7JL\x1a\x04\0\0\0" + bytes(16)
