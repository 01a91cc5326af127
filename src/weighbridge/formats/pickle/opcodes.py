"""The 68 opcodes of protocols 0 to 5: names, and how each one's argument is spelled.

Source: CPython Lib/pickletools.py documents them; the bytes are those of Lib/pickle.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Argument(StrEnum):
    """How an opcode's argument lies in the bytes."""

    NONE = "none"
    FIXED = "fixed"
    """`size` bytes."""
    COUNTED = "counted"
    """A little-endian length of `size` bytes, then that many bytes."""
    LINE = "line"
    """Text up to a newline."""
    TWO_LINES = "two lines"


@dataclass(frozen=True, slots=True)
class Opcode:
    """One opcode. `size` counts argument bytes (FIXED) or bytes of the length (COUNTED)."""

    code: int
    name: str
    argument: Argument = Argument.NONE
    size: int = 0


def _table() -> tuple[Opcode, ...]:
    none = (
        "2e STOP, 28 MARK, 30 POP, 31 POP_MARK, 32 DUP, 4e NONE, 88 NEWTRUE, 89 NEWFALSE, 52 REDUCE, "
        "62 BUILD, 61 APPEND, 65 APPENDS, 73 SETITEM, 75 SETITEMS, 90 ADDITEMS, 5d EMPTY_LIST, 6c LIST, "
        "29 EMPTY_TUPLE, 74 TUPLE, 85 TUPLE1, 86 TUPLE2, 87 TUPLE3, 7d EMPTY_DICT, 64 DICT, "
        "8f EMPTY_SET, 91 FROZENSET, 6f OBJ, 81 NEWOBJ, 92 NEWOBJ_EX, 93 STACK_GLOBAL, 94 MEMOIZE, "
        "51 BINPERSID, 97 NEXT_BUFFER, 98 READONLY_BUFFER"
    )
    fixed = (
        "4b BININT1 1, 4d BININT2 2, 4a BININT 4, 47 BINFLOAT 8, 80 PROTO 1, 95 FRAME 8, 68 BINGET 1, "
        "6a LONG_BINGET 4, 71 BINPUT 1, 72 LONG_BINPUT 4, 82 EXT1 1, 83 EXT2 2, 84 EXT4 4"
    )
    counted = (
        "58 BINUNICODE 4, 8c SHORT_BINUNICODE 1, 8d BINUNICODE8 8, 42 BINBYTES 4, 43 SHORT_BINBYTES 1, "
        "8e BINBYTES8 8, 96 BYTEARRAY8 8, 54 BINSTRING 4, 55 SHORT_BINSTRING 1, 8a LONG1 1, 8b LONG4 4"
    )
    line = "49 INT, 4c LONG, 46 FLOAT, 53 STRING, 56 UNICODE, 50 PERSID, 67 GET, 70 PUT"
    rows = [(entry, Argument.NONE) for entry in none.split(", ")]
    rows += [(entry, Argument.FIXED) for entry in fixed.split(", ")]
    rows += [(entry, Argument.COUNTED) for entry in counted.split(", ")]
    rows += [(entry, Argument.LINE) for entry in line.split(", ")]
    rows += [(entry, Argument.TWO_LINES) for entry in ("63 GLOBAL", "69 INST")]
    return tuple(_opcode(entry.split(), argument) for entry, argument in rows)


def _opcode(words: list[str], argument: Argument) -> Opcode:
    return Opcode(int(words[0], 16), words[1], argument, int(words[2]) if len(words) > 2 else 0)


OPCODES: dict[int, Opcode] = {opcode.code: opcode for opcode in _table()}

GLOBAL, INST, STACK_GLOBAL = 0x63, 0x69, 0x93
REDUCE, OBJ, NEWOBJ, NEWOBJ_EX, BUILD = 0x52, 0x6F, 0x81, 0x92, 0x62
EXT1, EXT2, EXT4 = 0x82, 0x83, 0x84
PERSID, BINPERSID = 0x50, 0x51
SETITEM, SETITEMS, APPEND, APPENDS, ADDITEMS = 0x73, 0x75, 0x61, 0x65, 0x90

IMPORTS = frozenset({GLOBAL, INST, STACK_GLOBAL})
EXTENSIONS = frozenset({EXT1, EXT2, EXT4})
CALLS = frozenset({REDUCE, OBJ, INST, NEWOBJ, NEWOBJ_EX})
MUTATIONS = frozenset({SETITEM, SETITEMS, APPEND, APPENDS, ADDITEMS})
TUPLES = frozenset({0x29, 0x74, 0x85, 0x86, 0x87})
LISTS = frozenset({0x5D, 0x6C})
DICTS = frozenset({0x7D, 0x64})
SETS = frozenset({0x8F, 0x91})
CONTAINERS = TUPLES | LISTS | DICTS | SETS

_FIXED_PUSHES = frozenset({"NONE", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE"})
_FIXED_PUSHES |= {"EMPTY_SET", "NEXT_BUFFER", "BININT", "BININT1", "BININT2", "BINFLOAT"}


def _fixed_push(code: int) -> int:
    opcode = OPCODES.get(code)
    return 1 + opcode.size if opcode is not None and opcode.name in _FIXED_PUSHES else 0


def _counted_push(code: int) -> int:
    opcode = OPCODES.get(code)
    return opcode.size if opcode is not None and opcode.argument is Argument.COUNTED else 0


FIXED_PUSH = bytes(_fixed_push(code) for code in range(256))
"""Opcode byte -> its size with argument, for those that push one value of fixed size; else 0."""
COUNTED_PUSH = bytes(_counted_push(code) for code in range(256))
"""Opcode byte -> bytes in its length, for those that push one value and carry a length; else 0."""
