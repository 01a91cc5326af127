"""Read the compiled character map of SentencePiece: which texts it turns into which others.

    0       4     size of the trie in bytes
    4       ...   a double array of 32-bit units (Darts-clone)
    ...           replacements, each ended by a zero byte; a value of the trie is an offset here

A unit holds an offset to its children, a label, and whether it has a leaf; a leaf holds the value. The
same map stands in `normalizer_spec` and `denormalizer_spec` of a model, and as base64 in the normalizer
`Precompiled` of a tokenizer.json.

Source: https://github.com/google/sentencepiece (normalizer), https://github.com/s-yata/darts-clone
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed

_LARGEST: Final = 16 * MIB
_MOST_RULES: Final = 1_000_000
_MOST_VISITS: Final = 4_000_000
_LONGEST_KEY: Final = 1_000
_IS_LEAF: Final = 1 << 31
_HAS_LEAF: Final = 1 << 8
_LABEL: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One rule of a map. What is not UTF-8 comes as backslash escapes."""

    text: str
    replacement: str


def read_charsmap(data: bytes) -> Iterator[Rewriting]:
    """Yield the rules of a compiled map.

    Raises:
        Malformed: the sizes don't fit, or the trie leads out of its units or never ends.
        LimitReached: the map is larger than any that is in use.
    """
    if not data:
        return
    if len(data) > _LARGEST:
        raise LimitReached(f"a character map of {len(data):,} bytes")
    size = int.from_bytes(data[:4], "little")
    if len(data) < 8 or size % 4 or not 4 <= size <= len(data) - 4:
        raise Malformed("a character map that is shorter than it says")
    units = struct.unpack_from(f"<{size // 4}I", data, 4)
    pool = data[4 + size :]
    for key, value in _entries(units):
        end = pool.find(b"\0", value)
        if not 0 <= value < len(pool) or end < 0:
            raise Malformed("a rule of the character map has no replacement")
        yield Rewriting(_text(key), _text(pool[value:end]))


def _entries(units: tuple[int, ...]) -> Iterator[tuple[bytes, int]]:
    """Walk the trie. Equal endings share their units, so it is no tree: what bounds it is counted."""
    children: dict[int, list[tuple[int, int]]] = {}
    for at, unit in enumerate(units):
        label = unit & _LABEL
        if label and not unit & _IS_LEAF:
            children.setdefault(at ^ label, []).append((label, at))
    waiting: list[tuple[int, bytes]] = [(0, b"")]
    visits = rules = 0
    while waiting:
        at, key = waiting.pop()
        visits += 1
        if visits > _MOST_VISITS or len(key) > _LONGEST_KEY:
            raise Malformed("the trie of a character map has no end")
        unit = units[at]
        base = at ^ _offset(unit)
        if unit & _HAS_LEAF:
            rules += 1
            if rules > _MOST_RULES:
                raise LimitReached(f"more than {_MOST_RULES:,} rules in a character map")
            yield key, _leaf(units, base)
        waiting += [(child, key + bytes((label,))) for label, child in children.get(base, ())]


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 1 << 9) >> 6)


def _leaf(units: tuple[int, ...], at: int) -> int:
    if at >= len(units) or not units[at] & _IS_LEAF:
        raise Malformed("the trie of a character map has a leaf without a value")
    return units[at] & ~_IS_LEAF


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
