"""Rich text files: objects in hexadecimal digits, and those that open by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

_OPENS, _CARRIES = "DOC050", "DOC051"
_LARGEST_BYTES: Final = 64 * MIB
_OBJECTS: Final = 64
_DATA: Final = re.compile(rb"\\\*?\\?objdata\b")
_ALONE: Final = re.compile(
    rb"\\obj(?:update|autlink)\b|\\object\\objlink\b|\bhtmlfile\b|\\\*\\template\b", re.IGNORECASE
)
_WORD: Final = re.compile(rb"\\(?:\*|[A-Za-z]+-?\d* ?|'[0-9a-fA-F]{2})|[{}\s]")
_KNOWN: Final = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"PK\x03\x04",
    b"MZ",
    b"\x7fELF",
    b"%PDF",
    b"{\\rtf",
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the objects of the text; hand on what is embedded in them."""
    size = artifact.source.size
    data = bytes(artifact.source.read_at(0, min(size, _LARGEST_BYTES)))
    alone = sorted({match.decode("latin-1") for match in _ALONE.findall(data)})
    places = [match.end() for match in _DATA.finditer(data)]
    if alone:
        yield _finding(artifact, _OPENS, alone[0], ", ".join(alone[:8]))
    elif places:
        yield _finding(artifact, _CARRIES, "object", f"{len(places):,} objects")
    for number, at in enumerate(places[:_OBJECTS]):
        context.budget.check_time()
        content = _embedded(data, at)
        if content:
            yield artifact.nested(f"object {number}", MemorySource(content))
    if size > _LARGEST_BYTES or len(places) > _OBJECTS:
        detail = f"rich text of {size:,} bytes with {len(places):,} objects was read in part"
        yield Coverage(path=artifact.path, format=Format.RTF, outcome=Outcome.LIMITED, detail=detail)


def _embedded(data: bytes, at: int) -> bytes:
    """The bytes of an object's digits, from the first signature of a known kind."""
    end = data.find(b"}", at)
    digits = _WORD.sub(b"", data[at : end if end >= 0 else None])
    packed = bytes(byte for byte in digits if byte in b"0123456789abcdefABCDEF")
    content = bytes.fromhex(packed[: len(packed) // 2 * 2].decode("ascii"))
    starts = [found for magic in _KNOWN if (found := content.find(magic, 0, 4096)) >= 0]
    return content[min(starts) :] if starts else content


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
