"""Boosted trees and the local language models: known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.boosters.xgboost_binary import is_xgboost_binary
from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe
from weighbridge.formats.weights.ggml import is_ggml

_APE = (b"MZqFpD='", b"jartsr='")
_NATIVE = (b"\x7fELF", b"MZ")
"""A llamafile that was turned into a plain program is known by its name alone."""
_CATBOOST = b"CBM1"
_INTEGER_BYTES = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head.startswith(_CATBOOST):
        yield Format.CATBOOST
    if is_xgboost_binary(head):
        yield Format.XGBOOST_BINARY
    elif head[:1] == b"{" and _is_ubjson(head, probe.size):
        yield Format.XGBOOST_UBJSON
    if is_ggml(head, probe.size):
        yield Format.GGML
    if head.startswith(_APE) or (probe.suffix == ".llamafile" and head.startswith(_NATIVE)):
        yield Format.LLAMAFILE


def _is_ubjson(head: bytes, size: int) -> bool:
    """An object whose first key has a length that fits and a name of plain characters.

    JSON has a quote, a space or the other brace there.
    """
    at = head.find(b"#", 1, 4) + 1 or 1
    if head[1:2] in (b"$", b"#") and at > 1:
        at += 1 + _INTEGER_BYTES.get(head[at : at + 1], 0)
    width = _INTEGER_BYTES.get(head[at : at + 1])
    if width is None:
        return False
    length = int.from_bytes(head[at + 1 : at + 1 + width], "big")
    key = head[at + 1 + width : at + 1 + width + length]
    return (
        0 < length == len(key) <= min(256, size) and key.isascii() and key.decode("ascii").isprintable()
    )
