"""The memory of the pickle machine: stack, marks, memo and the tables that a run fills.

Compiled together with `machine.py` (types in `store.pxd`), and under the same rules. Everything
is a flat array of 64-bit integers: its size is known, and no opcode costs an allocation.
"""

from __future__ import annotations

from array import array

# Things a loader tolerates and a pickler never writes.
NOTE_PROTOCOL_REPEATED = 1
NOTE_PROTOCOL_LATE = 2
NOTE_FRAME_CROSSED = 3
NOTE_FRAME_NESTED = 4
NOTE_FRAME_TOO_LONG = 5
NOTE_MEMO_OVERWRITTEN = 6
NOTE_MEMO_SPARSE = 7
NOTE_NUMBER_TEXT = 8
NOTE_STOP_IN_FRAME = 9
NOTE_MEMO_MIXED = 10

_NOTES_KEPT = 1000
_DENSE_MEMO_SLACK = 1 << 16

_WRAPPER = b"NumpyArrayWrapper"


class Store:
    """What one run reads and writes.

    Attributes:
        pos: offset of the next opcode; after HALT_STOP, of the first byte behind STOP.
        at: offset of the opcode that halted the run.
        events: flat table, four integers each: offset of the opcode and three operands, whose
            meaning depends on the opcode (see `trace.py`).
        notes: flat table of anomalies: (code, offset).
        kids: for the containers in `wanted`: offset -> offsets of the values put into them.
    """

    def __init__(
        self, data, start: int, end: int, max_events: int, wanted: frozenset[int] | None = None
    ) -> None:  # type: ignore[no-untyped-def]  # bytes, or a typed memoryview when compiled
        if not 0 <= start <= end <= len(data):
            raise ValueError("start and end must lie inside data")
        self.data = data
        self.pos = start
        self.start = start
        self.at = start
        self.end = end
        self.sp = 0
        self.stack = array("q", bytes(8 * 256))
        self.marks = array("q", bytes(8 * 64))
        self.mark_count = 0
        self.memo = array("q", b"\xff" * (8 * 256))
        self.sparse_memo: dict[int, int] = {}
        self.memo_count = 0
        self.used_put = False
        self.used_memoize = False
        self.protocol = 0
        self.frame_end = -1
        self.event_table = array("q", bytes(8 * 4 * 64))
        self.event_count = 0
        self.max_events = max_events
        self.events_dropped = False
        self.note_list: list[tuple[int, int]] = []
        self.note_counts: dict[int, int] = {}
        self.wanted = wanted
        self.kids: dict[int, list[int]] = {}
        self.wrapper_classes: set[int] = set()
        self.wrapper = -1

    @property
    def events(self):  # type: ignore[no-untyped-def]  # array('q')
        """The event table, cut to what was written."""
        written = array("q")
        written.frombytes(bytes(self.event_table[: 4 * self.event_count]))
        return written

    @property
    def notes(self) -> list[tuple[int, int]]:
        return self.note_list

    @property
    def top(self) -> int:
        """The value on top of the stack, or -1."""
        return self.stack[self.sp - 1] if self.sp > 0 else -1

    def _index(self, start: int, stop: int) -> int:
        """The memo index that a line spells, -1 when it is none. C stops at the first NUL."""
        if stop - start > 40:
            return -1
        text = bytes(self.data[start:stop])
        try:
            # int() takes what both loaders take: spaces, a sign, underscores.
            index = int(text.split(b"\0")[0])
        except ValueError:
            return -1
        if not self._is_plain_number(start, stop, False):
            self._note(NOTE_NUMBER_TEXT, start - 1)
        return index if 0 <= index <= 0x7FFFFFFFFFFFFFFF else -1

    def _put(self, index: int, value: int, at: int) -> None:
        """Write a memo entry that is not simply the next free one of the dense part."""
        if index >= len(self.memo):
            # Keep the dense part at the scale of what was written: an index may be 2**32.
            if index > 4 * self.memo_count + _DENSE_MEMO_SLACK:
                self._note(NOTE_MEMO_SPARSE, at)
                if index in self.sparse_memo:
                    self._note(NOTE_MEMO_OVERWRITTEN, at)
                else:
                    self.memo_count += 1
                self.sparse_memo[index] = value
                return
            self._grow_memo(index)
        before = self.memo[index]
        if before < 0:
            self.memo_count += 1
        elif before != value:
            self._note(NOTE_MEMO_OVERWRITTEN, at)
        self.memo[index] = value

    def _get(self, index: int) -> int:
        if index < len(self.memo):
            return self.memo[index]
        if index in self.sparse_memo:
            return self.sparse_memo[index]
        return -1

    def _length(self, offset: int, size: int) -> int:
        """A little-endian length of 1, 2, 4 or 8 bytes; -1 when it does not fit a signed 64-bit."""
        if size == 8 and self.data[offset + 7] > 0x7F:
            return -1
        value = 0
        for step in range(size - 1, -1, -1):
            value = 256 * value + self.data[offset + step]
        return value

    def _line_end(self, pos: int) -> int:
        """Offset of the next newline, or -1."""
        end = self.end
        while pos < end:
            if self.data[pos] == 0x0A:
                return pos
            pos += 1
        return -1

    def _is_plain_number(self, start: int, stop: int, is_long: bool) -> bool:
        """True for `-?[0-9]+`, with the `L` that a LONG ends in."""
        if is_long and stop > start and self.data[stop - 1] == 0x4C:
            stop -= 1
        if start < stop and self.data[start] == 0x2D:
            start += 1
        if start == stop:
            return False
        for offset in range(start, stop):
            if self.data[offset] < 0x30 or self.data[offset] > 0x39:
                return False
        return True

    def _is_wrapper_name(self, start: int, stop: int) -> bool:
        return stop - start == len(_WRAPPER) and bytes(self.data[start:stop]) == _WRAPPER

    def _ends_with_wrapper(self, value: int) -> bool:
        op = self.data[value]
        if op == 0x8C:
            return self._is_wrapper_name(value + 2, min(self.end, value + 2 + self.data[value + 1]))
        if op == 0x58:
            return self._is_wrapper_name(
                value + 5, min(self.end, value + 5 + self._length(value + 1, 4))
            )
        return False

    def _keep(self, container: int, low: int, high: int) -> None:
        if container in self.wanted:
            kept = self.kids.setdefault(container, [])
            for slot in range(low, high):
                kept.append(self.stack[slot])

    def _event(self, at: int, a: int, b: int, c: int) -> None:
        if self.event_count >= self.max_events:
            self.events_dropped = True
            return
        base = 4 * self.event_count
        if base == len(self.event_table):
            self._grow_events(base)
        table = self.event_table
        table[base] = at
        table[base + 1] = a
        table[base + 2] = b
        table[base + 3] = c
        self.event_count += 1

    def _note(self, code: int, at: int) -> None:
        # For each code apart: a thousand harmless oddities must not crowd out the one that matters.
        kept = self.note_counts.get(code, 0)
        if kept < _NOTES_KEPT:
            self.note_counts[code] = kept + 1
            self.note_list.append((code, at))

    # An array that a typed memoryview exports can't be resized: growing makes a new one.

    def _grow_stack(self, used: int) -> None:
        grown = array("q", bytes(16 * used))
        grown[:used] = self.stack[:used]
        self.stack = grown

    def _grow_marks(self) -> None:
        used = self.mark_count
        grown = array("q", bytes(16 * used))
        grown[:used] = self.marks[:used]
        self.marks = grown

    def _grow_memo(self, index: int) -> None:
        used = len(self.memo)
        grown = array("q", b"\xff" * (8 * max(2 * used, index + 1)))
        grown[:used] = self.memo[:used]
        for sparse in sorted(self.sparse_memo):
            if sparse >= len(grown):
                break
            grown[sparse] = self.sparse_memo.pop(sparse)
        self.memo = grown

    def _grow_events(self, used: int) -> None:
        grown = array("q", bytes(16 * used))
        grown[:used] = self.event_table[:used]
        self.event_table = grown
