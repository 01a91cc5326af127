"""Trees of arrays and compiled functions: Flax, Orbax, JAX exports, MATLAB and Julia."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MLIR = b"ML\xefR"
_MATLAB = (b"MATLAB 5.0 MAT-file", b"MATLAB 7.0 MAT-file")
_MATLAB_MARKS = (b"IM", b"MI")
_OCDBT = b"\x0c\xdb\x3a\x2a"
_JULIA = b"7JL"
_BSON_TYPES = frozenset(range(0x01, 0x14)) | {0x7F, 0xFF}
_MSGPACK_MAPS = frozenset(range(0x81, 0x90)) | {0xDE, 0xDF}
_MSGPACK_NAMES = (".msgpack", ".mpk")


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head.startswith(_MLIR):
        yield Format.MLIR
    elif _MLIR in head and _is_export(head):
        yield Format.JAX_EXPORT
    # From version 7.3 on it is HDF5 behind the same kind of header.
    if head.startswith(_MATLAB) and head[126:128] in _MATLAB_MARKS and head[512:516] != b"\x89HDF":
        yield Format.MATLAB
    if head.startswith(_OCDBT):
        yield Format.OCDBT
    if head.startswith(_JULIA):
        yield Format.JULIA
    if _is_bson(probe):
        yield Format.BSON
    if _is_msgpack(probe):
        yield Format.MSGPACK


def _is_export(head: bytes) -> bool:
    """The root of a FlatBuffer whose vtable lies in front of it, as JAX's writer has it."""
    root = int.from_bytes(head[:4], "little")
    if root % 4 or not 4 <= root <= len(head) - 4:
        return False
    vtable = root - int.from_bytes(head[root : root + 4], "little", signed=True)
    return 4 <= vtable < len(head) - 4 and int.from_bytes(head[vtable : vtable + 2], "little") <= 128


def _is_bson(probe: Probe) -> bool:
    """A document states its own length, and its first element has a known type and a name."""
    head = probe.head
    length = int.from_bytes(head[:4], "little")
    if not 5 < length <= probe.size or head[4] not in _BSON_TYPES:
        return False
    name, mark, _ = head[5:261].partition(b"\0")
    is_named = bool(mark) and name.decode("ascii", "replace").isprintable() and b"\xff" not in name
    return is_named and (probe.suffix == ".bson" or (length == probe.size and len(name) > 0))


def _is_msgpack(probe: Probe) -> bool:
    """A map with text for its first key; by its name alone when that is all there is."""
    head = probe.head
    if not head or head[0] not in _MSGPACK_MAPS:
        return probe.suffix in _MSGPACK_NAMES and head[:1] not in (b"{", b"[", b"<")
    at = {0xDE: 3, 0xDF: 5}.get(head[0], 1)
    if at >= len(head):
        return False
    mark = head[at]
    if 0xA1 <= mark <= 0xBF:
        start, length = at + 1, mark & 0x1F
    elif mark == 0xD9 and at + 1 < len(head):
        start, length = at + 2, head[at + 1]
    else:
        return probe.suffix in _MSGPACK_NAMES
    key = head[start : start + length]
    is_text = len(key) == length > 0 and key.isascii() and key.decode("ascii").isprintable()
    return is_text and _fits(head, start + length)


def _fits(head: bytes, at: int) -> bool:
    """What follows the first key of a tree of arrays: a map, text, numbers, bytes or an extension."""
    return at < len(head) and head[at] != 0xC1
