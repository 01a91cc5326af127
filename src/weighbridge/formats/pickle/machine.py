"""The pickle machine: one pass over the opcodes, without building a single object.

A value is an integer: the offset of the opcode that pushed it. The stack and the memo hold such
offsets; what a loader would *do* (import, call, set state) is written to a flat table of events.
Strings are decoded later and only where an event needs them, so a gigabyte of plain data costs
no objects.

This file runs as plain Python, and compiled by Cython with the types of `machine.pxd`: keep it to
what both understand. Offsets are bytes from the start of `data`.

Laws (held by tests against CPython's own unpicklers):
- any bytes end in a `Halt`; nothing but `ValueError` for a bad argument is ever raised;
- every import that a CPython unpickler reaches on these bytes is an event: where C, pure Python
  or their versions disagree, the machine goes on for as long as the most lenient of them.

Source: CPython Lib/pickle.py, Modules/_pickle.c (3.6 to 3.14).
"""

from __future__ import annotations

from weighbridge.formats.pickle.opcodes import COUNTED_PUSH, FIXED_PUSH
from weighbridge.formats.pickle.store import (
    NOTE_FRAME_CROSSED,
    NOTE_FRAME_NESTED,
    NOTE_FRAME_TOO_LONG,
    NOTE_MEMO_MIXED,
    NOTE_NUMBER_TEXT,
    NOTE_PROTOCOL_LATE,
    NOTE_PROTOCOL_REPEATED,
    NOTE_STOP_IN_FRAME,
    Store,
)

try:
    import cython

    IS_COMPILED = cython.compiled
except ImportError:
    IS_COMPILED = False

# How a run ends. Plain integers, because the compiled loop returns them.
HALT_STOP, HALT_TRUNCATED, HALT_BAD_OPCODE, HALT_UNDERFLOW = 0, 1, 2, 3
HALT_NO_MARK, HALT_MEMO_MISS, HALT_BAD_PROTOCOL, HALT_NEGATIVE_LENGTH = 4, 5, 6, 7
HALT_ODD_ITEMS, HALT_BAD_MEMO_INDEX, HALT_EVENT_LIMIT, HALT_RAW_ARRAY = 8, 9, 10, 11


