"""PMML models: extensions that carry programs, and parts that are fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.xml_document import local_name

_INCLUDES, _MODEL_INCLUDES, _PROGRAM, _SCHEMA = "DOC005", "DOC006", "DOC010", "DOC011"
_XINCLUDE: Final = "{http://www.w3.org/2001/XInclude}"
_SCHEMA_LOCATION: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_KNOWN_SCHEMA: Final = re.compile(
    r"(?:https?://(?:www\.)?(?:dmg\.org|w3\.org|jpmml\.org|sun\.com)/|[\w.-]+$)"
)
_SHOWN: Final = 8
_TEXTS: Final = 200
_PROGRAM_TEXT: Final = re.compile(
    r"<\s*script\b|\bjavascript\s*:|\bRuntime\s*\.\s*getRuntime|\bProcessBuilder\b|\bScriptEngine\b"
    r"|\b__import__\s*\(|\b(?:eval|exec|system|popen)\s*\(|\bos\.system\b|\bsubprocess\.|\bGroovyShell\b"
    r"|\bfunction\s*\([^)]{0,200}\)\s*\{|\bpowershell\b|/bin/(?:ba)?sh\b|\bcmd(?:\.exe)?\s*/c\b",
    re.IGNORECASE,
)


def judge_root(artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
    """Judge the document when its root is `PMML`."""
    return _judge(artifact, root) if local_name(root) == "PMML" else None


def _judge(artifact: Artifact, root: Element) -> Iterator[Event]:
    yield from inclusions(artifact, root, rule=_MODEL_INCLUDES)
    yield from _schemas(artifact, root)
    programs = [line for element in root.iter() if (line := _program(element)) is not None]
    if programs:
        yield _finding(artifact, _PROGRAM, programs[0][:80], "\n".join(programs[:_SHOWN]))


def inclusions(artifact: Artifact, root: Element, *, rule: str = _INCLUDES) -> Iterator[Finding]:
    """Yield a finding when the document asks for another file to be put into it (XInclude)."""
    wanted = [
        element.get("href") or element.get("xpointer") or ""
        for element in root.iter(f"{_XINCLUDE}include")
    ]
    if wanted:
        lines = [f"xi:include {quoted(href)}" for href in wanted[:_SHOWN]]
        yield _finding(artifact, rule, wanted[0][:200], "\n".join(lines))


def _schemas(artifact: Artifact, root: Element) -> Iterator[Finding]:
    """A schema that a validating reader fetches: pairs of namespace and place."""
    places = (root.get(f"{_SCHEMA_LOCATION}schemaLocation") or "").split()[1::2]
    places += (root.get(f"{_SCHEMA_LOCATION}noNamespaceSchemaLocation") or "").split()
    odd = [place for place in places if not _KNOWN_SCHEMA.match(place)]
    if odd:
        yield _finding(artifact, _SCHEMA, odd[0][:200], "\n".join(map(quoted, odd[:_SHOWN])))


def _program(element: Element) -> str | None:
    """How an `Extension` that carries a program reads; None for any other element."""
    if local_name(element) == "script":
        return f"<script> {quoted(' '.join((element.text or '').split()))}"
    if local_name(element) != "Extension":
        return None
    texts = [*element.attrib.values(), element.text or ""]
    texts += [text for child in element[:_TEXTS] for text in (child.text, child.tail) if text]
    match = next((match for text in texts if (match := _PROGRAM_TEXT.search(text))), None)
    if match is None and not any(local_name(child) == "script" for child in element):
        return None
    shown = (
        match.string[max(0, match.start() - 20) : match.end() + 60] if match is not None else "<script>"
    )
    return f"Extension {quoted(element.get('name') or '')}: {quoted(' '.join(shown.split()))}"


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
