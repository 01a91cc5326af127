"""Weights that should be inert: one hit for each rule of ST, GGF and NPY, and benign twins."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator

MARKER = b"weighbridge-marker: these bytes belong to no tensor\n"
PICKLED_LIST = b"\x80\x04]\x94(K\x01K\x02e."

Entry = dict[str, object]


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _safetensors()
    yield from _indexes()
    yield from _gguf()
    yield from _npy()


def _safetensors_file(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + data


def _entry(begin: int, end: int, *, dtype: str = "F32", shape: list[int] | None = None) -> Entry:
    shown = [(end - begin) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shown, "data_offsets": [begin, end]}


def _with_metadata(key: str, value: object) -> bytes:
    return _safetensors_file({"__metadata__": {key: value}, "w": _entry(0, 16)}, bytes(16))


def _safetensors() -> Iterator[tuple[str, bytes]]:
    good = _safetensors_file({"w": _entry(0, 16), "b": _entry(16, 24)}, bytes(24))
    entry = json.dumps(_entry(0, 16)).encode()
    yield "weights/benign.safetensors", good
    yield "weights/header-too-long.safetensors", struct.pack("<Q", 9_000_000) + good[8:]
    twice = b'{"w": ' + entry + b', "w": ' + entry + b"}"
    yield "weights/key-twice.safetensors", _safetensors_file(twice, bytes(16))
    after = b'{"w": ' + entry + b"}" + MARKER
    yield "weights/after-json.safetensors", _safetensors_file(after, bytes(16))
    spelled = {"w": {**_entry(0, 16), "note": "extra"}}
    yield "weights/extra-field.safetensors", _safetensors_file(spelled, bytes(16))
    yield "weights/metadata-not-text.safetensors", _with_metadata("config", {"a": 1})
    yield (
        "weights/unknown-dtype.safetensors",
        _safetensors_file({"w": _entry(0, 4, dtype="Q4")}, bytes(4)),
    )
    overflow = {"w": _entry(0, 16, shape=[2**32, 2**32])}
    yield "weights/overflow.safetensors", _safetensors_file(overflow, bytes(16))
    overlap = {"a": _entry(0, 16), "b": _entry(8, 24)}
    yield "weights/overlap.safetensors", _safetensors_file(overlap, bytes(24))
    hole = {"a": _entry(0, 16), "b": _entry(16 + len(MARKER), 32 + len(MARKER))}
    yield "weights/hole.safetensors", _safetensors_file(hole, bytes(16) + MARKER + bytes(16))
    yield "weights/trailing.safetensors", good + MARKER
    yield "weights/truncated.safetensors", good[:-1]
    yield from _metadata_samples()


def _metadata_samples() -> Iterator[tuple[str, bytes]]:
    pickled = base64.b64encode(PICKLED_LIST).decode()
    yield "weights/metadata-pickle.safetensors", _with_metadata("config", pickled)
    target = json.dumps({"_target_": "os.system", "command": "echo weighbridge-marker"})
    yield "weights/metadata-hydra.safetensors", _with_metadata("config", target)
    model = json.dumps({"_target_": "flextok.model.FlexTok", "width": 16})
    yield "weights/metadata-hydra-benign.safetensors", _with_metadata("config", model)
    script = "<script src='https://example.invalid/marker.js'></script>"
    yield "weights/metadata-script.safetensors", _with_metadata("title", script)
    training = {
        "__metadata__": {
            "ss_output_name": "style",
            "ss_dataset_dirs": json.dumps({"C:\\train\\../10_style": {"n_repeats": 10}}),
            "ss_tag_frequency": json.dumps({"10_style": {"1girl, <lora:x:1>, eval()": 3}}),
            "modelspec.description": "see https://example.invalid/ and run `import os`",
            "modelspec.thumbnail": "data:image/jpeg;base64," + base64.b64encode(bytes(96)).decode(),
            "sshs_model_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
        "lora_up.weight": _entry(0, 16),
    }
    yield "weights/metadata-training-benign.safetensors", _safetensors_file(training, bytes(16))


def _index(**weight_map: object) -> bytes:
    return json.dumps({"metadata": {"total_size": 24}, "weight_map": weight_map}, indent=2).encode()


def _indexes() -> Iterator[tuple[str, bytes]]:
    first, second = (f"model-0000{n}-of-00002.safetensors" for n in (1, 2))
    name = "model.safetensors.index.json"
    yield f"weights/index-benign/{name}", _index(w=first, b=second)
    yield f"weights/index-parent/{name}", _index(w=first, b="../../other/pytorch_model.bin")
    yield f"weights/index-absolute/{name}", _index(w=first, b="/tmp/weighbridge-marker.safetensors")
    yield f"weights/index-url/{name}", _index(w=first, b="https://example.invalid/m.safetensors")
    yield f"weights/index-pickle/{name}", _index(w=first, b="pytorch_model-00002-of-00002.bin")
    twice = f'{{"weight_map": {{"w": "{first}", "w": "{second}"}}}}'.encode()
    yield f"weights/index-ambiguous/{name}", twice
    pickles = _index(w="pytorch_model-00001-of-00001.bin")
    yield "weights/index-bin-benign/pytorch_model.bin.index.json", pickles


def _string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _array(kind: int, count: int, elements: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + elements


def _tensor(name: str, dims: list[int], kind: int, offset: int) -> bytes:
    return _string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def _gguf_file(
    pairs: list[bytes], tensors: list[bytes] | None = None, data: bytes = b"", *, version: int = 3
) -> bytes:
    listed = [_tensor("w", [8], 0, 0)] if tensors is None else tensors
    content = bytes(32) if tensors is None else data
    named = [_pair("general.architecture", 8, _string("llama")), *pairs]
    head = b"GGUF" + struct.pack("<IQQ", version, len(listed), len(named))
    head += b"".join(named) + b"".join(listed)
    return head + bytes(-len(head) % 32) + content


def _vocabulary(tokens: int, scores: int) -> list[bytes]:
    words = b"".join(_string(f"token{n}") for n in range(tokens))
    return [
        _pair("tokenizer.ggml.tokens", 9, _array(8, tokens, words)),
        _pair("tokenizer.ggml.scores", 9, _array(6, scores, bytes(4 * scores))),
    ]


def _gguf() -> Iterator[tuple[str, bytes]]:
    yield "weights/benign.gguf", _gguf_file(_vocabulary(4, 4))
    yield "weights/version.gguf", _gguf_file([], version=9)
    yield "weights/absurd-count.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1, 2**63 - 1) + bytes(64)
    yield "weights/absurd-length.gguf", _gguf_file([_pair("k", 8, struct.pack("<Q", 2**64 - 1))])
    yield "weights/value-type.gguf", _gguf_file([_pair("k", 2**32 - 1, b"")])
    yield "weights/dimensions.gguf", _gguf_file([], [_tensor("w", [1] * 100, 0, 0)], bytes(32))
    yield "weights/overflow.gguf", _gguf_file([], [_tensor("w", [2**32, 2**32], 0, 0)], bytes(32))
    yield "weights/offset.gguf", _gguf_file([], [_tensor("w", [8], 0, 2**64 - 256)], bytes(32))
    yield "weights/alignment.gguf", _gguf_file([_pair("general.alignment", 4, bytes(4))])
    yield "weights/vocabulary.gguf", _gguf_file(_vocabulary(4, 1))
    overlap = [_tensor("a", [16], 0, 0), _tensor("b", [8], 0, 32)]
    yield "weights/overlap.gguf", _gguf_file([], overlap, bytes(64))
    template = _pair("tokenizer.chat_template", 8, _string("{{ messages }}"))
    yield "weights/key-twice.gguf", _gguf_file([template, template])
    nested = _pair("nested", 9, _array(9, 1, _array(0, 2, b"ab")))
    yield "weights/nested-array.gguf", _gguf_file([nested])
    video = [_tensor("patch_embedding.weight", [2, 2, 1, 2, 1], 0, 0)]
    yield "weights/five-dimensions.gguf", _gguf_file([], video, bytes(32))
    yield "weights/fork-type-benign.gguf", _gguf_file([], [_tensor("w", [256], 137, 0)], bytes(128))
    yield "weights/trailing.gguf", _gguf_file([]) + MARKER
    yield "weights/truncated.gguf", _gguf_file([])[:-1]


def _npy_file(header: str, payload: bytes) -> bytes:
    raw = header.encode("latin-1")
    raw += b" " * (-(len(raw) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + payload


def _described(descr: str, shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


def _npy() -> Iterator[tuple[str, bytes]]:
    plain = _npy_file(_described("'<f8'"), bytes(16))
    yield "weights/benign.npy", plain
    yield "weights/two-arrays-benign.npy", plain + plain
    yield "weights/objects.npy", _npy_file(_described("'|O'"), PICKLED_LIST)
    fields = "[('id', '<i4'), ('label', '|O')]"
    yield "weights/object-field.npy", _npy_file(_described(fields), PICKLED_LIST)
    call = "{'descr': __import__('os').system('echo weighbridge-marker')}"
    yield "weights/not-a-literal.npy", _npy_file(call, MARKER)
    yield (
        "weights/shape-overflow.npy",
        _npy_file(_described("'<f8'", "(2147483648, 4294967296)"), MARKER),
    )
    yield "weights/dtype-spelling.npy", _npy_file(_described("'i4,i4'"), MARKER)
    yield "weights/trailing.npy", plain + MARKER
    yield "weights/truncated.npy", plain[:-1]
