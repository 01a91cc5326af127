"""The items of a tuple whose literals stand directly before it, without running the stream again.

The events of a stream are known opcode boundaries. From the last one before a tuple its items can
be followed by hand: enough for the small tuples that NumPy writes by the thousand.
"""

from __future__ import annotations

from bisect import bisect_left

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import NotLiteral, payload
from weighbridge.formats.pickle.opcodes import OPCODES, Argument
from weighbridge.formats.pickle.trace import Stream

_MOST_OPCODES = 64
_MARK, _FRAME, _TUPLE = 0x28, 0x95, 0x74
_FIXED_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_SILENT = frozenset({0x70, 0x71, 0x72, 0x94, _FRAME})
"""PUT, BINPUT, LONG_BINPUT, MEMOIZE, FRAME: the stack stays as it is."""
_CLOSING = frozenset({_TUPLE, 0x6C, 0x64})
"""TUPLE, LIST, DICT: they take all down to the mark."""
_PUSHES = frozenset(
    {0x4E, 0x88, 0x89, 0x29, 0x5D, 0x7D}  # NONE, NEWTRUE, NEWFALSE and empty containers
    | {0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x8A, 0x8B, 0x46, 0x47}  # numbers
    | {0x42, 0x43, 0x8E, 0x53, 0x54, 0x55, 0x56, 0x58, 0x8C, 0x8D}  # bytes and text
    | {0x67, 0x68, 0x6A}  # GET, BINGET, LONG_BINGET
)


def nearby_items(stream: Stream, value: int) -> tuple[int, ...] | None:
    """Return the items of the tuple at `value`; None when they can't be told from close by.

    An item is the offset of the opcode that pushes it. That of a GET is the GET itself: it is a
    value that `Stream.literal_at` refuses.
    """
    stack: list[int] = []
    marks: list[int] = []
    position = _last_event_end(stream, value)
    for _ in range(_MOST_OPCODES):
        code = stream.opcode(position)
        count = _taken(code, stack, marks)
        if count is None:
            return None
        if position >= value:
            is_it = position == value and code in o.TUPLES
            return tuple(stack[len(stack) - count :]) if is_it else None
        _apply(code, position, count, stack, marks)
        following = _following(stream, position)
        if following is None or following > value:
            return None
        position = following
    return None


def _taken(code: int, stack: list[int], marks: list[int]) -> int | None:
    """How many known values the opcode takes; None when it takes others, or is none of ours."""
    if code in _CLOSING:
        return len(stack) - marks[-1] if marks else None
    if code in _FIXED_TUPLES:
        count = _FIXED_TUPLES[code]
        known = len(stack) - (marks[-1] if marks else 0)
        return count if count <= known else None
    return 0 if code in _PUSHES or code in _SILENT or code == _MARK else None


def _apply(code: int, position: int, count: int, stack: list[int], marks: list[int]) -> None:
    if code == _MARK:
        marks.append(len(stack))
    elif code not in _SILENT:
        del stack[len(stack) - count :]
        stack.append(position)
        if code in _CLOSING:
            marks.pop()


def _last_event_end(stream: Stream, value: int) -> int:
    """The first byte behind the last import, call or the like before `value`, or behind a raw array."""
    event = bisect_left(stream.offsets, value) - 1
    start = stream.start if event < 0 else _event_end(stream, 4 * event)
    skip = bisect_left(stream.skips, (value, 0)) - 1
    return start if skip < 0 else max(start, stream.skips[skip][1])


def _event_end(stream: Stream, row: int) -> int:
    at, _, line_end, _ = stream.events[row : row + 4]
    opcode = OPCODES[stream.opcode(at)]
    if opcode.argument is Argument.TWO_LINES:
        return line_end + 1 if line_end >= 0 else stream.end
    following = _following(stream, at)
    return stream.end if following is None else following


def _following(stream: Stream, position: int) -> int | None:
    try:
        _, stop = payload(stream.data, position, stream.end)
    except NotLiteral:
        return None
    is_line = OPCODES[stream.opcode(position)].argument is Argument.LINE
    return stop + 1 if is_line else stop
