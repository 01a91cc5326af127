"""Secrets among the strings of pickles: training arguments keep the token that pushed the model.

A string of a pickle is found from the inside: where the beginning of a known secret stands, the opcode
before it says how long the string is. So nothing is decoded that does not look like a secret, and of
each file no more than 4 MiB are searched, whatever its size: the beginning and the end of each pickle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.formats.pickle.trace import Stream

_SEARCHED: Final = 4 * MIB
_HEAD: Final = 1 * MIB
_TAIL: Final = 256 * KIB
_HITS: Final = 300
_BACK: Final = 400
_AROUND: Final = 10 * KIB
_LONGEST: Final = 1 * MIB
_LONG_RUN: Final = re.compile(rb"[A-Za-z0-9_+/=~-]{20,}")
_DIGIT: Final = re.compile(rb"[0-9]")
_LETTER: Final = re.compile(rb"[A-Za-z]")
_STARTS: Final = {0x58: 4, 0x54: 4, 0x42: 4, 0x8C: 1, 0x55: 1, 0x43: 1, 0x8D: 8}
"""BINUNICODE, BINSTRING, BINBYTES, their short forms, BINUNICODE8: bytes of the length behind each."""
_LINES: Final = b"VS"
"""UNICODE and STRING of protocol 0: the rest of the line."""


def pickled_secrets(artifact: Artifact, streams: Iterable[Stream]) -> Iterator[Finding]:
    """Yield one finding for each kind of secret in the strings of pickles."""
    left = _SEARCHED
    parts: dict[str, str] = {}
    for stream in streams:
        for start, stop in _ends(stream):
            left -= stop - start
            if left < 0:
                break
            for at, text in _strings(bytes(stream.data[start:stop])):
                parts.setdefault(text, f"string at byte {stream.place(start + at):,}")
    if parts:
        from weighbridge.analyzers.texts.passages import joined
        from weighbridge.analyzers.texts.secret_search import secret_findings

        yield from secret_findings(
            artifact, joined(((place, text) for text, place in parts.items()), _SEARCHED)
        )


def _ends(stream: Stream) -> Iterator[tuple[int, int]]:
    """Half-open ranges of a stream that are searched."""
    head = min(stream.stop, stream.start + _HEAD)
    yield stream.start, head
    if head < stream.stop:
        yield max(head, stream.stop - _TAIL), stream.stop


def _may_hold_one(data: bytes) -> bool:
    """False for most pickles, which then cost no table: nothing in them is long and mixed."""
    if b"://" in data or b"hf_" in data:  # the hub's tokens are of letters only
        return True
    return any(_DIGIT.search(run[0]) and _LETTER.search(run[0]) for run in _LONG_RUN.finditer(data))


def _strings(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield where a secret begins, and the string that it stands in."""
    if not _may_hold_one(data):
        return
    # The tables of secrets take longer to load than most pickles to judge.
    from weighbridge.analyzers.texts.secret_search import secrets_near
    from weighbridge.knowledge.secrets import installed_secrets

    tables = installed_secrets()
    found = tables.stems.places(data.decode("latin-1"))
    for number, places in found.items():
        pattern = tables.patterns[number]
        if pattern.files:
            continue
        for at in places[:_HITS]:
            for start, text in _candidates(data, at):
                if any(True for _ in secrets_near(pattern, text, [max(0, at - start)])):
                    yield at, text
                    break


def _candidates(data: bytes, at: int) -> Iterator[tuple[int, str]]:
    """Yield texts that may be the string around a place, the likeliest first, then the bytes."""
    for back in range(1, min(at, _BACK) + 1):
        size = _STARTS.get(data[at - back])
        if size is None:
            continue
        start = at - back + 1 + size
        length = int.from_bytes(data[start - size : start], "little")
        if start <= at < start + length <= len(data) and length <= _LONGEST:
            yield start, data[start : start + length].decode("utf-8", "replace")
    line = data.rfind(b"\n", 0, at) + 1
    if data[line] in _LINES:
        stop = data.find(b"\n", at, at + _AROUND)
        yield line + 1, data[line + 1 : max(stop, at)].decode("latin-1")
    start = max(0, at - _BACK)
    yield start, data[start : at + _AROUND].decode("latin-1")
