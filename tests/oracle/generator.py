"""Make pickles: well-formed, nearly well-formed, and hostile, from a seeded random source.

Three ways: dump a random object with CPython's pickler and mutate it; write random opcodes with
plausible arguments while keeping the stack roughly in balance; splice the two.
"""

from __future__ import annotations

import pickle
import random
import struct
from collections import OrderedDict

NAMES = (
    "os",
    "system",
    "builtins",
    "collections",
    "OrderedDict",
    "a.b",
    "x",
    "Ünï",
    "",
    "m\udc80",
    "c" * 300,
)
PUSHES = (
    b"N", b"\x88", b"\x89", b"}", b"]", b")", b"\x8f", b"K\x07", b"M\x01\x02", b"J\xff\xff\xff\xff",
    b"G?\xf0\0\0\0\0\0\0", b"I1\n", b"I01\n", b"I0x10\n", b"I1\0junk\n", b"L5L\n", b"L-0x1L\n",
    b"F1.5\n", b"S'os'\n", b"S\"system\"\n", b"Vsys\\u0074em\n", b"\x8a\x01\x05",
    b"\x8b\x01\0\0\0\x05", b"U\x02os", b"T\x06\0\0\0system", b"\x97", b"Ppid\n",
)  # fmt: skip
ONES = (
    b"0",
    b"2",
    b"(",
    b"Q",
    b"\x98",
    b"\x94",
    b"\x85",
    b"a",
    b"s",
    b"u",
    b"e",
    b"\x90",
    b"t",
    b"l",
    b"d",
    b"\x91",
)
CALLS = (b"R", b"b", b"\x81", b"\x92", b"o", b"\x93", b"\x86", b"\x87", b"1")


def generate(rng: random.Random) -> bytes:
    """One case, usually below 400 bytes, sometimes several pickles with junk between."""
    parts = [_pickle(rng) for _ in range(1 if rng.random() < 0.75 else rng.randint(2, 4))]
    if rng.random() < 0.2:
        parts.insert(rng.randrange(len(parts) + 1), rng.randbytes(rng.randint(1, 20)))
    data = b"".join(parts)
    return mutate(rng, data) if rng.random() < 0.4 else data


