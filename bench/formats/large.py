"""What large models cost: a 5 GB ONNX with external data, a 10 GB GGUF, a 2 GB SavedModel, and others.

    python bench/formats/large.py

The files are sparse: their tensors are holes, so they need no room on disk. Each is scanned alone;
the table says how many bytes were read, the memory of the largest process, and the time.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import measure

GIB = 1 << 30
_FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _entry(key: str, value: str) -> bytes:
    return _bytes(13, _bytes(1, key.encode()) + _bytes(2, value.encode()))


def onnx_external(folder: Path) -> Path:
    """300 tensors that lie in a file of 5 GB beside the model."""
    each = 5 * GIB // 300 & ~0xFFF
    tensors, nodes = b"", b""
    for index in range(300):
        name = f"layer.{index}.weight"
        place = _entry("location", "weights.bin") + _entry("offset", str(index * each))
        shape = _number(1, each // 4096) + _number(1, 1024)
        tensor = shape + _number(2, _FLOAT) + _bytes(8, name.encode()) + place
        tensors += _bytes(5, tensor + _entry("length", str(each)) + _number(14, 1))
        nodes += _bytes(1, _bytes(1, name.encode()) + _bytes(2, b"y%d" % index) + _bytes(4, b"Relu"))
    graph = nodes + _bytes(2, b"large") + tensors
    model = _number(1, 8) + _bytes(2, b"bench") + _bytes(7, graph) + _bytes(8, _number(2, 17))
    (folder / "model.onnx").write_bytes(model)
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(5 * GIB)
    return folder


def _with_hole(path: Path, before: bytes, hole: int, after: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(before)
        file.seek(hole, 1)
        file.write(after)
        file.truncate(len(before) + hole + len(after))
    return path


def onnx_inline(folder: Path) -> Path:
    """One tensor of 1.9 GB inside of the model."""
    hole = 19 * GIB // 10
    head = (
        _number(1, hole // 4)
        + _number(2, _FLOAT)
        + _bytes(8, b"w")
        + _varint(9 << 3 | 2)
        + _varint(hole)
    )
    name = _bytes(2, b"large") + _bytes(1, _bytes(1, b"w") + _bytes(2, b"y") + _bytes(4, b"Relu"))
    tensor = _varint(5 << 3 | 2) + _varint(len(head) + hole)
    graph = _varint(7 << 3 | 2) + _varint(len(name) + len(tensor) + len(head) + hole)
    start = _number(1, 8) + _bytes(8, _number(2, 17)) + graph + name + tensor + head
    return _with_hole(folder / "inline.onnx", start, hole)


def saved_model(folder: Path) -> Path:
    """A SavedModel whose graph holds one constant of 2 GB, less a little."""
    hole = 2 * GIB - (1 << 20)
    content = _number(1, _FLOAT) + _bytes(2, _bytes(2, _number(1, hole // 4)))
    tensor = content + _varint(4 << 3 | 2) + _varint(hole)
    value = _varint(8 << 3 | 2) + _varint(len(tensor) + hole)
    attribute = _bytes(1, b"value") + _varint(2 << 3 | 2) + _varint(len(value) + len(tensor) + hole)
    node = _bytes(1, b"weights") + _bytes(2, b"Const") + _varint(5 << 3 | 2)
    node += _varint(len(attribute) + len(value) + len(tensor) + hole)
    inner = node + attribute + value + tensor
    graph = _varint(1 << 3 | 2) + _varint(len(inner) + hole)
    meta = _varint(2 << 3 | 2) + _varint(len(graph) + len(inner) + hole)
    model = _number(1, 1) + _varint(2 << 3 | 2) + _varint(len(meta) + len(graph) + len(inner) + hole)
    return _with_hole(folder / "saved_model.pb", model + meta + graph + inner, hole)


def gguf(folder: Path) -> Path:
    """300 tensors of 10 GB in sum, and a vocabulary of 32,000 words."""
    each = 10 * GIB // 300 & ~0x1F

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    words = b"".join(text(f"word{index}") for index in range(32_000))
    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    pairs += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 32_000) + words
    infos = b"".join(
        text(f"blk.{index}.weight") + struct.pack("<IQIQ", 1, each // 4, 0, index * each)
        for index in range(300)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 300, 2) + pairs + infos
    return _with_hole(folder / "model.gguf", head + bytes(-len(head) % 32), 300 * each)


MODELS: tuple[Callable[[Path], Path], ...] = (onnx_external, onnx_inline, saved_model, gguf)


def main() -> None:
    print("| model | on disk | read | largest process | CPU | verdict |")
    print("|---|---|---|---|---|---|")
    for make in MODELS:
        with tempfile.TemporaryDirectory() as name:
            target, report = make(Path(name)), Path(name) / "report.json"
            command = [sys.executable, "-m", "weighbridge", "scan", str(target), "-f", "json"]
            done = measure([*command, "-o", str(report)], runs=3)
            said = json.loads(report.read_text(encoding="utf-8"))
            rows = said["targets"][0]["coverage"]
            size, read = (
                sum(row["size_bytes"] or 0 for row in rows),
                sum(row["bytes_read"] for row in rows),
            )
            memory = done.largest_process_bytes / 1e6
            print(
                f"| {make.__name__} | {size:,} | {read:,} | {memory:.0f} MB | {done.cpu_s:.2f} s | "
                f"{said['verdict']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
