r"""The three spellings of R's serialization: XDR, native binary, and text.

    "X\n"  big-endian numbers          "B\n"  the writer's own byte order          "A\n"  words

In text, numbers are decimal words ("NA", "Inf"), bytes are pairs of hex digits, and strings stand
behind their length with backslash escapes.

Source: R Internals, section 1.8; src/main/serialize.c of R.
"""

from __future__ import annotations

import re
import struct
from typing import Protocol

from weighbridge.core.limits import KIB
from weighbridge.errors import Malformed
from weighbridge.formats.forward import ForwardReader
from weighbridge.formats.languages.rds_objects import SexpType

NA_INTEGER = -(2**31)
_WORD_BYTES = 128
_SPACE = b" \t\n\v\f\r"
_STEP = 32 * KIB
_ESCAPES = {ord(key): value for key, value in zip("ntvbrfa", b"\n\t\v\b\r\f\a", strict=True)}
_OCTAL = b"01234567"


def _is_plain_string(flags: int, length: int) -> bool:
    """A string of R without attributes; a length of -1 stands for a missing one."""
    return flags & 0x2FF == SexpType.CHARACTERS and length >= -1


class RdsCursor(Protocol):
    """What the reader of items asks for."""

    @property
    def offset(self) -> int:
        """The next byte, from the start of the file."""
        ...

    @property
    def remaining(self) -> int:
        """Bytes that are left: an upper bound for every count."""
        ...

    def integer(self) -> int:
        """Return a signed integer of 32 bits."""
        ...

    def text(self, length: int, kept: int) -> bytes:
        """Return the first `kept` bytes of a string of `length` bytes, and step over all of it."""
        ...

    def skip_strings(self, count: int) -> None:
        """Step over strings with their flags, where nothing else may stand."""
        ...

    def skip_numbers(self, count: int, size: int) -> None:
        """Step over `count` numbers of `size` bytes; a complex one is two of eight."""
        ...

    def skip_bytes(self, count: int) -> None:
        """Step over a raw vector."""
        ...

    def finish(self) -> None:
        """Step over what the spelling leaves behind the last item."""
        ...


class BinaryCursor:
    """XDR and native binary."""

    def __init__(self, reader: ForwardReader, order: str) -> None:
        self._reader = reader
        self._int = struct.Struct(order + "i")
        self._flags_and_length = struct.Struct(order + "ii")

    @property
    def offset(self) -> int:
        return self._reader.offset

    @property
    def remaining(self) -> int:
        return self._reader.remaining

    def integer(self) -> int:
        return self._reader.number(self._int)

    def text(self, length: int, kept: int) -> bytes:
        kept = min(length, kept)
        data = self._reader.take(kept)
        self._reader.skip(length - kept)
        return data

    def skip_strings(self, count: int) -> None:
        form = self._flags_and_length
        while count:
            window = self._reader.peek(_STEP)
            at, last = 0, len(window) - form.size
            if last < 0:
                raise Malformed("the file ends early", self.offset)
            while count and at <= last:
                flags, length = form.unpack_from(window, at)
                if not _is_plain_string(flags, length):
                    raise Malformed("a character vector holds something else", self.offset + at)
                at += form.size + max(0, length)
                count -= 1
            # Only the last string can reach beyond the window, or beyond the file.
            self._reader.skip(at)

    def skip_numbers(self, count: int, size: int) -> None:
        self._reader.skip(count * size)

    def skip_bytes(self, count: int) -> None:
        self._reader.skip(count)

    def finish(self) -> None:
        """Nothing is left."""


class WordCursor:
    """Text."""

    def __init__(self, reader: ForwardReader) -> None:
        self._reader = reader

    @property
    def offset(self) -> int:
        return self._reader.offset

    @property
    def remaining(self) -> int:
        return self._reader.remaining

    def integer(self) -> int:
        at = self.offset
        word = self._word()
        if word == b"NA":
            return NA_INTEGER
        if not re.fullmatch(rb"[+-]?[0-9]{1,10}", word):
            raise Malformed("a word that is no integer", at)
        value = int(word)
        if not -(2**31) <= value < 2**31:
            raise Malformed("an integer of more than 32 bits", at)
        return value

    def text(self, length: int, kept: int) -> bytes:
        self._skip_space()
        found = bytearray()
        for _ in range(length):
            byte = self._character()
            if len(found) < kept:
                found.append(byte)
        return bytes(found)

    def skip_strings(self, count: int) -> None:
        for _ in range(count):
            flags, length = self.integer(), self.integer()
            if not _is_plain_string(flags, length):
                raise Malformed("a character vector holds something else", self.offset)
            if length > self.remaining:
                raise Malformed("a string is longer than the file", self.offset)
            self.text(max(0, length), 0)

    def skip_numbers(self, count: int, size: int) -> None:
        self._skip_words(count * 2 if size == 16 else count)

    def skip_bytes(self, count: int) -> None:
        self._skip_words(count)

    def finish(self) -> None:
        self._skip_space()

    def _skip_words(self, count: int) -> None:
        """Words are at least one byte and a space long: the loop ends with the file."""
        if 2 * count > self.remaining + 1:
            raise Malformed(f"{count:,} words are announced in {self.remaining:,} bytes", self.offset)
        while count:
            window = self._reader.peek(_STEP)
            # The last word of a window may go on behind it.
            words = [match.end() for match in re.finditer(rb"\S+(?=\s)", window)][:count]
            if not words:
                self._word()
                count -= 1
                continue
            count -= len(words)
            self._reader.skip(words[-1])

    def _word(self) -> bytes:
        self._skip_space()
        window = self._reader.peek(_WORD_BYTES)
        match = re.match(rb"\S+", window)
        if match is None or (match.end() == _WORD_BYTES):
            raise Malformed("no word where one must be", self.offset)
        self._reader.skip(match.end())
        return match[0]

    def _skip_space(self) -> None:
        while self.remaining:
            window = self._reader.peek(256)
            stripped = len(window) - len(window.lstrip(_SPACE))
            self._reader.skip(stripped)
            if stripped < len(window):
                return

    def _character(self) -> int:
        byte = self._reader.take(1)[0]
        if byte != 0x5C:
            return byte
        following = self._reader.take(1)[0]
        if following not in _OCTAL:
            return _ESCAPES.get(following, following)
        digits = bytes([following])
        while len(digits) < 3 and self.remaining and self._reader.peek(1)[0] in _OCTAL:
            digits += self._reader.take(1)
        return int(digits, 8) & 0xFF
