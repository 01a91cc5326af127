"""Pickles that lie inside the strings and bytes of another: data today, a payload tomorrow.

Nothing in the outer pickle needs to load them. They are handed to the engine as nested artifacts
only when they are whole pickles that import something by a proper name, so random bytes are not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from weighbridge.analyzers.pickle.calls import Judged
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import MIB
from weighbridge.formats.pickle.contents import Contents
from weighbridge.formats.pickle.literals import Buffer
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Halt, Stream

_SEARCHED_BYTES = 64 * MIB
_FOUND = 20
_ATTEMPTS = 20_000
_RAW = re.compile(rb"\x80[\x02-\x05][\x95c}\]()K-NXq\x8c]")
_BASE64 = re.compile(rb"gA[I-X][A-Za-z0-9+/_-]{13,}={0,2}")
_MODULES = rb"os|posix|nt|subprocess|sys|builtins|__builtin__|socket|runpy|importlib|pty"
# A fixed first byte is searched for seven times faster than a class: so the newline behind the
# module's name comes first, and the name is looked back at. Any opcode may follow the second name.
_TEXT = re.compile(
    rb"\n(?:%s)(?=\w+\n)" % b"|".join(rb"(?<=[ci]%s\n)" % name for name in _MODULES.split(b"|"))
)
_BEFORE_TEXT = re.compile(rb"[ci](?:%s)\Z" % _MODULES)
_LONGEST_MODULE = max(map(len, _MODULES.split(b"|")))


def embedded_pickles(artifact: Artifact, contents: Contents, judged: Judged) -> Iterator[Artifact]:
    """Yield nested artifacts for whole pickles inside the literals of the first pickles."""
    found = 0
    for stream in contents.streams:
        if stream.flattened is not None or stream.stop - stream.start > _SEARCHED_BYTES:
            continue
        for offset, payload in _candidates(stream):
            yield artifact.nested(f"pickle at {offset}", MemorySource(payload))
            found += 1
            if found == _FOUND:
                return


def _candidates(stream: Stream) -> Iterator[tuple[int, bytes]]:
    data = bytes(stream.data[stream.start : stream.stop])
    own_imports = set(stream.offsets)
    behind = 1
    for attempt, match in enumerate(_RAW.finditer(data, 1)):
        if attempt > _ATTEMPTS:
            break
        if match.start() >= behind:
            payload = _whole(data, match.start())
            if payload is not None:
                behind = match.start() + len(payload)
                yield stream.start + match.start(), payload
    for match in _BASE64.finditer(data, 1):
        payload = _decoded(match.group())
        if payload is not None:
            yield stream.start + match.start(), payload
    for start in _named(data):
        if stream.start + start not in own_imports:
            payload = _whole(data, start)
            if payload is not None:
                yield stream.start + start, payload


def _named(data: bytes) -> Iterator[int]:
    """Where a pickle of protocol 0 or 1 may begin with a name that is worth a look."""
    for attempt, match in enumerate(_TEXT.finditer(data, 1)):
        if attempt > _ATTEMPTS:
            break
        low = max(1, match.start() - _LONGEST_MODULE - 1)
        found = _BEFORE_TEXT.search(data, low, match.start())
        if found is not None:
            yield found.start()


def _whole(data: Buffer, start: int) -> bytes | None:
    """The bytes of a pickle that begins at `start`, when it is whole and imports something."""
    candidate = read_one(as_indexable(data), start, max_events=10_000)
    if candidate.halt is not Halt.STOP or not is_plausible(candidate):
        return None
    if not any(True for _ in candidate.imports()):
        return None
    return bytes(data[start : candidate.stop])


def _decoded(text: bytes) -> bytes | None:
    text = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        decoded = base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return _whole(decoded, 0)
