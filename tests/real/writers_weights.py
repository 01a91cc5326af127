"""safetensors and GGUF, written by their own libraries."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch


def write_safetensors(folder: Path) -> None:
    """Every dtype, no tensor at all, metadata, scalars, shards with their index."""
    for name, dtype in _torch_dtypes().items():
        safetensors.torch.save_file(
            {"w": torch.zeros(2, 3).to(dtype)}, folder / f"torch_{name}.safetensors"
        )
    for code in ("f4", "f8", "i4", "i8", "u1", "?", "f2", "u2", "u4", "u8", "i1", "i2"):
        name = np.dtype(code).name
        safetensors.numpy.save_file({"w": np.zeros((3, 2), code)}, folder / f"numpy_{name}.safetensors")
    safetensors.numpy.save_file({}, folder / "none.safetensors")
    safetensors.numpy.save_file(
        {"empty": np.zeros((0, 3), "f4"), "scalar": np.array(1.0)}, folder / "shapes.safetensors"
    )
    metadata = {"format": "pt", "notes": 'a: {"b": 1} ünïcode'}
    safetensors.numpy.save_file({"w": np.zeros(3)}, folder / "metadata.safetensors", metadata)
    many: dict[str, np.ndarray] = {
        f"model.layers.{n}.weight": np.zeros(n % 5 + 1, "f4") for n in range(500)
    }
    safetensors.numpy.save_file(many, folder / "many.safetensors", metadata)


def _torch_dtypes() -> dict[str, torch.dtype]:
    names = (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "uint16",
        "uint32",
        "uint64",
        "float8_e4m3fn",
        "float8_e5m2",
        "complex64",
    )
    return {name: getattr(torch, name) for name in names}


def write_gguf(folder: Path) -> None:
    """Metadata of every type, quantised tensors of every kind that the library writes, big-endian."""
    for big_endian in (False, True):
        _gguf(folder / f"metadata{'_big_endian' * big_endian}.gguf", big_endian=big_endian)
    writer = gguf.GGUFWriter(folder / "quantized.gguf", "llama")
    for kind in (
        gguf.GGMLQuantizationType.Q8_0,
        gguf.GGMLQuantizationType.Q4_0,
        gguf.GGMLQuantizationType.Q5_1,
        gguf.GGMLQuantizationType.BF16,
    ):
        writer.add_tensor(
            f"blk.{kind.name}", gguf.quants.quantize(np.ones((4, 64), np.float32), kind), raw_dtype=kind
        )
    _finish(writer)
    writer = gguf.GGUFWriter(folder / "nested.gguf", "llama")
    writer.add_array("nested", [[1, 2], [3]])
    _finish(writer)
    writer = gguf.GGUFWriter(folder / "no_tensor.gguf", "bert")
    writer.add_name("vocabulary only")
    _finish(writer)


def _gguf(path: Path, *, big_endian: bool) -> None:
    order = gguf.GGUFEndian.BIG if big_endian else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(path, "llama", endianess=order)
    writer.add_name("weighbridge")
    writer.add_uint8("u8", 1)
    writer.add_int8("i8", -1)
    writer.add_uint16("u16", 1)
    writer.add_int16("i16", -1)
    writer.add_uint32("u32", 1)
    writer.add_int32("i32", -1)
    writer.add_uint64("u64", 1)
    writer.add_int64("i64", -1)
    writer.add_float32("f32", 1.5)
    writer.add_float64("f64", 1.5)
    writer.add_bool("flag", True)
    writer.add_string("text", "ünïcode")
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("texts", ["a", "b"])
    writer.add_token_list(["<s>", "a", "b"])
    writer.add_chat_template(
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    )
    for code in ("f4", "f2", "f8", "i1", "i2", "i4", "i8"):
        writer.add_tensor(f"t.{code}", np.ones((4, 8), code))
    _finish(writer)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
