"""TFLite models: one hit for each rule of TFL, and benign twins."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MARKER = b"weighbridge-marker: nothing here runs\n"
PICKLED_CALL = b"cos\nsystem\n(S'echo weighbridge-marker'\ntR."
CUSTOM, RELU = 32, 19
FLOAT32, STRING = 0, 5


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar field: a struct code and its value."""

    code: str
    value: int


Field = Number | str | bytes | Sequence["int | Table"] | Mapping[int, "Field"]
Table = Mapping[int, Field]


def flatbuffer(root: Table, identifier: bytes = b"TFL3") -> bytes:
    """Spell a FlatBuffer: each table before what it points to, so that all offsets lead forward."""
    out = bytearray(4) + identifier
    places: list[tuple[int, Field | Table]] = [(0, root)]
    while places:
        at, value = places.pop(0)
        out += bytes(-len(out) % 8)
        start = len(out)
        if isinstance(value, Mapping):
            start = _table(out, value, places)
        elif isinstance(value, str):
            out += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
        elif isinstance(value, bytes):
            out += struct.pack("<I", len(value)) + value
        elif not isinstance(value, Number):
            _vector(out, value, places)
        struct.pack_into("<I", out, at, start - at)
    return bytes(out)


def _table(out: bytearray, table: Table, places: list[tuple[int, Field | Table]]) -> int:
    count = max(table, default=-1) + 1
    sizes = {
        index: struct.calcsize(value.code) if isinstance(value, Number) else 4
        for index, value in table.items()
    }
    offsets, end = {}, 4
    for index in sorted(table):
        end += -end % sizes[index]
        offsets[index] = end
        end += sizes[index]
    vtable = len(out)
    slots = [offsets.get(index, 0) for index in range(count)]
    out += struct.pack(f"<HH{count}H", 4 + 2 * count, end, *slots)
    out += bytes(-len(out) % 8)
    start = len(out)
    out += struct.pack("<i", start - vtable) + bytes(end - 4)
    for index, value in table.items():
        if isinstance(value, Number):
            struct.pack_into("<" + value.code, out, start + offsets[index], value.value)
        else:
            places.append((start + offsets[index], value))
    return start


def _vector(
    out: bytearray, values: Sequence[int | Table], places: list[tuple[int, Field | Table]]
) -> None:
    out += struct.pack("<I", len(values))
    for value in values:
        if isinstance(value, int):
            out += struct.pack("<i", value)
        else:
            places.append((len(out), value))
            out += bytes(4)


def custom(code: str) -> Table:
    """Spell an operator code that is not TFLite's own."""
    return {0: Number("b", CUSTOM), 1: code, 3: Number("i", CUSTOM)}


def builtin(code: int) -> Table:
    """Spell an operator code of TFLite."""
    return {0: Number("b", code), 3: Number("i", code)}


def tensor(name: str, dims: Sequence[int], kind: int = FLOAT32, buffer: int = 0) -> Table:
    """Spell a tensor."""
    return {0: list(dims), 1: Number("b", kind), 2: Number("I", buffer), 3: name}


def strings(*texts: str) -> bytes:
    """Spell the buffer of a constant tensor of strings."""
    head = 4 * (len(texts) + 2)
    offsets = [head]
    for text in texts:
        offsets.append(offsets[-1] + len(text.encode()))
    return struct.pack(f"<{len(offsets) + 1}I", len(texts), *offsets) + "".join(texts).encode()


def model(
    code: Table,
    *,
    tensors: Sequence[Table] | None = None,
    inputs: Sequence[int] = (0,),
    buffers: Sequence[Table] = ({},),
    description: str = "MLIR Converted.",
    more: Table | None = None,
) -> bytes:
    """Spell a model with one operator."""
    shown = [tensor("x", [1, 4]), tensor("y", [1, 4])] if tensors is None else list(tensors)
    operator: Table = {0: Number("I", 0), 1: list(inputs), 2: [len(shown) - 1]}
    subgraph: Table = {0: shown, 1: [0], 2: [len(shown) - 1], 3: [operator], 4: "main"}
    root: dict[int, Field] = {
        0: Number("I", 3),
        1: [code],
        2: [subgraph],
        3: description,
        4: list(buffers),
    }
    return flatbuffer(root | dict(more or {}))


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield "tflite/plain.twin.tflite", model(builtin(RELU))
    yield "tflite/unknown-op.tflite", model(custom("WeighbridgeMarkerOp"))
    yield "tflite/known-op.twin.tflite", model(custom("TFLite_Detection_PostProcess"))
    yield "tflite/flex-math.twin.tflite", model(custom("FlexMatrixInverse"))
    yield "tflite/flex-python.tflite", model(custom("FlexPyFunc"))
    yield "tflite/flex-write.tflite", _flex("FlexWriteFile", "/home/user/.bashrc")
    yield "tflite/flex-save.tflite", model(custom("FlexSaveV2"))
    yield from _layouts()
    yield from _texts()


def _flex(code: str, path: str) -> bytes:
    tensors = [
        tensor("path", [1], STRING, 1),
        tensor("content", [1], STRING, 2),
        tensor("y", [1], STRING),
    ]
    buffers: list[Table] = [{}, {0: strings(path)}, {0: strings(MARKER.decode())}]
    return model(custom(code), tensors=tensors, inputs=(0, 1), buffers=buffers)


def _layouts() -> Iterator[tuple[str, bytes]]:
    yield "tflite/index-outside.tflite", model(builtin(RELU), inputs=(70_000,))
    yield "tflite/optional-input.twin.tflite", model(builtin(RELU), inputs=(0, -1))
    huge = [tensor("x", [65536] * 4), tensor("y", [1])]
    yield "tflite/shape-overflow.tflite", model(builtin(RELU), tensors=huge)
    weights = [tensor("w", [2, 2], buffer=1), tensor("y", [1, 4])]
    yield (
        "tflite/weights.twin.tflite",
        model(builtin(RELU), tensors=weights, buffers=({}, {0: bytes(16)})),
    )
    yield (
        "tflite/weights-short.tflite",
        model(builtin(RELU), tensors=weights, buffers=({}, {0: bytes(12)})),
    )
    far: Table = {1: Number("Q", 1 << 40), 2: Number("Q", 16)}
    yield "tflite/buffer-outside.tflite", model(builtin(RELU), tensors=weights, buffers=({}, far))
    whole = model(builtin(RELU))
    yield "tflite/cut-off.tflite", whole[: len(whole) // 2]
    groups: Table = {8: [{0: "../../etc/passwd"}]}
    yield "tflite/external-escapes.tflite", model(builtin(RELU), more=groups)
    beside: Table = {8: [{0: "weights.bin"}]}
    yield "tflite/external.twin.tflite", model(builtin(RELU), more=beside)


def _texts() -> Iterator[tuple[str, bytes]]:
    script = "<script src='https://example.invalid/marker.js'></script>"
    yield "tflite/description-script.tflite", model(builtin(RELU), description=script)
    linked = "see https://example.invalid/ for the licence"
    yield "tflite/description-link.twin.tflite", model(builtin(RELU), description=linked)
    metadata: Table = {6: [{0: "notes", 1: Number("I", 1)}]}
    yield (
        "tflite/metadata-pickle.tflite",
        model(builtin(RELU), buffers=({}, {0: PICKLED_CALL}), more=metadata),
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("labels.pkl", (2024, 1, 1, 0, 0, 0)), PICKLED_CALL)
    yield "tflite/zip-with-pickle.tflite", model(builtin(RELU)) + packed.getvalue()
