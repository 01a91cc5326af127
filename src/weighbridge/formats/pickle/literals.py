"""Decode the one literal that an opcode spells, the way the unpicklers do."""

from __future__ import annotations

import codecs
import struct

from weighbridge.formats.pickle.opcodes import OPCODES, Argument

Buffer = bytes | memoryview
Literal = str | bytes | bytearray | int | float | bool | None

_KEEP = 1 << 20
"""Bytes of a literal that are ever decoded: a payload longer than this is shown cut."""


class NotLiteral(Exception):
    """The opcode at that offset pushes something else than a literal, or one that can't be decoded."""


def payload(data: Buffer, offset: int, end: int) -> tuple[int, int]:
    """Return the half-open range of the argument of the opcode at `offset`, without its length.

    Raises:
        NotLiteral: no such opcode, or the argument is cut off by `end`.
    """
    opcode = OPCODES.get(data[offset]) if offset < end else None
    if opcode is None:
        raise NotLiteral
    start = offset + 1
    match opcode.argument:
        case Argument.COUNTED:
            stop = start + opcode.size
            length = int.from_bytes(data[start:stop], "little")
            start, stop = stop, stop + length
        case Argument.FIXED:
            stop = start + opcode.size
        case Argument.LINE:
            stop = line_end(data, start, end)
        case _:
            stop = start
    if stop > end:
        raise NotLiteral
    return start, stop


def line_end(data: Buffer, start: int, end: int) -> int:
    """Offset of the next newline, or `end + 1` when there is none."""
    block = 1 << 12
    while start < end:
        found = bytes(data[start : min(end, start + block)]).find(b"\n")
        if found >= 0:
            return start + found
        start += block
        block *= 2
    return end + 1


def literal(data: Buffer, offset: int, end: int) -> Literal:
    """Return the literal that the opcode at `offset` pushes; long ones are cut at 1 MiB.

    Raises:
        NotLiteral: it pushes no literal, or a loader would fail to decode it.
    """
    op = data[offset]
    simple: dict[int, Literal] = {0x4E: None, 0x88: True, 0x89: False}
    if op in simple:
        return simple[op]
    start, stop = payload(data, offset, end)
    raw = bytes(data[start : min(stop, start + _KEEP)])
    try:
        return _decode(op, raw)
    except (ValueError, struct.error) as error:
        raise NotLiteral from error


def memo_index(data: Buffer, offset: int, end: int) -> int:
    """The memo index that a PUT, BINPUT or LONG_BINPUT names; 0 when it can't be told."""
    try:
        start, stop = payload(data, offset, end)
        raw = bytes(data[start : min(stop, start + 40)])
        return int(raw.split(b"\0")[0]) if data[offset] == 0x70 else int.from_bytes(raw, "little")
    except (NotLiteral, ValueError):
        return 0


def _decode(op: int, raw: bytes) -> Literal:
    if op in (0x58, 0x8C, 0x8D):
        return str(raw, "utf-8", "surrogatepass" if len(raw) < _KEEP else "replace")
    if op in (0x42, 0x43, 0x8E):
        return raw
    if op == 0x96:
        return bytearray(raw)
    if op in (0x54, 0x55):
        return _text_or_bytes(raw)
    if op == 0x53:
        return _text_or_bytes(_quoted(raw))
    if op == 0x56:
        return str(raw, "raw-unicode-escape")
    if op in (0x4B, 0x4D):
        return int.from_bytes(raw, "little")
    if op == 0x4A or op in (0x8A, 0x8B):
        return int.from_bytes(raw[:65536], "little", signed=True)
    if op == 0x47:
        return float(struct.unpack(">d", raw)[0])
    if op == 0x46:
        return float(raw)
    if op in (0x49, 0x4C):
        return _number(op, raw)
    raise NotLiteral


def _text_or_bytes(raw: bytes) -> str | bytes:
    """Python 2 strings: text when ASCII (the default encoding), else what `bytes` encoding keeps."""
    try:
        return str(raw, "ascii")
    except UnicodeDecodeError:
        return raw


def _quoted(raw: bytes) -> bytes:
    if len(raw) < 2 or raw[0] != raw[-1] or raw[0] not in b"\"'":
        raise NotLiteral
    return codecs.escape_decode(raw[1:-1])[0]


def _number(op: int, raw: bytes) -> int | bool:
    if op == 0x49 and raw in (b"00", b"01"):
        return raw == b"01"
    # C reads up to the first NUL and takes any base prefix.
    text = raw.split(b"\0")[0].strip()
    if op == 0x4C and text.endswith(b"L"):
        text = text[:-1]
    return int(text[:4300], 0)