def _pickle(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return pickle.dumps(_value(rng, 3), protocol=rng.randint(0, 5))
    body = b"".join(_piece(rng) for _ in range(rng.randint(1, 40)))
    if rng.random() < 0.35:
        body = _framed(rng, body + b".")
    elif rng.random() < 0.9:
        body += b"."
    return (_proto(rng) if rng.random() < 0.8 else b"") + body


def _proto(rng: random.Random) -> bytes:
    return b"\x80" + bytes([rng.choice((0, 1, 2, 2, 3, 4, 4, 4, 5, 5, 6, 255))])


def _framed(rng: random.Random, body: bytes) -> bytes:
    cut = rng.randint(0, len(body))
    length = len(body) - cut if rng.random() < 0.3 else max(0, len(body) - cut + rng.randint(-12, 12))
    if rng.random() < 0.05:
        length = rng.choice((2**31, 2**63, 2**64 - 1))
    return body[:cut] + b"\x95" + struct.pack("<Q", length) + body[cut:]


def _piece(rng: random.Random) -> bytes:
    choice = rng.random()
    if choice < 0.32:
        return rng.choice(PUSHES)
    if choice < 0.44:
        return _text(rng)
    if choice < 0.56:
        return _global(rng)
    if choice < 0.68:
        return _memo(rng)
    if choice < 0.80:
        return rng.choice(ONES)
    if choice < 0.93:
        return rng.choice(CALLS)
    if choice < 0.96:
        return _framed(rng, rng.choice(PUSHES))
    if choice < 0.98:
        return _proto(rng)
    return rng.choice((b"\x82\x01", b"\x83\x01\0", b"\x84\x01\0\0\0", rng.randbytes(1)))


def _name(rng: random.Random) -> bytes:
    return rng.choice(NAMES).encode("utf-8", "surrogatepass")


def _text(rng: random.Random) -> bytes:
    name = _name(rng) if rng.random() < 0.8 else _hidden(rng)
    slack = rng.choice((0, 0, 0, 0, 0, 1, -1, 7))
    length = max(0, len(name) + slack)
    kind = rng.choice(b"XX\x8c\x8c\x8dBC\x8e\x96UT")
    if kind in b"\x8cCU":
        return bytes([kind, min(length, 255)]) + name
    if kind in b"\x8d\x8e\x96":
        return bytes([kind]) + struct.pack("<Q", length if rng.random() < 0.97 else 2**63 + 5) + name
    return bytes([kind]) + struct.pack("<I", length if rng.random() < 0.97 else 2**31 + 5) + name


def _hidden(rng: random.Random) -> bytes:
    """Opcodes inside a string: what a differential between two readings would run."""
    return b"\x8c\x02os\x8c\x06system\x93" + rng.choice((b"0N.", b".", b"0", b")R."))


def _global(rng: random.Random) -> bytes:
    choice = rng.random()
    if choice < 0.4:
        return rng.choice((b"c", b"c", b"(i", b"i")) + _name(rng) + b"\n" + _name(rng) + b"\n"
    if choice < 0.9:
        return _plain_text(rng) + _plain_text(rng) + b"\x93"
    return b"c" + _name(rng) + rng.choice((b"", b"\n", b"\n" + _name(rng), b"\r\nx\r\n"))


def _plain_text(rng: random.Random) -> bytes:
    name = _name(rng)
    if rng.random() < 0.3:
        return (
            b"V" + name.decode("utf-8", "surrogatepass").encode("raw-unicode-escape", "replace") + b"\n"
        )
    return b"X" + struct.pack("<I", len(name)) + name


def _memo(rng: random.Random) -> bytes:
    index = rng.choice((0, 0, 1, 1, 2, 3, 255, 256, 70000, 2**31 - 1, 2**32 - 1))
    kind = rng.random()
    if kind < 0.3:
        return b"\x94"
    if kind < 0.55:
        return bytes([rng.choice(b"hq"), index & 0xFF])
    if kind < 0.75:
        return bytes([rng.choice(b"jr")]) + struct.pack(
            "<I", index if index < 70000 or rng.random() < 0.1 else 3
        )
    spelling = rng.choice(
        ("%d", "%d", "%d", " %d", "%d ", "+%d", "0%d", "%d\0x", "-%d", "0x%d", "1_%d")
    ) % (index & 0xFF)
    return bytes([rng.choice(b"gp")]) + spelling.encode() + b"\n"


def _value(rng: random.Random, depth: int) -> object:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(
            (1, -5, 2**70, 1.5, "text", "Ünï", b"bytes", None, True, bytearray(b"x"), "y" * 300)
        )
    items = [_value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    kind = rng.randrange(6)
    if kind == 0:
        return items
    if kind == 1:
        return tuple(items)
    if kind == 2:
        return {str(index): item for index, item in enumerate(items)}
    if kind == 3:
        return OrderedDict((str(index), item) for index, item in enumerate(items))
    if kind == 4:
        return set(range(len(items)))
    return [items, items]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to four small edits: flip, insert, delete, duplicate, swap, cut."""
    edited = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not edited:
            break
        at = rng.randrange(len(edited))
        stop = min(len(edited), at + rng.randint(1, 8))
        match rng.randrange(6):
            case 0:
                edited[at] = rng.randrange(256)
            case 1:
                edited[at:at] = _piece(rng)
            case 2:
                del edited[at:stop]
            case 3:
                edited[at:at] = edited[at:stop]
            case 4:
                edited[at] = (edited[at] + rng.choice((-1, 1))) % 256
            case _:
                if rng.random() < 0.3:
                    del edited[at:]
    return bytes(edited)
