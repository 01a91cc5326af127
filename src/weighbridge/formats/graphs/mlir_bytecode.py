"""MLIR bytecode: the strings of a compiled module, which name its operations and what it calls.

    file    = "ML" EF 52  version  producer 0  section*
    section = id (bit 7: an alignment follows)  length  [alignment  CB*]  payload
    strings = count  length-of-each, last first  the strings, each with its 0

Numbers are prefix varints: the count of trailing zero bits of the first byte is how many bytes
follow. Source: https://mlir.llvm.org/docs/BytecodeFormat/
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed

MAGIC = b"ML\xefR"
_STRINGS_SECTION = 0
_MAX_SECTIONS = 1_000
_MAX_STRINGS = 1_000_000
_LARGEST_SECTION = 64 * MIB
_PRODUCER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class MlirModule:
    """What is read of a module.

    Attributes:
        producer: as the file states it.
        strings: names of dialects, operations, attributes and symbols, and texts of attributes.
    """

    version: int
    producer: str
    strings: tuple[str, ...]


def parse_mlir(source: ByteSource, start: int = 0, stop: int | None = None) -> MlirModule:
    """Read the strings of the module in [start, stop).

    Raises:
        Malformed: not MLIR bytecode, or its strings can't be found.
        LimitReached: the table of strings is larger than any compiler writes.
    """
    cursor = _Cursor(source, start, source.size if stop is None else stop)
    if cursor.take(4) != MAGIC:
        raise Malformed("no MLIR bytecode", start)
    version = cursor.varint()
    producer = cursor.until_zero(_PRODUCER_BYTES)
    for _ in range(_MAX_SECTIONS):
        mark = cursor.take(1)[0]
        length = cursor.varint()
        if mark & 0x80:
            cursor.align(cursor.varint())
        if mark & 0x7F == _STRINGS_SECTION:
            return MlirModule(version, producer, _strings(cursor, length))
        cursor.skip(length)
    raise Malformed("MLIR bytecode without strings", cursor.at)


def _strings(cursor: _Cursor, length: int) -> tuple[str, ...]:
    if length > _LARGEST_SECTION:
        raise LimitReached(f"MLIR strings of {length:,} bytes")
    end = cursor.at + length
    count = cursor.varint()
    if count > min(length, _MAX_STRINGS):
        raise Malformed(f"{count:,} strings in {length:,} bytes", cursor.at)
    lengths = [cursor.varint() for _ in range(count)][::-1]
    if cursor.at + sum(lengths) > end:
        raise Malformed("MLIR strings reach beyond their section", cursor.at)
    data = cursor.take(sum(lengths))
    found, at = [], 0
    for size in lengths:
        found.append(data[at : at + max(0, size - 1)].decode("utf-8", "backslashreplace"))
        at += size
    return tuple(found)


class _Cursor:
    """Forward reading within one range."""

    def __init__(self, source: ByteSource, at: int, end: int) -> None:
        self._source = source
        self._start = at
        self._window = b""
        self._base = at
        self.at = at
        self._end = end

    def take(self, length: int) -> bytes:
        if length < 0 or length > self._end - self.at:
            raise Malformed("MLIR bytecode ends early", self.at)
        index = self.at - self._base
        if index + length > len(self._window):
            self._window = bytes(self._source.read_at(self.at, max(length, 64 * 1024)))
            self._base, index = self.at, 0
        data = self._window[index : index + length]
        if len(data) != length:
            raise Malformed("MLIR bytecode ends early", self.at)
        self.at += length
        return data

    def skip(self, length: int) -> None:
        if length > self._end - self.at:
            raise Malformed("an MLIR section reaches beyond the end", self.at)
        self.at += length
        self._window, self._base = b"", self.at

    def align(self, alignment: int) -> None:
        if not 1 <= alignment <= 1 << 16 or alignment & (alignment - 1):
            raise Malformed(f"an MLIR section is aligned to {alignment}", self.at)
        self.skip(-(self.at - self._start) % alignment)

    def varint(self) -> int:
        first = self.take(1)[0]
        if first & 1:
            return first >> 1
        if first == 0:
            return int.from_bytes(self.take(8), "little")
        more = (first & -first).bit_length() - 1
        return int.from_bytes(bytes([first]) + self.take(more), "little") >> (more + 1)

    def until_zero(self, limit: int) -> str:
        found = bytearray()
        while (byte := self.take(1)) != b"\0":
            found += byte
            if len(found) > limit:
                raise Malformed("a producer name without an end", self.at)
        return found.decode("utf-8", "backslashreplace")
