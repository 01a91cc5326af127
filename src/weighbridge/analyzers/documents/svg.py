"""SVG images: scripts that run when one is opened in a browser, and what it loads from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from weighbridge.analyzers.documents.pmml import inclusions
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.xml_document import local_name

_ACTS, _SCRIPT, _REMOTE, _LOCAL = "DOC020", "DOC021", "DOC022", "DOC023"
_SHOWN: Final = 8
_CHILDREN: Final = 100
_FETCHED_BY: Final = frozenset(
    {"image", "use", "feImage", "script", "link", "iframe", "embed", "object", "video", "audio", "img"}
)
ACTIVE_SCRIPT: Final = re.compile(
    r"\b(?:fetch|XMLHttpRequest|sendBeacon|WebSocket|importScripts|atob|eval|Function|msSaveOrOpenBlob)\s*\("
    r"|\bnew\s+(?:XMLHttpRequest|WebSocket|ActiveXObject)\b|\bdocument\.(?:cookie|write)\b|\blocalStorage\b"
    r"|\b(?:window|document|top|self|parent)\.location(?:\.href)?\s*=[^=]|\blocation\.(?:replace|assign)\s*\("
    r"|\bWScript\.|\bcreateObjectURL\b|\bnavigator\.(?:clipboard|credentials|serviceWorker)\b"
)
"""Words of a script in a document that does more than draw: it fetches, sends, decodes or redirects."""
_SCRIPT_URL: Final = re.compile(r"[\s\0]*(?:javascript|vbscript|data\s*:\s*text/html)", re.IGNORECASE)
_REMOTE_URL: Final = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_LOCAL_URL: Final = re.compile(r"\s*(?:file:|\\\\|[a-z]:\\)", re.IGNORECASE)


def judge_root(artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
    """Judge the document when its root is `svg`."""
    return _judge(artifact, root) if local_name(root) == "svg" else None


def _judge(artifact: Artifact, root: Element) -> Iterator[Event]:
    yield from inclusions(artifact, root)
    scripts = [script for element in root.iter() for script in _scripts(element)]
    if scripts:
        acts = [script for script in scripts if ACTIVE_SCRIPT.search(script)]
        lines = [quoted(" ".join(script.split())) for script in (acts or scripts)[:_SHOWN]]
        yield _finding(artifact, _ACTS if acts else _SCRIPT, lines)
    references = [place for element in root.iter() for place in _references(element)]
    for rule, pattern in ((_LOCAL, _LOCAL_URL), (_REMOTE, _REMOTE_URL)):
        places = [quoted(place) for place in references if pattern.match(place)]
        if places:
            yield _finding(artifact, rule, places[:_SHOWN])


def _scripts(element: Element) -> Iterator[str]:
    """Program texts that an element carries."""
    if local_name(element) == "script":
        parts = [element.text or "", *(child.tail or "" for child in element[:_CHILDREN])]
        yield "".join(parts).strip() or f"src {_href(element)}"
    for name, value in element.attrib.items():
        local = name.rpartition("}")[2].lower()
        if local.startswith("on") and len(local) > 3 and value.strip():
            yield f"{local}={value}"
        elif local in ("href", "src", "to", "values", "from") and _SCRIPT_URL.match(value):
            yield value


def _href(element: Element) -> str:
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] in ("href", "src")), "")


def _references(element: Element) -> Iterator[str]:
    if local_name(element) not in _FETCHED_BY:
        return
    for name, value in element.attrib.items():
        if name.rpartition("}")[2].lower() in ("href", "src", "data"):
            yield value


def _finding(artifact: Artifact, rule: str, lines: list[str]) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=lines[0][:200], evidence="\n".join(lines))
