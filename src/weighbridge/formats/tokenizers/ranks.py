"""Read vocabularies that are bytes with ranks: `.tiktoken` files, and Mistral's tekken.json.

    .tiktoken     one token in a line: base64 of its bytes, a blank, its rank
    tekken.json   {"config": {...}, "vocab": [{"rank", "token_bytes": base64, "token_str"}],
                   "special_tokens": [{"rank", "token_str", "is_control"}]}

Sources: openai/tiktoken (load.py), mistralai/mistral-common (tekken)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json

_LINE: Final = re.compile(rb"([A-Za-z0-9+/=]+) (\d{1,9})\r?\Z")
_MOST: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Ranks:
    """Tokens by rank.

    Attributes:
        tokens: (rank, bytes), in file order.
        named: (rank, text) of special tokens, and texts that the file gives beside the bytes.
        broken: lines or entries that are no token, of which the first 20 stand in `examples`.
    """

    tokens: tuple[tuple[int, bytes], ...]
    named: tuple[tuple[int, str], ...]
    broken: int
    examples: tuple[str, ...]


def is_tiktoken(head: bytes) -> bool:
    """True when the first lines are tokens with rising ranks from 0, 1 or so on."""
    lines = head.split(b"\n")[:8]
    found = [_LINE.match(line) for line in lines[:-1] if line]
    ranks = [int(match[2]) for match in found if match]
    return (
        len(ranks) >= 4
        and len(ranks) == len(found)
        and ranks == list(range(ranks[0], ranks[0] + len(ranks)))
    )


def read_tiktoken(data: bytes) -> Ranks:
    """Read the lines of a `.tiktoken` file.

    Raises:
        LimitReached: more lines than any vocabulary has.
    """
    lines = data.split(b"\n")
    if len(lines) > _MOST:
        raise LimitReached(f"more than {_MOST:,} lines")
    tokens: list[tuple[int, bytes]] = []
    broken: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        match = _LINE.match(line)
        token = _decoded(match[1]) if match else None
        if match is None or token is None:
            broken.append(line[:80].decode("utf-8", "backslashreplace"))
        else:
            tokens.append((int(match[2]), token))
    return Ranks(tuple(tokens), (), len(broken), tuple(broken[:20]))


def is_tekken(tree: Json) -> bool:
    """True for the tree of a tekken.json."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("config"), Mapping):
        return False
    entries = tree.get("vocab")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        return False
    return isinstance(entries[0], Mapping) and "token_bytes" in entries[0]


def read_tekken(tree: Mapping[str, Json]) -> Ranks:
    """Read the tree of a tekken.json; only as many tokens count as the configuration says."""
    tokens: list[tuple[int, bytes]] = []
    named: list[tuple[int, str]] = []
    broken = 0
    for entry in _entries(tree.get("vocab")):
        rank, encoded, text = entry.get("rank"), entry.get("token_bytes"), entry.get("token_str")
        token = _decoded(encoded.encode("ascii", "replace")) if isinstance(encoded, str) else None
        if token is None or not isinstance(rank, int) or isinstance(rank, bool):
            broken += 1
            continue
        tokens.append((rank, token))
        if isinstance(text, str) and text.encode("utf-8", "surrogatepass") != token:
            named.append((rank, text))
    for entry in _entries(tree.get("special_tokens")):
        rank, text = entry.get("rank"), entry.get("token_str")
        if isinstance(rank, int) and isinstance(text, str):
            named.append((rank, text))
    return Ranks(tuple(tokens), tuple(named), broken, ())


def _entries(value: Json) -> Iterator[Mapping[str, Json]]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value[:_MOST]:
            if isinstance(item, Mapping):
                yield item


def _decoded(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
