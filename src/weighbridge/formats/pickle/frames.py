"""What a file-backed C unpickler reads when an argument straddles the end of a FRAME.

It buffers a frame and, when an opcode wants more than the rest of it, throws that rest away and
reads the argument from behind the frame. Bytes that a linear reader takes for the inside of a
string are then opcodes. This depends on opcodes alone, not on the stack, so such a reading is
turned into an ordinary stream: the bytes that the loader would see, in the order it sees them.

Source: Modules/_pickle.c `_Unpickler_ReadFromFile` and `_Unpickler_ReadInto`; python/cpython
issues 128853 and 154848. Since 3.8 the bytes opcodes read across the end without a loss.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from weighbridge.formats.pickle.literals import Buffer, line_end
from weighbridge.formats.pickle.opcodes import OPCODES, Argument

_READ_INTO = frozenset({0x42, 0x43, 0x8E, 0x96})
_FRAME, _STOP = 0x95, 0x2E


@dataclass(frozen=True, slots=True)
class Flattened:
    """The bytes as that loader sees them.

    Attributes:
        data: a stream without FRAME opcodes.
        starts: offsets in `data` where a run of contiguous bytes begins.
        origins: for each of `starts`, the offset in the file.
        resume: offset in the file where this loader's next pickle begins.
        lost_bytes: how many bytes of frames this loader threw away.
    """

    data: bytes
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    resume: int
    lost_bytes: int

    def origin(self, offset: int) -> int:
        """Map an offset in `data` to one in the file."""
        run = bisect_right(self.starts, offset) - 1
        return self.origins[run] + offset - self.starts[run]


def flatten(data: Buffer, start: int, end: int, *, bytes_straddle: bool) -> Flattened:
    """Read one pickle as a file-backed C unpickler does, up to STOP or the first failure.

    Args:
        data: the file.
        start: offset of the first opcode.
        end: offset behind the last byte.
        bytes_straddle: True for Python 3.8 and later, where BINBYTES and its kin lose nothing.
    """
    reader = _Reader(data, start, end)
    while True:
        op = reader.take(1)
        if op < 0 or data[op] not in OPCODES:
            break
        if data[op] == _FRAME:
            if not reader.frame(op):
                break
            continue
        reader.emit(op, op + 1)
        if data[op] == _STOP or not _argument(reader, data[op], bytes_straddle):
            break
    return reader.flattened()


def _argument(reader: _Reader, op: int, bytes_straddle: bool) -> bool:
    opcode = OPCODES[op]
    match opcode.argument:
        case Argument.FIXED:
            return reader.copy(opcode.size)
        case Argument.COUNTED:
            at = reader.copy_at(opcode.size)
            if at < 0:
                return False
            length = int.from_bytes(reader.data[at : at + opcode.size], "little")
            return (
                reader.copy_across(length)
                if bytes_straddle and op in _READ_INTO
                else reader.copy(length)
            )
        case Argument.LINE:
            return reader.copy_line()
        case Argument.TWO_LINES:
            return reader.copy_line() and reader.copy_line()
        case _:
            return True


class _Reader:
    """The C unpickler's buffer: [pos, buffered) is in memory, the file continues at `buffered`."""

    def __init__(self, data: Buffer, start: int, end: int) -> None:
        self.data = data
        self.pos = start
        self.buffered = start
        self.end = end
        self.lost_bytes = 0
        self.out = bytearray()
        self.starts: list[int] = []
        self.origins: list[int] = []

    def take(self, length: int) -> int:
        """Consume `length` bytes; returns where they lie, or -1 at the end of the file."""
        if self.pos + length > self.buffered:
            self.lost_bytes += self.buffered - self.pos
            if self.buffered + length > self.end:
                return -1
            self.pos = self.buffered
            self.buffered += length
        at = self.pos
        self.pos += length
        return at

    def frame(self, op: int) -> bool:
        at = self.take(8)
        if at < 0:
            return False
        length = int.from_bytes(self.data[at : at + 8], "little")
        at = self.take(length)
        if at < 0:
            return False
        self.pos = at
        return True

    def copy(self, length: int) -> bool:
        return self.copy_at(length) >= 0

    def copy_at(self, length: int) -> int:
        at = self.take(length)
        if at >= 0:
            self.emit(at, at + length)
        return at

    def copy_across(self, length: int) -> bool:
        inside = min(length, self.buffered - self.pos)
        self.emit(self.pos, self.pos + inside)
        self.pos += inside
        return self.copy(length - inside) if length > inside else True

    def copy_line(self) -> bool:
        stop = line_end(self.data, self.pos, self.buffered)
        if stop >= self.buffered:
            self.lost_bytes += self.buffered - self.pos
            self.pos = self.buffered
            stop = line_end(self.data, self.pos, self.end)
            if stop >= self.end:
                self.emit(self.pos, self.end)  # pure Python takes the rest for the line
                return False
            self.buffered = stop + 1
        self.emit(self.pos, stop + 1)
        self.pos = stop + 1
        return True

    def emit(self, start: int, stop: int) -> None:
        if stop > start:
            if not self.starts or self.origins[-1] + len(self.out) - self.starts[-1] != start:
                self.starts.append(len(self.out))
                self.origins.append(start)
            self.out += self.data[start:stop]

    def flattened(self) -> Flattened:
        starts, origins = self.starts or [0], self.origins or [self.pos]
        return Flattened(bytes(self.out), tuple(starts), tuple(origins), self.buffered, self.lost_bytes)
