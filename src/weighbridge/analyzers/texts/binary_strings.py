"""Secrets and words for machines among the strings of a program: malware of 2025 carries both.

Only strings around a few fixed words are looked at, found by a plain search, so that the cost is that
of reading the bytes once for each word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.texts.any_text import look_at_metadata
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB

_MARKS: Final = (
    *(b"hf_", b"ghp_", b"github_pat_", b"sk-ant-", b"T3BlbkFJ", b"AKIA", b"xoxb-", b"PRIVATE KEY-----"),
    *(b"api.telegram.org/bot", b"/api/webhooks/", b"revious instructions", b"MALWARE DETECTED"),
    b"security scanner",
)
_SEARCHED: Final = 64 * MIB
_HITS: Final = 64
_BEFORE: Final = 600
_AFTER: Final = 4_000
_PRINTABLE: Final = re.compile(rb"[\t\r\n\x20-\x7e]{12,}")


def look_at_binary(artifact: Artifact, data: bytes) -> Iterator[Finding]:
    """Yield what strings of a program hold or demand; the first 64 MiB are searched."""
    data = data[:_SEARCHED]
    found: dict[int, str] = {}
    for mark in _MARKS:
        at = data.find(mark)
        for _ in range(_HITS):
            if at < 0:
                break
            start, text = _run(data, at)
            if text:
                found.setdefault(start, text)
            at = data.find(mark, at + len(mark))
    yield from look_at_metadata(
        artifact, ((f"string at byte {at:,}", found[at]) for at in sorted(found))
    )


def _run(data: bytes, at: int) -> tuple[int, str]:
    """The printable bytes around a place."""
    for match in _PRINTABLE.finditer(data, max(0, at - _BEFORE), min(len(data), at + _AFTER)):
        if match.start() <= at < match.end():
            return match.start(), match.group().decode("ascii")
    return at, ""
