"""Keras and HDF5: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK = 512
_SUFFIXES = frozenset(
    {".h5", ".hdf5", ".hdf", ".he5", ".h5ad", ".keras", ".mat", ".nc", ".nc4", ".loom"}
)
_TAR_REGULAR = b"0\0"


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    if _is_hdf5(probe):
        yield Format.HDF5
    if _is_keras_metadata(probe):
        yield Format.KERAS_METADATA


def _is_hdf5(probe: Probe) -> bool:
    """The signature stands at 0, or behind a user block of 512 bytes or a power of two above that."""
    if probe.head.startswith(_SIGNATURE):
        return True
    at = _FIRST_USER_BLOCK
    while at < len(probe.head):
        if probe.head.startswith(_SIGNATURE, at):
            return not (at == _FIRST_USER_BLOCK and _is_tar_member(probe.head))
        at *= 2
    if probe.source.is_remote and probe.suffix not in _SUFFIXES:
        return False  # each further place is a request
    while at < probe.size:
        if bytes(probe.source.read_at(at, len(_SIGNATURE))) == _SIGNATURE:
            return True
        at *= 2
    return False


def _is_tar_member(head: bytes) -> bool:
    """The first file of a tar stands at 512, too; it is inspected as a member."""
    return (
        head[257:262] == b"ustar" and head[156] in _TAR_REGULAR and head[124:135].strip(b"0 \0") != b""
    )


def _is_keras_metadata(probe: Probe) -> bool:
    """A message whose first node has a path or an identifier as Keras 2 writes them."""
    return probe.head[:1] == b"\x0a" and (
        b"_tf_keras_" in probe.head
        or (probe.base == "keras_metadata.pb" and b'"class_name"' in probe.head)
    )
