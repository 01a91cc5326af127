"""Read the manifest of a Lance dataset: the files that a version is made of.

    file  = ...  u64 offset of the manifest  u16 major  u16 minor  "LANC"        in `_versions`
    manifest = u32 length, protobuf: 2: fragment = 2: data file = 1: path
                                     18: base path = 4: path
    data files end in "LANC" too, with other numbers before it

Source: https://github.com/lance-format/lance/blob/main/protos/table.proto
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.protobuf import ProtobufReader, Wire

MAGIC = b"LANC"
_LARGEST = 64 * MIB
_MAX_PATHS = 200_000
_FRAGMENTS, _BASE_PATHS = 2, 18


@dataclass(frozen=True, slots=True)
class LanceManifest:
    """The paths that a manifest names, in file order."""

    paths: tuple[str, ...]


def read_manifest(source: ByteSource) -> LanceManifest:
    """Read the manifest at the end of a file.

    Raises:
        Malformed: the file has no manifest.
        LimitReached: a manifest of more than 64 MiB, or with more than 200,000 files.
    """
    size = source.size
    tail = bytes(source.read_at(max(0, size - 16), 16))
    if len(tail) < 16 or tail[12:] != MAGIC:
        raise Malformed("does not end with LANC")
    at = int.from_bytes(tail[:8], "little")
    head = bytes(source.read_at(at, 4)) if at < size - 16 else b""
    length = int.from_bytes(head, "little")
    if len(head) < 4 or not 0 < length <= size - 16 - at - 4:
        raise Malformed("no manifest where the footer points to", size - 16)
    if length > _LARGEST:
        raise LimitReached(f"a manifest of {length:,} bytes")
    reader = ProtobufReader(source)
    paths: list[str] = []
    for field in reader.fields(at + 4, at + 4 + length):
        if field.wire is Wire.BYTES and field.number == _FRAGMENTS:
            for part in reader.message(field):
                if part.number == 2 and part.wire is Wire.BYTES:
                    paths += [
                        reader.text_of(one, 4096) for one in reader.message(part) if one.number == 1
                    ]
        elif field.wire is Wire.BYTES and field.number == _BASE_PATHS:
            paths += [reader.text_of(one, 4096) for one in reader.message(field) if one.number == 4]
        if len(paths) > _MAX_PATHS:
            raise LimitReached(f"a manifest with more than {_MAX_PATHS:,} files")
    return LanceManifest(tuple(paths))
