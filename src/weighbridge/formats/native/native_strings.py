"""Command lines among the strings of a binary file: what it would hand to a shell.

Only strings around a few fixed words are looked at, found by a plain search, so that the cost is
that of reading the bytes once for each word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_MARKS: Final = (
    b"/dev/tcp/",
    b"/dev/udp/",
    b"stratum+tcp:",
    b"| sh",
    b"|sh",
    b"| bash",
    b"|bash",
    b"bash -i",
    b"sh -i",
    b"nc -e",
    b"powershell",
    b"PowerShell",
    b"certutil",
    b"schtasks",
    b"mshta",
    b"/etc/cron",
    b"/.ssh/authorized_keys",
    b"/etc/ld.so.preload",
    b"CurrentVersion\\Run",
)
_ADDRESS: Final = re.compile(rb"/dev/(?:tcp|udp)/[\w$%{\[\"']")
_SEARCHED_BYTES: Final = 64 << 20
_HITS: Final = 40
_AROUND: Final = 600
_PRINTABLE: Final = re.compile(rb"[\t\n\x20-\x7e]{6,}")
_WIDE: Final = re.compile(rb"(?:[\t\x20-\x7e]\0){12,2000}")


def command_lines(data: bytes) -> Iterator[str]:
    """Yield each string that has one of the words in it, narrow or UTF-16, once."""
    seen: set[bytes] = set()
    for text in (data[:_SEARCHED_BYTES], _narrowed(data[:_SEARCHED_BYTES])):
        for mark in _MARKS:
            for at in _places(text, mark):
                line = _line(text, at)
                if line and line not in seen and not (mark.startswith(b"/dev/") and _is_pattern(line)):
                    seen.add(line)
                    yield line.decode("ascii", "replace")


def _places(text: bytes, mark: bytes) -> Iterator[int]:
    at = text.find(mark)
    for _ in range(_HITS):
        if at < 0:
            return
        yield at
        at = text.find(mark, at + _AROUND)


def _is_pattern(line: bytes) -> bool:
    """True for `/dev/tcp/*/*`: a shell's own word for the feature, with no host in it."""
    return b"/dev/" in line and not _ADDRESS.search(line)


def _line(text: bytes, at: int) -> bytes:
    """The printable run around a place, cut at some hundred bytes."""
    low = max(0, at - _AROUND)
    for match in _PRINTABLE.finditer(text, low, at + _AROUND):
        if match.start() <= at < match.end():
            return match.group().strip()
    return b""


def _narrowed(data: bytes) -> bytes:
    """UTF-16 strings, one below the other; nothing when the file has no sign of them."""
    if data[:2] != b"MZ":
        return b""
    return b"\0".join(match.group().replace(b"\0", b"") for match in _WIDE.finditer(data[: 16 << 20]))
