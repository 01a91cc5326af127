"""Serialization of R, Java and .NET: known by their bytes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.languages.rds import WORKSPACES
from weighbridge.formats.languages.rds_objects import SexpType
from weighbridge.formats.recognise.probe import Probe

_JAVA = b"\xac\xed\x00\x05"
_DOTNET = b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00"
_WORDS = re.compile(rb"(?:A.|\nA.)\s*[23]\s+\d{1,7}\s+\d{1,7}\s+\d", re.DOTALL)
_OLD_WORKSPACES = (b"RDX1\n", b"RDA1\n", b"RDB1\n")
_TYPES = frozenset(int(kind) for kind in SexpType)
_LAZYLOAD_STARTS = (b"X\n", b"A\n", b"B\n")


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head.startswith(_JAVA):
        yield Format.JAVA_SERIALIZATION
    elif head.startswith(_DOTNET):
        yield Format.DOTNET_SERIALIZATION
    if head[:5] in WORKSPACES or head[:5] in _OLD_WORKSPACES or _is_rds(head):
        yield Format.RDS
    elif _is_lazyload(head, probe.suffix):
        yield Format.R_LAZYLOAD


def _is_rds(head: bytes) -> bool:
    """A version that R reads, and a first object of a type that R knows.

    R does not look at the second byte, so neither is it asked for here.
    """
    if head[:1] == b"X":
        return _has_version(head, "big")
    if head[:1] == b"B":
        return _has_version(head, "little") or _has_version(head, "big")
    return head[:1] in (b"A", b"\n") and _WORDS.match(head) is not None


def _has_version(head: bytes, order: str) -> bool:
    is_big = order == "big"
    version = _integer(head, 2, is_big)
    if version not in (2, 3) or len(head) < 18:
        return False
    at = 14
    if version == 3:
        at = 18 + _integer(head, 14, is_big)
    return at + 4 <= len(head) and _integer(head, at, is_big) & 0xFF in _TYPES


def _integer(head: bytes, at: int, is_big: bool) -> int:
    return int.from_bytes(head[at : at + 4], "big" if is_big else "little")


def _is_lazyload(head: bytes, suffix: str) -> bool:
    """A block of an `.rdb` file: its length, and a zlib stream that holds an object."""
    if head[4:5] == b"\x78":
        try:
            return zlib.decompressobj().decompress(head[4:], 2) in _LAZYLOAD_STARTS
        except zlib.error:
            return False
    return suffix == ".rdb" and head[4:5] in (b"2", b"Z", b"0")
