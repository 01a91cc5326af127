r"""Unix archives: static libraries and Debian packages.

    "!<arch>\n", then members: name 16, time 12, owner 6, group 6, mode 8, size 10, "`\n", data,
    padded to an even offset.  GNU: "//" holds long names, "/12" points into it.  BSD: "#1/20" puts
    20 bytes of name before the data.

Source: ar(5) of FreeBSD; deb(5) of Debian.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import Malformed

_HEADER: Final = 60
_NAMES_BYTES: Final = 16 << 20
_LONGEST_NAME: Final = 4096


@dataclass(frozen=True, slots=True)
class ArMember:
    """One member: its name, and where its bytes are in the archive."""

    name: str
    start: int
    size: int


def read_ar(source: ByteSource) -> Iterator[ArMember]:
    """Yield the members that hold data; symbol tables are left out.

    Raises:
        Malformed: a header is broken, or a member ends behind the archive.
    """
    at = 8
    long_names = b""
    while at < source.size:
        header = bytes(source.read_at(at, _HEADER))
        if len(header) < _HEADER or header[58:60] != b"`\n":
            raise Malformed("no header of a member where one must be", at)
        size = _size(header, at)
        start = at + _HEADER
        if start + size > source.size:
            raise Malformed("a member ends behind the end of the archive", at)
        raw = header[:16].rstrip(b" ")
        if raw == b"//":
            long_names = bytes(source.read_at(start, min(size, _NAMES_BYTES)))
        elif raw not in (b"/", b"/SYM64/", b"__.SYMDEF"):
            name, skipped = _name(source, raw, start, size, long_names)
            yield ArMember(name, start + skipped, size - skipped)
        at = start + size + (size & 1)


def _size(header: bytes, at: int) -> int:
    digits = header[48:58].strip()
    if not digits.isdigit():
        raise Malformed("the size of a member is no number", at)
    return int(digits)


def _name(source: ByteSource, raw: bytes, start: int, size: int, long_names: bytes) -> tuple[str, int]:
    """The name, and how many bytes of it stand before the data."""
    if raw.startswith(b"#1/") and raw[3:].isdigit():
        length = min(int(raw[3:]), size, _LONGEST_NAME)
        return _text(bytes(source.read_at(start, length)).rstrip(b"\0")), length
    if raw.startswith(b"/") and raw[1:].isdigit():
        at = min(int(raw[1:]), len(long_names))
        end = long_names.find(b"\n", at, at + _LONGEST_NAME)
        return _text(long_names[at : end if end >= 0 else at + 255].rstrip(b"/")), 0
    return _text(raw.rstrip(b"/")), 0


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