class Machine(Store):
    """Runs one pickle from `start` and keeps what a loader would do, see `Store`."""

    def run(self) -> int:
        """Run until something halts. After HALT_RAW_ARRAY set `pos` and call again."""
        data = self.data
        fixed = FIXED_PUSH
        counted = COUNTED_PUSH
        stack = self.stack
        capacity = len(stack)
        memo = self.memo
        pos = self.pos
        end = self.end
        sp = self.sp
        fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
        barrier = self.frame_end if self.frame_end >= 0 else end
        if barrier > end:
            barrier = end
        halt = -1
        at = pos
        while True:
            while pos < barrier:
                at = pos
                op = data[pos]
                size = fixed[op]
                if size:
                    if sp == capacity:
                        self._grow_stack(sp)
                        stack = self.stack
                        capacity = len(stack)
                    stack[sp] = pos
                    sp += 1
                    pos += size
                elif op == 0x94:  # MEMOIZE
                    if sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    self.used_memoize = True
                    index = self.memo_count
                    if index < len(memo) and memo[index] < 0:
                        memo[index] = stack[sp - 1]
                        self.memo_count = index + 1
                    else:
                        self._put(index, stack[sp - 1], at)
                        memo = self.memo
                    pos += 1
                elif op == 0x71:  # BINPUT
                    if pos + 2 > end:
                        halt = HALT_TRUNCATED
                        break
                    if sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    self.used_put = True
                    index = data[pos + 1]
                    if memo[index] < 0:
                        memo[index] = stack[sp - 1]
                        self.memo_count += 1
                    else:
                        self._put(index, stack[sp - 1], at)
                    pos += 2
                elif op == 0x68 or op == 0x6A:  # BINGET, LONG_BINGET
                    size = 2 if op == 0x68 else 5
                    if pos + size > end:
                        halt = HALT_TRUNCATED
                        break
                    index = data[pos + 1]
                    if size == 5:
                        # The innermost term first: the compiled arithmetic is then 64 bits wide.
                        value = data[pos + 4]
                        index += 256 * (data[pos + 2] + 256 * (data[pos + 3] + 256 * value))
                    value = memo[index] if index < len(memo) else self._get(index)
                    if value < 0:
                        value = self._get(index)
                        if value < 0:
                            halt = HALT_MEMO_MISS
                            break
                    if sp == capacity:
                        self._grow_stack(sp)
                        stack = self.stack
                        capacity = len(stack)
                    stack[sp] = value
                    sp += 1
                    pos += size
                elif counted[op]:
                    size = counted[op]
                    if pos + 1 + size > end:
                        halt = HALT_TRUNCATED
                        break
                    length = data[pos + 1]
                    if size > 1:
                        length = self._length(pos + 1, size)
                        if length < 0 or ((op == 0x54 or op == 0x8B) and length > 0x7FFFFFFF):
                            halt = HALT_NEGATIVE_LENGTH
                            break
                    if length > end - pos - 1 - size:
                        halt = HALT_TRUNCATED
                        break
                    if sp == capacity:
                        self._grow_stack(sp)
                        stack = self.stack
                        capacity = len(stack)
                    stack[sp] = pos
                    sp += 1
                    pos += 1 + size + length
                elif op == 0x28:  # MARK
                    if self.mark_count == len(self.marks):
                        self._grow_marks()
                    self.marks[self.mark_count] = sp
                    self.mark_count += 1
                    fence = sp
                    pos += 1
                elif op == 0x75 or op == 0x65 or op == 0x90:  # SETITEMS, APPENDS, ADDITEMS
                    if self.mark_count == 0:
                        halt = HALT_NO_MARK
                        break
                    if op == 0x75 and (sp - fence) % 2 != 0:
                        halt = HALT_ODD_ITEMS
                        break
                    self.mark_count -= 1
                    low = fence
                    fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
                    if low <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    value = stack[low - 1]
                    size = data[value]
                    if (
                        (op == 0x75 and size != 0x7D and size != 0x64)
                        or (op == 0x65 and size != 0x5D and size != 0x6C)
                        or (op == 0x90 and size != 0x8F)
                    ):
                        self._event(at, value, sp - low, 0)
                    if self.wanted is not None:
                        self._keep(value, low, sp)
                    sp = low
                    pos += 1
                elif op == 0x72:  # LONG_BINPUT
                    if pos + 5 > end:
                        halt = HALT_TRUNCATED
                        break
                    if sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    self.used_put = True
                    value = data[pos + 4]
                    index = data[pos + 1] + 256 * (data[pos + 2] + 256 * (data[pos + 3] + 256 * value))
                    if index < len(memo) and memo[index] < 0:
                        memo[index] = stack[sp - 1]
                        self.memo_count += 1
                    else:
                        self._put(index, stack[sp - 1], at)
                        memo = self.memo
                    pos += 5
                elif op == 0x73 or op == 0x61:  # SETITEM, APPEND
                    size = 3 if op == 0x73 else 2
                    if sp - size < fence:
                        halt = HALT_UNDERFLOW
                        break
                    sp -= size - 1
                    value = stack[sp - 1]
                    index = data[value]
                    if (op == 0x73 and index != 0x7D and index != 0x64) or (
                        op == 0x61 and index != 0x5D and index != 0x6C
                    ):
                        self._event(at, value, size - 1, 0)
                    if self.wanted is not None:
                        self._keep(value, sp, sp + size - 1)
                    pos += 1
                elif op == 0x85 or op == 0x86 or op == 0x87:  # TUPLE1, TUPLE2, TUPLE3
                    size = op - 0x84
                    if sp - size < fence:
                        halt = HALT_UNDERFLOW
                        break
                    sp -= size
                    if self.wanted is not None:
                        self._keep(at, sp, sp + size)
                    stack[sp] = pos
                    sp += 1
                    pos += 1
                elif (
                    op == 0x74 or op == 0x6C or op == 0x64 or op == 0x91
                ):  # TUPLE, LIST, DICT, FROZENSET
                    if self.mark_count == 0:
                        halt = HALT_NO_MARK
                        break
                    if op == 0x64 and (sp - fence) % 2 != 0:
                        halt = HALT_ODD_ITEMS
                        break
                    if self.wanted is not None:
                        self._keep(at, fence, sp)
                    sp = fence
                    self.mark_count -= 1
                    fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
                    if sp == capacity:
                        self._grow_stack(sp)
                        stack = self.stack
                        capacity = len(stack)
                    stack[sp] = pos
                    sp += 1
                    pos += 1
                elif op == 0x30:  # POP
                    if self.mark_count > 0 and sp == fence:
                        self.mark_count -= 1
                        fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
                    elif sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    else:
                        sp -= 1
                    pos += 1
                elif op == 0x31:  # POP_MARK
                    if self.mark_count == 0:
                        halt = HALT_NO_MARK
                        break
                    sp = fence
                    self.mark_count -= 1
                    fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
                    pos += 1
                elif op == 0x32:  # DUP
                    if sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    if sp == capacity:
                        self._grow_stack(sp)
                        stack = self.stack
                        capacity = len(stack)
                    stack[sp] = stack[sp - 1]
                    sp += 1
                    pos += 1
                elif op == 0x2E:  # STOP
                    if sp <= fence:
                        halt = HALT_UNDERFLOW
                        break
                    pos += 1
                    halt = HALT_STOP
                    break
                else:
                    self.pos = pos
                    self.sp = sp
                    halt = self._rare(op, pos, sp, fence)
                    pos = self.pos
                    sp = self.sp
                    stack = self.stack
                    capacity = len(stack)
                    memo = self.memo
                    fence = self.marks[self.mark_count - 1] if self.mark_count > 0 else 0
                    if halt >= 0:
                        break
                    barrier = self.frame_end if self.frame_end >= 0 else end
                    if barrier > end:
                        barrier = end
                    if self.events_dropped:
                        break
            if halt >= 0 or self.events_dropped:
                break
            if pos > end or self.frame_end < 0 or barrier == end:
                halt = HALT_TRUNCATED
                break
            if pos > self.frame_end:
                self._note(NOTE_FRAME_CROSSED, at)
            self.frame_end = -1
            barrier = end
        if halt == HALT_STOP and self.frame_end > pos:
            self._note(NOTE_STOP_IN_FRAME, at)
        elif halt != HALT_STOP and halt != HALT_RAW_ARRAY and at < self.frame_end < end:
            # The opcode that broke may have read across the frame's end.
            self._note(NOTE_FRAME_CROSSED, at)
        if halt == HALT_RAW_ARRAY and pos >= self.frame_end:
            self.frame_end = -1  # joblib writes an array between frames
        if self.events_dropped:
            halt = HALT_EVENT_LIMIT
        if self.used_put and self.used_memoize:
            self._note(NOTE_MEMO_MIXED, self.start)
        self.pos = pos
        self.sp = sp
        self.at = at
        return halt

    def _rare(self, op: int, pos: int, sp: int, fence: int) -> int:
        """Run an opcode that is not in the hot loop. Returns a halt code, or -1 to go on."""
        end = self.end
        if op == 0x52 or op == 0x81 or op == 0x62:  # REDUCE, NEWOBJ, BUILD
            if sp - 2 < fence:
                return HALT_UNDERFLOW
            sp -= 1
            target = self.stack[sp - 1]
            self._event(pos, target, self.stack[sp], 0)
            self.sp = sp
            self.pos = pos + 1
            if op == 0x62:
                if target == self.wrapper:
                    self.wrapper = -1
                    self.at = pos
                    return HALT_RAW_ARRAY
                return -1
            self.stack[sp - 1] = pos
            if target in self.wrapper_classes:
                self.wrapper = pos
            return -1
        if op == 0x63 or op == 0x69:  # GLOBAL, INST
            return self._import_lines(op, pos, sp, fence)
        if op == 0x93:  # STACK_GLOBAL
            if sp - 2 < fence:
                return HALT_UNDERFLOW
            sp -= 2
            if self._ends_with_wrapper(self.stack[sp + 1]):
                self.wrapper_classes.add(pos)
            self._event(pos, self.stack[sp], self.stack[sp + 1], self.protocol)
            return self._push(pos, sp, pos + 1)
        if op == 0x92:  # NEWOBJ_EX
            if sp - 3 < fence:
                return HALT_UNDERFLOW
            sp -= 3
            self._event(pos, self.stack[sp], self.stack[sp + 1], self.stack[sp + 2])
            return self._push(pos, sp, pos + 1)
        if op == 0x6F:  # OBJ
            if self.mark_count == 0:
                return HALT_NO_MARK
            if sp <= fence:
                return HALT_UNDERFLOW
            self.mark_count -= 1
            target = self.stack[fence]
            self._event(pos, target, sp - fence - 1, 0)
            if self.wanted is not None:
                self._keep(pos, fence + 1, sp)
            if target in self.wrapper_classes:
                self.wrapper = pos
            return self._push(pos, fence, pos + 1)
        if op == 0x51:  # BINPERSID
            if sp <= fence:
                return HALT_UNDERFLOW
            self._event(pos, self.stack[sp - 1], 0, 0)
            return self._push(pos, sp - 1, pos + 1)
        if op == 0x95:  # FRAME
            return self._frame(pos)
        if op == 0x80:  # PROTO
            return self._proto(pos)
        if op == 0x49 or op == 0x4C or op == 0x46 or op == 0x53 or op == 0x56 or op == 0x50:
            # INT, LONG, FLOAT, STRING, UNICODE, PERSID: one line of text.
            stop = self._line_end(pos + 1)
            if stop < 0:
                return HALT_TRUNCATED
            if op == 0x50:
                self._event(pos, stop, 0, 0)
            elif (op == 0x49 or op == 0x4C) and not self._is_plain_number(pos + 1, stop, op == 0x4C):
                self._note(NOTE_NUMBER_TEXT, pos)
            return self._push(pos, sp, stop + 1)
        if op == 0x67 or op == 0x70:  # GET, PUT
            return self._text_memo(op, pos, sp, fence)
        if op == 0x82 or op == 0x83 or op == 0x84:  # EXT1, EXT2, EXT4
            size = 1 << (op - 0x82)
            if pos + 1 + size > end:
                return HALT_TRUNCATED
            self._event(pos, self._length(pos + 1, size), 0, self.protocol)
            return self._push(pos, sp, pos + 1 + size)
        if op == 0x98:  # READONLY_BUFFER
            if sp <= fence:
                return HALT_UNDERFLOW
            self.pos = pos + 1
            return -1
        return HALT_BAD_OPCODE

    def _push(self, value: int, sp: int, pos: int) -> int:
        if sp == len(self.stack):
            self._grow_stack(sp)
        self.stack[sp] = value
        self.sp = sp + 1
        self.pos = pos
        return -1

    def _import_lines(self, op: int, pos: int, sp: int, fence: int) -> int:
        # At the end of a file pure Python takes the rest as the line and drops its last byte.
        first = self._line_end(pos + 1)
        second = -1 if first < 0 else self._line_end(first + 1)
        if second < 0:
            last = self.end - 1
            if first < 0:
                self._event(pos, max(pos + 1, last), -1, self.protocol)
            else:
                self._event(pos, first, max(first + 1, last), self.protocol)
            return HALT_TRUNCATED
        self._event(pos, first, second, self.protocol)
        if self._is_wrapper_name(first + 1, second):
            self.wrapper_classes.add(pos)
        if op == 0x63:
            return self._push(pos, sp, second + 1)
        # Pure Python imports before it looks for the mark.
        if self.mark_count == 0:
            return HALT_NO_MARK
        self.mark_count -= 1
        if self.wanted is not None:
            self._keep(pos, fence, sp)
        if pos in self.wrapper_classes:
            self.wrapper = pos
        return self._push(pos, fence, second + 1)

    def _frame(self, pos: int) -> int:
        if pos + 9 > self.end:
            return HALT_TRUNCATED
        length = self._length(pos + 1, 8)
        if length < 0:
            return HALT_NEGATIVE_LENGTH
        stop = self.end + 1 if length > self.end - pos - 9 else pos + 9 + length
        if self.frame_end >= 0 and self.frame_end != pos + 9:
            self._note(NOTE_FRAME_NESTED, pos)
            if self.frame_end < pos + 9 or stop > self.frame_end:
                self._note(NOTE_FRAME_CROSSED, pos)
        if stop > self.end:
            self._note(NOTE_FRAME_TOO_LONG, pos)
        self.frame_end = stop
        self.pos = pos + 9
        return -1

    def _proto(self, pos: int) -> int:
        if pos + 2 > self.end:
            return HALT_TRUNCATED
        protocol = self.data[pos + 1]
        if protocol > 5:
            return HALT_BAD_PROTOCOL
        if pos != self.start:
            if self.data[self.start] == 0x80:
                self._note(NOTE_PROTOCOL_REPEATED, pos)
            else:
                self._note(NOTE_PROTOCOL_LATE, pos)
        self.protocol = protocol
        self.pos = pos + 2
        return -1

    def _text_memo(self, op: int, pos: int, sp: int, fence: int) -> int:
        stop = self._line_end(pos + 1)
        if stop < 0:
            return HALT_TRUNCATED
        index = self._index(pos + 1, stop)
        if index < 0:
            return HALT_BAD_MEMO_INDEX
        if op == 0x67:
            value = self._get(index)
            if value < 0:
                return HALT_MEMO_MISS
            return self._push(value, sp, stop + 1)
        if sp <= fence:
            return HALT_UNDERFLOW
        self.used_put = True
        self._put(index, self.stack[sp - 1], pos)
        self.pos = stop + 1
        return -1
