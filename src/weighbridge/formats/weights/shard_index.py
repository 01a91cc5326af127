"""Read the index that says which file holds which tensor of a sharded checkpoint.

    {"metadata": {"total_size": 123}, "weight_map": {"NAME": "model-00001-of-00002.safetensors"}}

Source: transformers.utils.hub.get_checkpoint_shard_files, which joins each name to the folder of
the index and loads what is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json, decode_json

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".npy")


class ShardPlace(StrEnum):
    """Where a shard's name leads."""

    INSIDE = "inside the folder"
    ABSOLUTE = "an absolute path"
    PARENT = "a path that climbs out of the folder"
    URL = "a URL"


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The shards that an index names.

    Attributes:
        shards: each name once, with the first tensor that it holds, in the order of the file.
        unreadable: tensors whose shard is not a string.
        duplicate_keys: tensors, or other keys, that stand twice.
    """

    shards: tuple[tuple[str, str], ...]
    unreadable: tuple[str, ...]
    duplicate_keys: tuple[str, ...]


def parse_shard_index(source: ByteSource, limits: Limits) -> ShardIndex | None:
    """Read an index; None when the JSON has no `weight_map` and so is no index.

    Raises:
        Malformed: not UTF-8, or not JSON.
        LimitReached: larger than `limits.header_bytes`.
    """
    if source.size > limits.header_bytes:
        raise LimitReached(f"the index has {source.size:,} bytes; the limit is {limits.header_bytes:,}")
    try:
        text = bytes(source.read_at(0, source.size)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("the index is not UTF-8", error.start) from None
    start = len(text) - len(text.lstrip(" \t\r\n"))
    document = decode_json(text, start=start)
    weight_map = document.value.get("weight_map") if isinstance(document.value, Mapping) else None
    if not isinstance(weight_map, Mapping):
        return None
    return _collect(weight_map, document.duplicate_keys)


def _collect(weight_map: Mapping[str, Json], duplicate_keys: tuple[str, ...]) -> ShardIndex:
    shards: dict[str, str] = {}
    unreadable: list[str] = []
    for tensor, shard in weight_map.items():
        if isinstance(shard, str):
            shards.setdefault(shard, tensor)
        else:
            unreadable.append(tensor)
    return ShardIndex(tuple(shards.items()), tuple(unreadable), duplicate_keys)


def shard_place(name: str) -> ShardPlace:
    """Say where a name leads, on POSIX or on Windows."""
    slashed = name.replace("\\", "/")
    if _SCHEME.match(name):
        return ShardPlace.URL
    if slashed.startswith(("/", "~")) or _DRIVE.match(name):
        return ShardPlace.ABSOLUTE
    if ".." in slashed.split("/"):
        return ShardPlace.PARENT
    return ShardPlace.INSIDE


def is_pickle_name(name: str) -> bool:
    """True when loaders go by this suffix to something that can run code."""
    return name.lower().endswith(_UNSAFE_SUFFIXES)
