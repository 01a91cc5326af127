"""Words in an ONNX model that are more: pickles, scripts, programs, and what loaders evaluate."""

from __future__ import annotations

import ast
import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.onnx_parts import Text

EVALUATED: Final = frozenset({"names", "imgsz", "kpt_shape"})
"""Metadata that YOLOv5 and early Ultralytics releases give to `eval`."""
_BASE64_PICKLE = re.compile(r"(?<![\w+/-])gA[I-X][A-Za-z0-9+/_-]{13,}={0,2}")
_ACTIVE = re.compile(
    r"<script\b|<iframe\b|javascript:|data:text/html|<[a-z]+\s[^<>]{0,200}\bon(?:error|load|click)\s*=",
    re.IGNORECASE,
)
_PROGRAM_WORDS = re.compile(
    r"os\.system|subprocess|\bpopen\b|/dev/tcp|\bexec\s*\((?!\))|\beval\s*\((?!\))|__import__|\bcurl\s|\bwget\s"
    r"|base64\s+-d|powershell|\bnc\s+-|socket\.|Invoke-|\bpty\.",
    re.IGNORECASE,
)
_PROGRAM_CHARS = 1 * MIB
_REACHES = re.compile(r"__\w+__|\b(?:import|exec|eval|open|getattr|lambda|compile)\b")
_LARGEST_VALUE = 4 * MIB
_MOST_PICKLES = 16
_MOST_EVALUATED = 100


class Words:
    """Judges texts one by one; repeats and floods are told once."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._program_chars = 0
        self._read: set[str] = set()
        self._pickles = 0
        self._evaluations = 0
        self._told: set[tuple[str, str]] = set()

    def judge(self, text: Text) -> Iterator[Event]:
        """Yield what is wrong with one text, and what it carries."""
        if text.rest is not None:
            rest = SliceSource(self._artifact.source, text.rest.at, text.rest.length)
            yield self._artifact.nested(f"{text.key[:80] or 'text'} at {text.rest.at}", rest)
        yield from self._carried(text)
        found = _ACTIVE.search(text.value)
        if found is not None:
            yield from self._tell(text, "ONX014", text.value[found.start() :])
        if _PROGRAM_WORDS.search(text.value):
            yield from self._program(text)
        if text.is_metadata and text.key in EVALUATED:
            yield from self._evaluated(text)

    def _carried(self, text: Text) -> Iterator[Event]:
        for match in _BASE64_PICKLE.finditer(text.value):
            payload = _decoded(match[0])
            if payload is not None and self._pickles < _MOST_PICKLES:
                self._pickles += 1
                yield from self._tell(text, "ONX017", match[0])
                name = f"{text.key[:80]}#{self._pickles}"
                yield self._artifact.nested(name, MemorySource(payload))

    def _program(self, text: Text) -> Iterator[Event]:
        """Exporters write source lines and stack traces here: only what does harm is told."""
        if text.value in self._read:
            return
        self._read.add(text.value)
        self._program_chars += len(text.value)
        if self._program_chars > _PROGRAM_CHARS:
            raise LimitReached(f"more than {_PROGRAM_CHARS:,} characters of texts that name programs")
        from weighbridge.formats.scripts.programs import read_program
        from weighbridge.knowledge.payloads import PayloadClass, classify

        harmless = (PayloadClass.DEMONSTRATION, PayloadClass.UNCLASSIFIED)
        untold = (*harmless, PayloadClass.NETWORK, PayloadClass.DISCOVERY)
        for found in classify(read_program(text.value)):
            if found.kind not in untold:
                yield from self._tell(text, "ONX014", f"{found.kind.value}: {found.witness}")

    def _evaluated(self, text: Text) -> Iterator[Event]:
        value = self._whole(text).strip()
        if "(" not in value and "." not in value:
            return
        self._evaluations += 1
        if self._evaluations > _MOST_EVALUATED:
            raise LimitReached(f"more than {_MOST_EVALUATED} values that loaders evaluate")
        if _calls_something(value):
            yield from self._tell(text, "ONX015", value)

    def _whole(self, text: Text) -> str:
        if text.rest is None:
            return text.value
        if text.rest.length > _LARGEST_VALUE:
            raise LimitReached(f"a value of {text.rest.length:,} bytes that loaders evaluate")
        data = bytes(self._artifact.source.read_at(text.rest.at, text.rest.length))
        return data.decode("utf-8", "backslashreplace")

    def _tell(self, text: Text, rule: str, shown: str) -> Iterator[Finding]:
        key = (rule, text.key)
        if key in self._told:
            return
        self._told.add(key)
        place = f"metadata_props {quoted(text.key)}" if text.is_metadata else text.key
        yield Finding(
            rule=rule,
            path=self._artifact.path,
            subject=f"{'metadata ' if text.is_metadata else ''}{text.key[:200]}",
            evidence=f"{place}: {quoted(shown)}",
            offset=text.at,
            route="/".join(filter(None, (text.scope.route, text.key[:80]))),
        )


def _calls_something(value: str) -> bool:
    """True for an expression that does more than spell a value."""
    from weighbridge.formats.scripts.python_source import parse

    tree = parse(value)
    if tree is None:  # no Python, or too much of it for our parser and not for another
        return _REACHES.search(value) is not None
    active = (ast.Call, ast.Attribute, ast.Lambda, ast.Import, ast.ImportFrom)
    return any(isinstance(node, active) for node in ast.walk(tree))


def _decoded(text: str) -> bytes | None:
    core = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        payload = base64.b64decode(core + "=" * (-len(core) % 4), validate=True)
    except binascii.Error:
        return None
    return payload if payload[:1] == b"\x80" and payload.endswith(b".") else None
