"""Forward reading of a GGUF header in few, bounded reads."""

from __future__ import annotations

import struct

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, Limits
from weighbridge.errors import LimitReached
from weighbridge.formats.weights.gguf_layout import GgufAnomaly

MAX_LENGTH = 2**30
"""Bytes of a string or elements of an array: the bound of llama.cpp."""

_LONGEST_WORD = 64 * KIB
_NEAR_BYTES = 4 * KIB  # a string that ends a little beyond the window is no jump


class BrokenOff(Exception):
    """The rest of the header can't be found. Never leaves `parse_gguf`."""

    def __init__(self, kind: GgufAnomaly, detail: str, offset: int) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.offset = offset


class GgufCursor:
    """Forward reading through a window that grows while reading is sequential.

    Four reads get the 800 KiB of a header with 32,000 tokens. What is skipped beyond the window
    is not read.
    """

    def __init__(self, source: ByteSource, limits: Limits) -> None:
        self._source = source
        self._size = source.size
        self._budget = self._allowed = limits.header_bytes
        self._window = b""
        self._base = 0
        self._at = 0
        self._step = 64 * KIB

    @property
    def offset(self) -> int:
        return self._base + self._at

    @property
    def remaining(self) -> int:
        return self._size - self.offset

    def take(self, length: int) -> bytes:
        """Read `length` bytes; more than 1 MiB is never asked for."""
        self._fill(length)
        data = self._window[self._at : self._at + length]
        self._at += length
        return data

    def skip(self, length: int) -> None:
        """Step over `length` bytes, which must be in the file."""
        self.require(length)
        self._at += length

    def skip_strings(self, count: int, prefix: struct.Struct) -> None:
        """Step over `count` strings that have their length in front."""
        while count:
            self._fill(prefix.size)
            window, at, last = self._window, self._at, len(self._window) - prefix.size
            while count and at <= last:
                at += prefix.size + int(prefix.unpack_from(window, at)[0])
                count -= 1
            # Only the last string can reach beyond the window, or beyond the file.
            self.skip(at - self._at)

    def take_strings(self, count: int, prefix: struct.Struct) -> bytes:
        """Read `count` strings with their lengths; b"" once one of them is no word of a vocabulary."""
        kept: list[bytes] | None = []
        while count:
            self._fill(prefix.size)
            window, begin, last = self._window, self._at, len(self._window) - prefix.size
            at = begin
            while count and at <= last:
                at += prefix.size + int(prefix.unpack_from(window, at)[0])
                count -= 1
            inside = min(at, len(window))
            beyond, self._at = at - inside, inside
            if kept is None or beyond > _LONGEST_WORD:
                kept = None
                self.skip(beyond)
            else:
                kept += [window[begin:inside], self.take(beyond)]
        return b"".join(kept or ())

    def require(self, length: int) -> None:
        """Raise BrokenOff unless `length` more bytes are in the file."""
        if length <= self.remaining:
            return
        if length > MAX_LENGTH:
            detail = f"a length of {length:,} in a file of {self._size:,} bytes"
            raise BrokenOff(GgufAnomaly.ABSURD_LENGTH, detail, self.offset)
        detail = f"{length:,} bytes are announced and {max(0, self.remaining):,} are left"
        raise BrokenOff(GgufAnomaly.TRUNCATED, detail, self.offset)

    def _fill(self, length: int) -> None:
        self.require(length)
        if self._at + length <= len(self._window):
            return
        is_sequential = self._at <= len(self._window) + _NEAR_BYTES
        kept = self._window[self._at :]
        self._base, self._at = self.offset, 0
        begin = self._base + len(kept)
        wanted = max(self._step if is_sequential else 64 * KIB, length - len(kept))
        wanted = min(wanted, self._size - begin)
        self._spend(wanted)
        self._window = kept + bytes(self._source.read_at(begin, wanted))
        self._step = min(4 * self._step, 512 * KIB) if is_sequential else 256 * KIB
        if len(self._window) < length:
            raise BrokenOff(GgufAnomaly.TRUNCATED, "the file ends early", self.offset)

    def _spend(self, length: int) -> None:
        self._budget -= length
        if self._budget < 0:
            raise LimitReached(f"the header is longer than {self._allowed:,} bytes")
