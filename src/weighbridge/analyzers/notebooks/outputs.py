"""Outputs of a notebook: HTML and scripts that a browser runs as the reader, once they are trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.inspection import Context
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.notebook_tables import is_usual_host, output_patterns

DRIVES, ACTS, PRESENT = "NBK001", "NBK002", "NBK003"
_OWN_COMMANDS: Final = "commands that libraries of plots give to the kernel"
_SHOWN: Final = 5
_LARGEST_CHARS: Final = 16_000_000
_BLOCK: Final = 1_000_000
_OVERLAP: Final = 2_000
_ELSEWHERE: Final = (
    (
        re.compile(
            r"<script\b[^>]{0,400}?\bsrc\s*=\s*[\"']?\s*(?:https?:)?//([^/\"'\s>?#]{1,200})", re.I
        ),
        "loads a script from",
    ),
    (
        re.compile(
            r"<iframe\b[^>]{0,600}?\bsrc\s*=\s*[\"']?\s*(?:https?:)?//([^/\"'\s>?#]{1,200})", re.I
        ),
        "shows a page of",
    ),
    (
        re.compile(
            r"\b(?:fetch|sendBeacon|importScripts|import|ajax|getJSON|\$\.(?:get|post"
            r"|getScript))\s*\(\s*[\"'`](?:https?:)?//([^/\"'`\s?#]{1,200})",
            re.I,
        ),
        "asks",
    ),
    (
        re.compile(
            r"\.open\s*\(\s*[\"'](?:GET|POST|PUT)[\"']\s*,\s*[\"'`](?:https?:)?//([^/\"'`\s?#]{1,200})",
            re.I,
        ),
        "asks",
    ),
    (
        re.compile(
            r"\bnew\s+(?:WebSocket|EventSource)\s*\(\s*[\"'`](?:wss?|https?)://([^/\"'`\s?#]{1,200})",
            re.I,
        ),
        "connects to",
    ),
    (
        re.compile(r"\bfrom\s*[\"'`]https?://([^/\"'`\s?#]{1,200})[^\"'`\n]{0,200}[\"'`]", re.I),
        "imports from",
    ),
    (re.compile(r"\blocation(?:\.href)?\s*=\s*[\"'`]https?://([^/\"'`\s?#]{1,200})", re.I), "leads to"),
)
_OF_LIBRARIES: Final = re.compile(
    r"bokeh\.io\.notebook|uuid_to_server|ion\.destroy_server|JupyterCommManager|import panel|panel\.io"
    r"|_mpl_inline|mpl\.figure|holoviews|vpython|pythreejs|nglview"
)
"""Libraries whose own output gives the kernel commands, to tidy up servers behind their plots."""


@dataclass(frozen=True, slots=True)
class OutputText:
    """A text that a browser obeys, and where it stands, in words."""

    place: str
    text: str


def output_findings(
    artifact: Artifact, texts: Iterable[OutputText], context: Context
) -> Iterator[Finding]:
    """Yield one finding for each thing that outputs do, with its places."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in texts:
        context.budget.check_time()
        for rule, subject, words in _deeds(one.text[:_LARGEST_CHARS]):
            groups.setdefault((rule, subject), []).append(f"{one.place}: {words}")
    for (rule, subject), lines in groups.items():
        shown = list(dict.fromkeys(lines))
        more = [f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        evidence = "\n".join([line[:400] for line in shown[:_SHOWN]] + more)
        yield Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)


def _deeds(text: str) -> Iterator[tuple[str, str, str]]:
    """Rule, subject and words of what one output does. Long ones are read block by block."""
    seen: set[tuple[str, str]] = set()
    own = _OF_LIBRARIES.search(text) is not None
    for start in range(0, max(1, len(text)), _BLOCK - _OVERLAP):
        block = text[start : start + _BLOCK].replace("\n", " ").replace("\r", " ")
        for rule, subject, words in (*_by_patterns(block), *_by_hosts(block)):
            # What a library is known to write is no attack, and its text is easily put beside one.
            if own and (rule == DRIVES or "kernel" in subject):
                rule, subject = ACTS, _OWN_COMMANDS
            if (rule, subject) not in seen:
                seen.add((rule, subject))
                yield rule, subject, words


def _by_patterns(text: str) -> Iterator[tuple[str, str, str]]:
    for pattern in output_patterns():
        if match := pattern.pattern.search(text):
            around = text[max(0, match.start() - 20) : match.end() + 60]
            yield pattern.rule, pattern.why, f"{pattern.why}: {quoted(around)}"


def _by_hosts(text: str) -> Iterator[tuple[str, str, str]]:
    for pattern, verb in _ELSEWHERE:
        for match in pattern.finditer(text):
            host = match[1].rpartition("@")[2]
            if "." in host and "{" not in host and "$" not in host and not is_usual_host(host):
                yield ACTS, f"{verb} {host}", f"{verb} {quoted(host)} when it is shown"
