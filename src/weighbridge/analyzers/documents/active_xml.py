"""XML documents that some program runs: build files, tasks, scriptlets, beans, stylesheets.

Each is known by its root and by the one element in it that starts something. The rest of such a
document is as inert as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from weighbridge.analyzers.documents.pmml import inclusions
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.xml_document import local_name

_CALLS, _MAY = "DOC012", "DOC013"
_SHOWN: Final = 6
_JAVA_PROGRAM: Final = re.compile(
    r"java\.lang\.(?:ProcessBuilder|Runtime|Process)\b|#\{\s*T\(|ScriptEngine"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A document that is run: its root, what in it starts something, and how bad that is."""

    roots: frozenset[str]
    elements: frozenset[str]
    rule: str
    why: str
    needs: re.Pattern[str] | None = None
    """Must be found in the element's text or attributes."""


_KINDS: Final = (
    _Kind(frozenset({"java"}), frozenset({"object", "void"}), _CALLS,
          "java.beans.XMLDecoder makes these objects and calls these methods",
          re.compile(r"java\.lang\.(?:ProcessBuilder|Runtime)|exec\b|start\b|javax\.script|java\.net")),
    _Kind(frozenset({"beans"}), frozenset({"bean", "value", "constructor-arg", "property"}), _CALLS,
          "Spring makes these beans when it reads the document", _JAVA_PROGRAM),
    _Kind(frozenset({"scriptlet", "component", "package", "job"}), frozenset({"script"}), _CALLS,
          "the Windows script host runs it"),
    _Kind(frozenset({"stylesheet", "transform"}), frozenset({"script"}), _CALLS,
          "the stylesheet processor runs it"),
    _Kind(frozenset({"PCSettings"}), frozenset({"DeepLink"}), _CALLS, "Windows starts it when opened"),
    _Kind(frozenset({"libraryDescription", "searchConnectorDescription"}), frozenset({"url"}), _CALLS,
          "the explorer connects to it when it shows the folder",
          re.compile(r"\\\\|https?:|file:", re.IGNORECASE)),
    _Kind(frozenset({"package", "wordDocument"}), frozenset({"binaryData", "binData"}), _MAY,
          "Word runs the macros in it", re.compile(r"vba|\.bin|editdata", re.IGNORECASE)),
    _Kind(frozenset({"Project"}), frozenset({"Code", "Exec"}), _MAY, "MSBuild runs it"),
    _Kind(frozenset({"Task"}), frozenset({"Command"}), _MAY, "the Windows task scheduler starts it"),
)  # fmt: skip


def judge_root(artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
    """Judge the document when some program runs documents of its kind, or when it includes another."""
    name = local_name(root)
    findings = [
        finding for kind in _KINDS if name in kind.roots for finding in _of(artifact, root, kind)
    ]
    if name not in ("PMML", "svg"):
        findings += inclusions(artifact, root)
    return iter(findings) if findings else None


def _of(artifact: Artifact, root: Element, kind: _Kind) -> Iterator[Finding]:
    found = [
        line
        for element in root.iter()
        if local_name(element) in kind.elements and (line := _line(element, kind.needs)) is not None
    ]
    if found:
        yield Finding(
            rule=kind.rule,
            path=artifact.path,
            subject=f"{local_name(root)}/{found[0]}"[:200],
            evidence="\n".join([kind.why, *found[:_SHOWN]]),
        )


def _line(element: Element, needs: re.Pattern[str] | None) -> str | None:
    text = " ".join([*element.attrib.values(), element.text or ""]).strip()
    if needs is not None and not needs.search(text):
        return None
    return f"<{local_name(element)}> {quoted(' '.join(text[:400].split()))}"
