"""The header of a compiled module: which Python wrote it, then marshal data.

    2.7 to 3.2   magic 2, CR LF, time 4                         8 bytes
    3.3 to 3.6   magic 2, CR LF, time 4, source size 4         12 bytes
    3.7 on       magic 2, CR LF, flags 4, time and size or
                 hash of the source 8                          16 bytes

Source: the comment table of Lib/importlib/_bootstrap_external.py and, from 3.14 on, of
Include/internal/pycore_magic_number.h; PEP 552 for the flags.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.marshal_reader import read_marshal
from weighbridge.formats.bytecode.values import CodeObject, Value, Version, layout_of

_MAGIC: tuple[tuple[int, int, Version], ...] = (
    (62171, 62211, (2, 7)),
    (3000, 3131, (3, 0)),
    (3141, 3151, (3, 1)),
    (3160, 3180, (3, 2)),
    (3190, 3230, (3, 3)),
    (3250, 3310, (3, 4)),
    (3320, 3351, (3, 5)),
    (3360, 3379, (3, 6)),
    (3390, 3394, (3, 7)),
    (3400, 3413, (3, 8)),
    (3420, 3425, (3, 9)),
    (3430, 3439, (3, 10)),
    (3450, 3495, (3, 11)),
    (3500, 3531, (3, 12)),
    (3550, 3571, (3, 13)),
    (3600, 3627, (3, 14)),
)
"""First and last number of each release; the last is that of the release, the others of its betas."""
_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledModule:
    """A `.pyc` file.

    Attributes:
        flags: bit 0: checked by a hash of the source; bit 1: the hash is compared when imported.
    """

    version: Version
    flags: int
    value: Value


def version_of_magic(magic: int) -> Version | None:
    """The release that writes this magic number."""
    for first, last, version in _MAGIC:
        if first <= magic <= last:
            return version
    return None


def read_compiled_module(data: bytes) -> CompiledModule:
    """Read a `.pyc` file whole.

    Raises:
        Malformed: no release has this magic number, or the marshal data is none.
    """
    version = version_of_magic(int.from_bytes(data[:2], "little"))
    if version is None or data[2:4] != _CRLF:
        raise Malformed("no release of Python has this magic number")
    length = _header_bytes(version)
    if len(data) < length:
        raise Malformed("the header of the compiled module is cut off", len(data))
    flags = int.from_bytes(data[4:8], "little") if version >= (3, 7) else 0
    value = read_marshal(data, length, layout=layout_of(version)).value
    if isinstance(value, CodeObject):
        value = replace(value, version=version)
    return CompiledModule(version, flags, value)


def _header_bytes(version: Version) -> int:
    if version < (3, 3):
        return 8
    return 12 if version < (3, 7) else 16
