"""The README's demo: one model three times, as an attacker, an honest torch and safetensors store it.

The attack is what most malicious models found in the wild look like: a torch checkpoint whose
tensors are all there, and one call more. Ours prints a marker word.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator

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

_WEIGHTS = struct.pack("<4f", 0.25, -0.5, 0.75, 1.0)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    attack = call(global_line("posix", "system"), text32(MARKER))
    yield "demo/sentiment.pt", _checkpoint(text32("bias") + attack)
    yield "demo/sentiment-clean.pt", _checkpoint(text32("epoch") + integer(3))
    yield "demo/sentiment.safetensors", _safetensors()


def _checkpoint(last_item: bytes) -> bytes:
    """What torch.save writes for a state dict of one tensor, with one more item."""
    pickled = proto(2) + EMPTY_DICT + MARK + text32("weight") + _tensor() + last_item + b"u" + STOP
    members = {"data.pkl": pickled, "byteorder": b"little", "data/0": _WEIGHTS, "version": b"3\n"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"sentiment/{name}", (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _tensor() -> bytes:
    """`torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`."""
    storage_class = global_line("torch", "FloatStorage")
    key = tuple_of(text32("storage"), storage_class, text32("0"), text32("cpu"), integer(4))
    hooks = call(global_line("collections", "OrderedDict"))
    return call(
        global_line("torch._utils", "_rebuild_tensor_v2"),
        key + BINPERSID,
        integer(0),
        tuple_of(integer(4)),
        tuple_of(integer(1)),
        FALSE,
        hooks,
    )


def _safetensors() -> bytes:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, len(_WEIGHTS)]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": entry}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + _WEIGHTS
