"""Write pickles opcode by opcode. Each function returns bytes; nothing here is ever loaded.

An expression is bytes that push one value. Expressions nest: `call(name("a", "b"), text("c"))`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MARK, STOP, POP, POP_MARK, DUP = b"(", b".", b"0", b"1", b"2"
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT = b")", b"]", b"}"
REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, OBJ = b"R", b"b", b"\x81", b"\x92", b"o"
STACK_GLOBAL, MEMOIZE, BINPERSID = b"\x93", b"\x94", b"Q"


@dataclass(frozen=True, slots=True)
class Action:
    """What a sample does: one call. `items` are expressions for its arguments."""

    module: str
    name: str
    items: tuple[bytes, ...]

    @property
    def callee(self) -> bytes:
        return name(self.module, self.name)

    @property
    def arguments(self) -> bytes:
        """The opcodes that push the tuple of arguments."""
        return tuple_of(*self.items)

    @property
    def call(self) -> bytes:
        return self.callee + self.arguments + REDUCE


def stream(*body: bytes, protocol: int = 4) -> bytes:
    """A whole pickle: PROTO, the expressions, STOP."""
    return proto(protocol) + b"".join(body) + STOP


def proto(protocol: int) -> bytes:
    return b"\x80" + bytes([protocol])


def frame(body: bytes, length: int | None = None) -> bytes:
    """FRAME and what is in it. `length` is what it states, if that is not the truth."""
    return b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


# Text and bytes, in every spelling that there is.


def text(value: str) -> bytes:
    """SHORT_BINUNICODE, or BINUNICODE when that is too short."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else text32(value)


def text32(value: str) -> bytes:
    """BINUNICODE."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def text64(value: str) -> bytes:
    """BINUNICODE8."""
    raw = value.encode()
    return b"\x8d" + struct.pack("<Q", len(raw)) + raw


def text_line(value: str) -> bytes:
    r"""UNICODE, each character escaped: `V\u0070...`."""
    return b"V" + "".join(f"\\u{ord(char):04x}" for char in value).encode() + b"\n"


def string_line(value: str) -> bytes:
    r"""STRING, each character escaped: `S'\x70...'`."""
    return b"S'" + "".join(f"\\x{ord(char):02x}" for char in value).encode() + b"'\n"


def string8(value: str) -> bytes:
    """SHORT_BINSTRING."""
    return b"U" + bytes([len(value)]) + value.encode()


def string32(value: str) -> bytes:
    """BINSTRING."""
    return b"T" + struct.pack("<I", len(value)) + value.encode()


def data(value: bytes) -> bytes:
    """SHORT_BINBYTES or BINBYTES."""
    if len(value) < 256:
        return b"C" + bytes([len(value)]) + value
    return b"B" + struct.pack("<I", len(value)) + value


def integer(value: int) -> bytes:
    """BININT1, BININT2, BININT or LONG1, as a pickler would choose."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


# Containers.


def tuple_of(*items: bytes) -> bytes:
    if len(items) > 3:
        return MARK + b"".join(items) + b"t"
    return b"".join(items) + (EMPTY_TUPLE, b"\x85", b"\x86", b"\x87")[len(items)]


def list_of(*items: bytes) -> bytes:
    return EMPTY_LIST + MARK + b"".join(items) + b"e"


def dict_of(*pairs: tuple[str, bytes]) -> bytes:
    return EMPTY_DICT + MARK + b"".join(text(key) + value for key, value in pairs) + b"u"


# Imports and calls.


def global_line(module: str, qualname: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{qualname}\n".encode()


def name(module: str, qualname: str) -> bytes:
    """STACK_GLOBAL of two plain strings."""
    return text(module) + text(qualname) + STACK_GLOBAL


def inst(module: str, qualname: str, *items: bytes) -> bytes:
    """INST: imports and calls in one opcode."""
    return MARK + b"".join(items) + f"i{module}\n{qualname}\n".encode()


def call(callee: bytes, *items: bytes) -> bytes:
    """REDUCE."""
    return callee + tuple_of(*items) + REDUCE


def new(callee: bytes, *items: bytes) -> bytes:
    """NEWOBJ."""
    return callee + tuple_of(*items) + NEWOBJ


def build(target: bytes, state: bytes) -> bytes:
    return target + state + BUILD


def slot_state(*pairs: tuple[str, bytes]) -> bytes:
    """A state that BUILD sets with `setattr`, whatever the target is."""
    return tuple_of(NONE, dict_of(*pairs))


# The memo.


def put(index: int) -> bytes:
    """BINPUT or LONG_BINPUT."""
    return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    """BINGET or LONG_BINGET."""
    return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)


MARKER = "echo weighbridge-marker"
PAYLOAD = Action("posix", "system", (text(MARKER),))
BENIGN = Action("collections", "OrderedDict", ())
