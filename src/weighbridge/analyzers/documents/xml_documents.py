"""XML documents: what the DOCTYPE would make a reader fetch, then whoever knows the root element."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Final, Protocol, cast
from xml.etree.ElementTree import Element

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.xml_document import Doctype, Entity, XmlDocument, local_name, read_xml
from weighbridge.formats.kinds import Format

JUDGES_OF_ROOTS: Final = (
    "documents.pmml",
    "graphs.openvino",
    "documents.svg",
    "documents.office",
    "documents.active_xml",
)
"""Modules of this package with `judge_root`."""

_LARGEST_BYTES: Final = 64 * MIB
_LARGEST_TEXT: Final = 4 * MIB
_MODEL_ROOTS: Final = frozenset({"PMML", "net"})
"""Roots of models (PMML, OpenVINO): their writers make no DOCTYPE."""
_FETCHES, _MULTIPLIES, _IN_MODEL, _DECLARES = "DOC001", "DOC002", "DOC003", "DOC004"
_BOMB_CHARS: Final = 1 << 20
_KNOWN_DTD: Final = re.compile(
    r"https?://(?:www\.)?(?:w3\.org|apple\.com|hibernate\.org|docbook\.org|oasis-open\.org"
    r"|logging\.apache\.org|mybatis\.org|java\.sun\.com|qt\.io|freedesktop\.org)/"
)


class RootJudge(Protocol):
    """`judge_root` of a module in `JUDGES_OF_ROOTS`."""

    def __call__(self, artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
        """Return the events of a document of this judge's kind; None for any other.

        The root may be that of a document that breaks off: what is there is judged.
        """
        ...


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the DOCTYPE, then show the tree to each judge."""
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        detail = f"an XML document of {size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        yield _row(artifact, Outcome.LIMITED, detail)
        return
    data = bytes(artifact.source.read_at(0, size))
    document = read_xml(data)
    context.budget.check_time()
    yield from _doctype(artifact, document)
    claimed = document.root is not None and local_name(document.root) in _MODEL_ROOTS
    if document.root is not None:
        for judge in root_judges():
            events = judge(artifact, document.root, context)
            if events is not None:
                claimed = True
                yield from events
    if not claimed:
        text = data[:_LARGEST_TEXT].decode("utf-8-sig", "backslashreplace")
        yield from look_at_text(artifact, text, TextKind.MARKUP, context)
    yield from _ending(artifact, document, claimed)


def root_judges() -> Iterator[RootJudge]:
    """Import and yield the judges, one after the other."""
    for name in JUDGES_OF_ROOTS:
        yield cast(RootJudge, importlib.import_module(f"weighbridge.analyzers.{name}").judge_root)


def _ending(artifact: Artifact, document: XmlDocument, claimed: bool) -> Iterator[Event]:
    """A document that a loader wants must be whole; one that nobody loads is prose with brackets."""
    stopped = document.stopped
    if stopped is not None and (claimed or not isinstance(stopped, Malformed)):
        raise stopped
    if not claimed:
        yield _row(artifact, Outcome.OPAQUE, f"{stopped}" if stopped is not None else "")


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.XML, outcome=outcome, detail=detail)


def _doctype(artifact: Artifact, document: XmlDocument) -> Iterator[Finding]:
    doctype = document.doctype
    if doctype is None:
        return
    outside = [one for one in document.entities if one.system_id is not None]
    if outside:
        yield _finding(artifact, _FETCHES, _told(outside[0]), "\n".join(map(_told, outside[:8])))
    grown = document.expansion_bytes
    if grown > _BOMB_CHARS:
        evidence = f"its {len(document.entities)} entities can grow to {min(grown, 2**62):,} characters"
        yield _finding(artifact, _MULTIPLIES, "entity expansion", evidence)
    if document.root is not None and local_name(document.root) in _MODEL_ROOTS:
        yield _finding(artifact, _IN_MODEL, f"DOCTYPE {doctype.name}"[:200], _line(doctype))
    elif _is_odd(doctype) and not outside:
        yield _finding(artifact, _DECLARES, f"DOCTYPE {doctype.name}"[:200], _line(doctype))


def _is_odd(doctype: Doctype) -> bool:
    """True for a DTD that lies elsewhere than with those who define the language."""
    return doctype.system_id is not None and not _KNOWN_DTD.match(doctype.system_id)


def _told(entity: Entity) -> str:
    sign = "% " if entity.is_parameter else ""
    return f"<!ENTITY {sign}{entity.name[:80]} SYSTEM {quoted(entity.system_id or '')}>"


def _line(doctype: Doctype) -> str:
    public = f" PUBLIC {quoted(doctype.public_id)}" if doctype.public_id is not None else ""
    system = f" SYSTEM {quoted(doctype.system_id)}" if doctype.system_id is not None else ""
    subset = " with declarations of its own" if doctype.has_internal_subset else ""
    return f"<!DOCTYPE {doctype.name[:80]}{public}{system}>{subset}"


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, route="DOCTYPE")
