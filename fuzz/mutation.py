"""Break a file the way a fuzzer without a grammar does, and inside of a zip or a gzip stream too."""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

_EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_WIDE_EDGES = (*_EDGES, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_LARGEST = 1 << 20
_TEXT_NUMBERS = (b"-1", b"0", b"99999999999999999999", b"1e999", b"null", b"[]", b'""', b"{}")
_ODD_VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 10**30, 1e308, float("nan"), "", "\x00", "\ud800", "a" * 5000, "../" * 40),
    *([], {}, [[[[]]]], {"": {"": {}}}, ["x"] * 300, [None, 1, "", {}], {"type": "Sequence"}),
    *("\u202e\u200b\U000e0041", "{{ x }}", "{% for a in b %}", "(" * 400, "a/b--c.D", "file:///", "--"),
)
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return `data` with one to four things wrong with it.

    Args:
        data: a well-formed file, or one that is broken already.
        others: files to take pieces from; not empty.
        rng: where all choices come from.
    """
    if rng.random() < 0.6:
        inner = _inside(data, others, rng)
        if inner is not None:
            return inner
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        data = rng.choice(_STEPS)(data, others, rng)
    return data[:_LARGEST]


def _inside(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes | None:
    """Break one member and wrap it up again; None for what is no container. JSON contains values."""
    if data[:1] in (b"{", b"["):
        return _in_json(data, rng)
    if data[:2] == b"\x1f\x8b":
        try:
            return gzip.compress(mutate(zlib.decompress(data, 31), others, rng), 1, mtime=0)
        except zlib.error:
            return None
    if data[:4] != b"PK\x03\x04":
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(one.filename, archive.read(one)) for one in archive.infolist()]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError):
        return None
    if not members:
        return None
    chosen = rng.randrange(len(members))
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of names that occur twice: some samples have them
        for index, (name, content) in enumerate(members):
            content = mutate(content, others, rng) if index == chosen else content
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content)
    return out.getvalue()


def _in_json(data: bytes, rng: random.Random) -> bytes | None:
    """Put values of other types and sizes in place of some, or move them to other places."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return None
    places = list(_places(tree))[:20_000]
    if not places:
        return None
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        holder, key = rng.choice(places)
        other, other_key = rng.choice(places)
        try:
            match rng.randrange(4):
                case 0:
                    holder[key] = copy.deepcopy(other[other_key])
                case 1:
                    holder[key] = {str(other_key): holder[key], "": [holder[key]]}
                case 2 if isinstance(holder, list):
                    holder *= rng.choice((2, 3, 40)) if len(holder) < 1000 else 1
                case _:
                    holder[key] = rng.choice(_ODD_VALUES)
        except (LookupError, TypeError):
            continue  # an earlier step has taken the place away
    try:
        return json.dumps(tree).encode()[:_LARGEST]
    except (ValueError, RecursionError, UnicodeError):
        return None


def _places(tree: object) -> Iterator[tuple[Any, Any]]:
    """Yield (holder, key) of every value in a tree."""
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            keys: Iterable[Any] = holder.keys()
        elif isinstance(holder, list):
            keys = range(len(holder))
        else:
            continue
        for key in keys:
            yield holder, key
            waiting.append(holder[key])


def _flip(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    if not data:
        return data
    at = _place(data, rng)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Put a number at the edge of its type where a length, count or offset may be."""
    code, edges = rng.choice(
        (("B", (0, 1, 0x7F, 0x80, 0xFF)), ("H", _EDGES), ("I", _EDGES), ("Q", _WIDE_EDGES))
    )
    size = struct.calcsize(code)
    value = rng.choice(edges) % (1 << 8 * size)
    at = _place(data, rng) if data else 0
    return data[:at] + struct.pack(rng.choice("<>") + code, value) + data[at + size :]


def _nudge(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    if not data:
        return data
    at = _place(data, rng)
    return data[:at] + bytes([(data[at] + rng.choice((-1, 1))) % 256]) + data[at + 1 :]


def _cut(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _drop(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    return data[:begin] + data[end:]


def _repeat(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    begin, end = _range(data, rng)
    return data[:end] + data[begin:end] * rng.choice((1, 1, 2, 50)) + data[end:]


def _splice(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    begin, end = _range(other, rng)
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[begin:end] + data[at + rng.choice((0, end - begin)) :]


def _renumber(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Put another number into text; does nothing where there is none."""
    digits = [at for at, byte in enumerate(data[:65536]) if 0x30 <= byte <= 0x39]
    if not digits:
        return _flip(data, others, rng)
    at = end = rng.choice(digits)
    while end < len(data) and 0x30 <= data[end] <= 0x39:
        end += 1
    return data[:at] + rng.choice(_TEXT_NUMBERS) + data[end:]


def _nest(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Open something many times: brackets, tags, groups of protobuf."""
    at = rng.randrange(len(data) + 1)
    opening = rng.choice((b"[", b"{", b'{"a":', b"(", b"<a>", b"- ", b"\x0b", b"\x92", b"\x0a\x7f"))
    return data[:at] + opening * rng.choice((10, 1000, 20000)) + data[at:]


_Step = Callable[[bytes, Sequence[bytes], random.Random], bytes]
_STEPS: tuple[_Step, ...] = (
    _flip,
    _flip,
    _overwrite,
    _overwrite,
    _overwrite,
    _nudge,
    _cut,
    _drop,
    _repeat,
    _splice,
    _renumber,
    _nest,
)


def _place(data: bytes, rng: random.Random) -> int:
    """An index, more often near the start or the end, where headers and directories are."""
    size = len(data)
    match rng.randrange(4):
        case 0:
            return rng.randrange(min(size, 256))
        case 1:
            return size - 1 - rng.randrange(min(size, 256))
        case _:
            return rng.randrange(size)


def _range(data: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.choice((1, 2, 4, 8, 32, 256, 4096)))
