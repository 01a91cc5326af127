"""Forward reading that never gives fewer bytes than asked: what the record formats here share.

What is skipped is not read, so tensors and long vectors between records cost nothing.
"""

from __future__ import annotations

import struct

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import Malformed

_FIRST_STEP = 8 * KIB
_LARGEST_STEP = 256 * KIB
_LARGEST_TAKE = 64 * MIB


class ForwardReader:
    """A position in [start, stop) of a source.

    A window doubles while reading is sequential and falls back to 8 KiB after a jump.
    """

    def __init__(self, source: ByteSource, start: int = 0, stop: int | None = None) -> None:
        self._source = source
        self.stop = source.size if stop is None else min(stop, source.size)
        self._window = b""
        self._base = start
        self._at = 0
        self._step = _FIRST_STEP

    @property
    def offset(self) -> int:
        """The next byte, from the start of the source."""
        return self._base + self._at

    @property
    def remaining(self) -> int:
        """Bytes up to the end of the range."""
        return self.stop - self.offset

    def take(self, length: int) -> bytes:
        """Return exactly `length` bytes and move past them.

        Raises:
            Malformed: so many are not left, or it is more than any record has.
        """
        if self._at + length > len(self._window):
            self._fill(length)
        data = self._window[self._at : self._at + length]
        self._at += length
        return data

    def number(self, form: struct.Struct) -> int:
        """Return the one integer of a `struct` format."""
        at = self._at
        if at + form.size > len(self._window):
            self._fill(form.size)
            at = self._at
        self._at = at + form.size
        return int(form.unpack_from(self._window, at)[0])

    def peek(self, length: int) -> bytes:
        """Return up to `length` bytes and stay."""
        length = min(length, self.remaining)
        if self._at + length > len(self._window):
            self._fill(length)
        return self._window[self._at : self._at + length]

    def skip(self, length: int) -> None:
        """Step over `length` bytes.

        Raises:
            Malformed: so many are not left.
        """
        self._require(length)
        self._at += length

    def _require(self, length: int) -> None:
        if length > self.remaining:
            detail = f"{length:,} bytes are announced and {max(0, self.remaining):,} are left"
            raise Malformed(detail, self.offset)

    def _fill(self, length: int) -> None:
        self._require(length)
        if length > _LARGEST_TAKE:
            raise Malformed(f"one value of {length:,} bytes", self.offset)
        is_sequential = self._at <= len(self._window)
        self._step = min(2 * self._step, _LARGEST_STEP) if is_sequential else _FIRST_STEP
        kept = self._window[self._at :]
        self._base, self._at = self.offset, 0
        wanted = max(self._step, length - len(kept))
        wanted = min(wanted, self.stop - self._base - len(kept))
        self._window = kept + bytes(self._source.read_at(self._base + len(kept), wanted))
        if len(self._window) < length:
            raise Malformed("the file ends early", self.offset)
