"""Cut the pickles out of an artifact, so that an engine gets bytes which it knows how to read.

What stands between and behind pickles (raw arrays of joblib, storages of legacy torch files) makes
other engines give up. Our own trace knows where each pickle starts and stops.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Limits
from weighbridge.formats.pickle.contents import read_contents
from weighbridge.formats.pickle.literals import NotLiteral, line_end, payload
from weighbridge.formats.pickle.opcodes import OPCODES, Argument
from weighbridge.formats.pickle.trace import Stream


@dataclass(frozen=True, slots=True)
class Carved:
    """The pickles of an artifact that fit into a budget.

    Attributes:
        pickles: (offset of the first byte, bytes) of each distinct pickle, in order.
        beyond: what is beyond the budget, in words; None when all of it fits.
    """

    pickles: tuple[tuple[int, bytes], ...]
    beyond: str | None


def carve(source: ByteSource, limits: Limits, *, max_bytes: int, max_opcodes: int | None) -> Carved:
    """Return every pickle of a source, up to a number of bytes and of opcodes in sum.

    Raises:
        ReadError, LimitReached: from the source.
    """
    contents = read_contents(source, limits)
    pickles: dict[bytes, int] = {}
    bytes_left, opcodes_left = max_bytes, max_opcodes
    for stream in contents.streams:
        if stream.stop - stream.start > bytes_left:
            return Carved(_in_order(pickles), f"more than {max_bytes:,} bytes of pickle")
        data = _without_raw_arrays(stream)
        if data in pickles:
            continue
        bytes_left -= len(data)
        if opcodes_left is not None:
            opcodes_left -= count_opcodes(data, most=opcodes_left)
            if opcodes_left < 0:
                return Carved(_in_order(pickles), f"more than {max_opcodes:,} opcodes")
        pickles[data] = stream.place(stream.start)
    cut = f"a pickle longer than {limits.pickle_bytes:,} bytes" if contents.is_cut else None
    return Carved(_in_order(pickles), cut)


def _in_order(pickles: dict[bytes, int]) -> tuple[tuple[int, bytes], ...]:
    return tuple((offset, data) for data, offset in pickles.items())


def _without_raw_arrays(stream: Stream) -> bytes:
    """The opcodes alone: joblib puts raw arrays between them, which only joblib steps over."""
    edges = [stream.start, *(edge for skip in stream.skips for edge in skip), stream.stop]
    pieces: Iterable[tuple[int, int]] = zip(edges[::2], edges[1::2], strict=True)
    return b"".join(bytes(stream.data[start:stop]) for start, stop in pieces)


def count_opcodes(data: bytes, *, most: int) -> int:
    """Count opcodes up to where they stop making sense; `most + 1` means more than `most`."""
    position = count = 0
    while position < len(data) and count <= most:
        opcode = OPCODES.get(data[position])
        if opcode is None:
            break
        count += 1
        if opcode.argument is Argument.TWO_LINES:
            position = line_end(data, line_end(data, position + 1, len(data)) + 1, len(data)) + 1
            continue
        try:
            _, position = payload(data, position, len(data))
        except NotLiteral:
            break
        position += opcode.argument is Argument.LINE
    return count
