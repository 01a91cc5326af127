"""Take the vocabulary of a GGUF file apart, as the reader of its header has kept it.

A string is its length (8 bytes, 4 in version 1) and its bytes. Keys: `tokenizer.ggml.model`, `tokens`,
`merges`. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.weights.gguf import GgufArray, GgufHeader, ValueType

_OF_THE_TOKENIZER: Final = "tokenizer.ggml."


@dataclass(frozen=True, slots=True)
class GgufTokens:
    """The vocabulary; ids are places. `model` is `llama`, `gpt2`, ...; "" when the file doesn't say."""

    model: str
    tokens: tuple[str, ...]
    merges: tuple[str, ...]


def read_gguf_tokens(header: GgufHeader) -> GgufTokens | None:
    """Return the vocabulary; None for a file without one.

    Raises:
        Malformed: strings that are not laid out as the header says.
        LimitReached: texts that are longer than any vocabulary has; they were not kept.
    """
    tokens = _strings(header, "tokens")
    if tokens is None:
        return None
    model = header.get(_OF_THE_TOKENIZER + "model")
    return GgufTokens(model if isinstance(model, str) else "", tokens, _strings(header, "merges") or ())


def _strings(header: GgufHeader, key: str) -> tuple[str, ...] | None:
    value = header.get(_OF_THE_TOKENIZER + key)
    if not isinstance(value, GgufArray) or value.element_type is not ValueType.STRING:
        return None
    if value.strings or not value.count:
        return value.strings
    if not value.raw:
        raise LimitReached(f"{key} of the vocabulary are longer than any that is in use")
    mark = "<" if header.byte_order == "little" else ">"
    return tuple(_walk(value, struct.Struct(mark + ("I" if header.version == 1 else "Q"))))


def _walk(value: GgufArray, size: struct.Struct) -> list[str]:
    found: list[str] = []
    data, at, prefix, unpack = value.raw, 0, size.size, size.unpack_from
    for _ in range(value.count):
        if at + prefix > len(data):
            raise Malformed("an array of strings ends early")
        length = int(unpack(data, at)[0])
        at += prefix
        if length > len(data) - at:
            raise Malformed("a string is longer than its array")
        found.append(data[at : at + length].decode("utf-8", "backslashreplace"))
        at += length
    return found
