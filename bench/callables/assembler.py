"""Write the few opcodes that the generated pickles need. Nothing here is ever loaded."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MARKER = "weighbridge-marker"
"""The inert word that every generated call carries."""


def pickled(body: bytes, protocol: int) -> bytes:
    """A whole pickle around `body`, which leaves one value."""
    return b"\x80" + bytes([protocol]) + body + b"."


def named(module: str, name: str, protocol: int) -> bytes:
    """Push the callable: GLOBAL below protocol 4, STACK_GLOBAL from there on."""
    if protocol < 4:
        return b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    return text(module) + text(name) + b"\x93"


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def boolean(value: bool) -> bytes:
    return b"\x88" if value else b"\x89"


def tuple_of(*values: bytes) -> bytes:
    if not values:
        return b")"
    return b"(" + b"".join(values) + b"t"


def list_of(values: Sequence[bytes]) -> bytes:
    return b"](" + b"".join(values) + b"e"


def dict_of(items: Sequence[tuple[str, bytes]]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items) + b"u"


def call(callee: bytes, *arguments: bytes) -> bytes:
    return callee + tuple_of(*arguments) + b"R"


def instance(kind: bytes, state: bytes | None, *arguments: bytes) -> bytes:
    """NEWOBJ, then BUILD when there is a state."""
    made = kind + tuple_of(*arguments) + b"\x81"
    return made if state is None else made + state + b"b"


def persistent(value: bytes) -> bytes:
    return value + b"Q"
