"""Repositories that hold their weights twice, and shards that their index does not fit, with twins."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping

from samples.recipes.assembler import (
    BINPERSID,
    EMPTY_DICT,
    FALSE,
    MARK,
    MARKER,
    STOP,
    call,
    global_line,
    integer,
    proto,
    text32,
    tuple_of,
)

Shapes = Mapping[str, tuple[int, ...]]
_MODEL = {"encoder.weight": (4, 4), "encoder.bias": (4,), "head.weight": (2, 4)}
_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 104\n".encode()
_FLOAT_BYTES = 4
COMMAND = text32("extra") + call(global_line("posix", "system"), text32(MARKER))
"""One more item of a state dictionary: a call that runs as it is loaded."""


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    for name, content in (*_twins(), *_shards(), *_places(), *_adapters()):
        yield f"shadowing/{name}", content


def safetensors(shapes: Shapes, kind: str = "F32", **metadata: str) -> bytes:
    """A safetensors file of zeros, of 32-bit or 16-bit (`F16`) floats."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    position = 0
    for name, shape in shapes.items():
        end = position + _FLOAT_BYTES // (1 if kind == "F32" else 2) * math.prod(shape)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + bytes(position)


def checkpoint(shapes: Shapes, *, extra: bytes = b"", tied: Mapping[str, str] | None = None) -> bytes:
    """What torch.save writes for a state dictionary of zeros.

    Args:
        shapes: by name.
        extra: opcodes of further keys and values.
        tied: names that share the storage of another name.
    """
    keys = {name: str(number) for number, name in enumerate(shapes)}
    items = [text32(name) + _tensor(keys[name], shape) for name, shape in shapes.items()]
    for name, other in (tied or {}).items():
        items.append(text32(name) + _tensor(keys[other], shapes[other]))
    pickled = proto(2) + EMPTY_DICT + MARK + b"".join(items) + extra + b"u" + STOP
    members = {"data.pkl": pickled, "byteorder": b"little"}
    members |= {f"data/{keys[name]}": bytes(4 * math.prod(shape)) for name, shape in shapes.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**members, "version": b"3\n"}.items():
            archive.writestr(zipfile.ZipInfo(f"model/{name}", (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _tensor(key: str, shape: tuple[int, ...]) -> bytes:
    count = math.prod(shape)
    kind = global_line("torch", "FloatStorage")
    storage = tuple_of(text32("storage"), kind, text32(key), text32("cpu"), integer(count))
    strides = [math.prod(shape[number + 1 :]) for number in range(len(shape))]
    return call(
        global_line("torch._utils", "_rebuild_tensor_v2"),
        storage + BINPERSID,
        integer(0),
        tuple_of(*map(integer, shape)),
        tuple_of(*map(integer, strides)),
        FALSE,
        call(global_line("collections", "OrderedDict")),
    )


def _twins() -> Iterator[tuple[str, bytes]]:
    honest = safetensors(_MODEL, format="pt")
    yield "shapes/model.safetensors", honest
    yield "shapes/pytorch_model.bin", checkpoint(_MODEL | {"head.weight": (8, 4)})
    yield "names/adapter_model.safetensors", honest
    yield "names/adapter_model.bin", checkpoint(_MODEL | {"trigger.gate.weight": (4,)})
    yield "checkpoint-names/style.safetensors", honest
    yield "checkpoint-names/style.ckpt", checkpoint(_MODEL | {"extra.weight": (4,)})
    yield "dangerous/model.safetensors", honest
    yield "dangerous/pytorch_model.bin", checkpoint(_MODEL, extra=COMMAND)
    yield "pointer/model.safetensors", _POINTER
    yield "pointer/pytorch_model.bin", checkpoint(_MODEL)
    yield "cut/model.fp16.safetensors", honest[:-8]
    yield "cut/pytorch_model.fp16.bin", checkpoint(_MODEL)
    yield "framework/model.safetensors", safetensors(_MODEL, format="flax")
    yield "framework/pytorch_model.bin", checkpoint(_MODEL)
    yield "types/model.safetensors", safetensors(_MODEL, "F16", format="pt")
    yield "types/pytorch_model.bin", checkpoint(_MODEL)
    yield "benign.twin/model.safetensors", honest
    yield "benign.twin/pytorch_model.bin", checkpoint(_MODEL, tied={"decoder.weight": "encoder.weight"})
    prefixed = {f"module.{name}": shape for name, shape in _MODEL.items()}
    yield "prefixed.twin/style.safetensors", honest
    yield "prefixed.twin/style.pt", checkpoint(prefixed | {"module.position_ids": (4,)})
    yield "pointers.twin/model.safetensors", _POINTER
    yield "pointers.twin/pytorch_model.bin", _POINTER


def _index(places: Mapping[str, str], total: int) -> bytes:
    return json.dumps({"metadata": {"total_size": total}, "weight_map": places}, indent=2).encode()


def _shards() -> Iterator[tuple[str, bytes]]:
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    names = list(_MODEL)
    places = {names[0]: first, names[1]: first, names[2]: second}
    parts = {
        first: safetensors({name: _MODEL[name] for name in names[:2]}),
        second: safetensors({names[2]: _MODEL[names[2]]}),
    }
    index = "model.safetensors.index.json"
    for folder, written in {
        "misplaced": _index(places | {names[2]: first}, 112),
        "unlisted": _index({name: places[name] for name in names[:1]} | {names[2]: second}, 112),
        "total": _index(places, 4_711),
        "shards.twin": _index(places, 112),
        "single": _index(places, 112),
    }.items():
        yield f"{folder}/{index}", written
        for name, content in parts.items():
            yield f"{folder}/{name}", content
    yield "single/model.safetensors", safetensors({"encoder.weight": (4, 4)})


def _places() -> Iterator[tuple[str, bytes]]:
    yield ".hidden/model.safetensors", safetensors(_MODEL)
    yield "pipeline/model_index.json", json.dumps({"_class_name": "StableDiffusionPipeline"}).encode()
    yield "pipeline/unet/diffusion_pytorch_model.safetensors", safetensors(_MODEL)
    yield "pipeline/unet/diffusion_pytorch_model.bin", checkpoint(_MODEL)
    yield "pipeline/safety_checker/pytorch_model.bin", checkpoint(_MODEL)


def _adapter_config(**changes: object) -> bytes:
    plain = {
        "base_model_name_or_path": "example/base-7b",
        "lora_alpha": 16,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": 4,
        "target_modules": ["q_proj"],
    }
    return json.dumps(plain | changes, indent=2).encode()


def _adapters() -> Iterator[tuple[str, bytes]]:
    query = "base_model.model.model.layers.0.self_attn.q_proj"
    matrices = {f"{query}.lora_A.weight": (4, 8), f"{query}.lora_B.weight": (8, 4)}
    replaced = {"base_model.model.model.layers.0.mlp.down_proj.weight": (8, 8)}
    yield "adapter-scale/adapter_config.json", _adapter_config(lora_alpha=4096, r=1)
    yield "adapter-weights/adapter_config.json", _adapter_config()
    yield "adapter-weights/adapter_model.safetensors", safetensors(matrices | replaced)
    yield "adapter-rank/adapter_config.json", _adapter_config(r=8)
    yield "adapter-rank/adapter_model.safetensors", safetensors(matrices)
    yield "adapter.twin/adapter_config.json", _adapter_config(modules_to_save=["down_proj"])
    yield "adapter.twin/adapter_model.safetensors", safetensors(matrices | replaced)
