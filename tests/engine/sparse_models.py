"""Sparse multi-gigabyte model files: real headers, tensor bytes that take no disk."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import IO

GIB = 1 << 30


def torch_zip(path: Path, size_bytes: int, *, storages: int = 8, payload: bytes = b"") -> None:
    """A checkpoint laid out as torch.save does it: data.pkl first, stored storages, version last.

    Args:
        path: where to write.
        size_bytes: roughly, of the whole file.
        storages: tensors, of equal size.
        payload: opcodes that run before the dictionary is built.
    """
    each = size_bytes // storages // 64 * 64
    members = [("data.pkl", _state_dict(storages, each // 4, payload)), ("byteorder", b"little")]
    directory = bytearray()
    with path.open("wb") as file:
        for name, data in members:
            directory += _member(file, f"model/{name}", data)
        for key in range(storages):
            directory += _hole(file, f"model/data/{key}", each)
        for name, data in (("version", b"3\n"), (".data/serialization_id", b"0" * 40)):
            directory += _member(file, f"model/{name}", data)
        start = file.tell()
        file.write(directory)
        count = len(members) + storages + 2
        if start > 0xFFFFFFFF:
            at = file.tell()
            sizes = (count, count, len(directory), start)
            file.write(struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, *sizes))
            file.write(struct.pack("<4sIQI", b"PK\6\7", 0, at, 1))
        shown = min(start, 0xFFFFFFFF)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), shown, 0))


def _state_dict(storages: int, elements: int, payload: bytes) -> bytes:
    out = bytearray(b"\x80\x02" + payload + b"}(")
    for key in range(storages):
        out += _unicode(f"layer.{key}.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        out += (
            _unicode("storage")
            + b"ctorch\nFloatStorage\n"
            + _unicode(str(key))
            + _unicode("cpu")
            + b"J"
            + struct.pack("<i", elements)
        )
        out += b"tQK\0J" + struct.pack("<i", elements) + b"\x85K\1\x85\x89}tR"
    return bytes(out + b"u.")


def _unicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _member(file: IO[bytes], name: str, data: bytes) -> bytes:
    return _entry(file, name, data, len(data), zlib.crc32(data))


def _hole(file: IO[bytes], name: str, size: int) -> bytes:
    return _entry(file, name, None, size, 0)


def _entry(file: IO[bytes], name: str, data: bytes | None, size: int, crc: int) -> bytes:
    offset = file.tell()
    raw = name.encode()
    padding = -(offset + 30 + len(raw) + 4) % 64
    extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    common = (0, 0, 0, 0, 33, crc, size, size, len(raw))
    file.write(struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *common, len(extra)) + raw + extra)
    if data is None:
        file.seek(size - 1, 1)
        file.write(b"\0")
    else:
        file.write(data)
    zip64 = struct.pack("<HHQ", 1, 8, offset) if offset > 0xFFFFFFFE else b""
    shown = 0xFFFFFFFF if zip64 else offset
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 0, *common, len(zip64), 0, 0, 0, 0, shown)
    return central + raw + zip64


def safetensors(path: Path, size_bytes: int, *, tensors: int = 100) -> None:
    """A safetensors file with `tensors` equal float32 tensors."""
    each = size_bytes // tensors // 64 * 64
    header = {
        f"layer.{n}": {"dtype": "F32", "shape": [each // 4], "data_offsets": [n * each, (n + 1) * each]}
        for n in range(tensors)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + tensors * each)
