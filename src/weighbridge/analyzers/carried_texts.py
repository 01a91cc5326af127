"""Free text in the metadata of a model: pickles in base64, commands, and active content.

Nothing runs such text by itself. Descriptions, paths and addresses are what it is for and are not
told; a pickle is handed on, a program that does harm is named.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.texts.any_text import look_at_metadata
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted

_MAX_PICKLES = 16
_MAX_FINDINGS = 64
_CLASSIFIED_CHARS = 4_096
_CLASSIFIED_TEXTS = 32
_BEFORE_CHARS = 256
# A protocol 2 to 5 pickle begins 80 02 .. 80 05, which base64 spells gAI .. gAX.
_BASE64_PICKLE = re.compile(r"(?<![\w+/-])gA[I-X][A-Za-z0-9+/_-]{5,}={0,2}")
_ACTIVE = re.compile(r"<script\b|\bjavascript:|<iframe\b|\bonerror\s*=", re.IGNORECASE)
_PROGRAM = re.compile(
    r"__import__|\bos\.system|\bsubprocess\b|\bexec\s*\(|\beval\s*\(|\bsocket\.|/bin/(?:ba)?sh\b"
    r"|\b(?:ba)?sh -[ic]\b|\|\s*(?:ba)?sh\b|/dev/tcp/|\bnc -e\b|\bpowershell\b|\bcurl\b|\bwget\b"
    r"|\brm -rf\b|\bmshta\b|\bcertutil\b",
    re.IGNORECASE,
)
"""Cheap words without which no text is worth two parsers."""
_HARM: Final = frozenset(
    {
        "reverse-shell",
        "download-and-run",
        "credential-read",
        "exfiltration",
        "persistence",
        "destructive",
    }
    | {"obfuscated"}
)


def carried(artifact: Artifact, texts: Iterable[tuple[str, str]], *, rule: str) -> Iterator[Event]:
    """Yield a finding for each text that carries something, and each pickle as a nested artifact.

    Args:
        artifact: the model.
        texts: (place, text); places are shown and need not be unique.
        rule: what reports it.

    Raises:
        LimitReached: more texts look like programs than any model has; 32 were read.
    """
    kept = list(texts)
    yield from look_at_metadata(artifact, kept)
    found = classified = 0
    for place, text in kept:
        if found >= _MAX_FINDINGS:
            return
        for number, payload in enumerate(base64_pickles(text)):
            yield _finding(artifact, rule, place, f"a pickle in base64: {quoted(text)}", "pickle")
            yield artifact.nested(f"{place[:200]}#{number}", MemorySource(payload))
            found += 1
        active = _ACTIVE.search(text)
        if active is not None:
            shown = quoted(text[active.start() :])
            yield _finding(artifact, rule, place, f"active content: {shown}", "script")
            found += 1
        program = _PROGRAM.search(text)
        if program is not None:
            classified += 1
            if classified > _CLASSIFIED_TEXTS:
                raise LimitReached(f"more than {_CLASSIFIED_TEXTS} texts look like programs")
            begin = max(0, program.start() - _BEFORE_CHARS)
            for kind, witness in harmful_programs(text[begin : begin + _CLASSIFIED_CHARS]):
                yield _finding(artifact, rule, place, f"a program ({kind}): {witness}", kind)
                found += 1


def _finding(artifact: Artifact, rule: str, place: str, evidence: str, kind: str) -> Finding:
    subject = f"{place[:200]} {kind}"
    return Finding(
        rule=rule, path=artifact.path, subject=subject, evidence=evidence, route=f"/{place[:200]}"
    )


def base64_pickles(text: str) -> Iterator[bytes]:
    """Yield what decodes to a pickle, the first few."""
    found = 0
    for match in _BASE64_PICKLE.finditer(text):
        payload = _decode(match[0])
        if payload[:1] == b"\x80" and payload.endswith(b"."):
            found += 1
            yield payload
        if found == _MAX_PICKLES:
            return


def _decode(text: str) -> bytes:
    core = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(core + "=" * (-len(core) % 4), validate=True)
    except binascii.Error:
        return b""


def harmful_programs(text: str) -> Iterator[tuple[str, str]]:
    """Yield classes of harm that the text shows, as Python or as a command line, and their witness."""
    # Parsers of Python and of shells, and the tables of payloads: only for texts that need them.
    from weighbridge.formats.scripts.python_source import read_python
    from weighbridge.formats.scripts.shell import read_shell
    from weighbridge.knowledge.payloads import classify

    seen: set[str] = set()
    for facts in (read_python(text), read_shell(text)):
        for one in classify(facts):
            if one.kind.value in _HARM and one.kind.value not in seen:
                seen.add(one.kind.value)
                yield one.kind.value, one.witness
