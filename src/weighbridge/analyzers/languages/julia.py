"""Julia models: BSON.jl documents that carry functions, and Julia's own serialization."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.languages.bson import Element, read_bson
from weighbridge.knowledge.listed import listed

_HARM, _CODE, _ANY_OBJECT = "ARR030", "ARR031", "ARR032"
_MAX_TOLD = 20
_MAX_NESTED = 200
_LOOKS_LOADABLE = (b"\x80", b"PK\x03\x04", b"\x7fELF", b"MZ", b"\x1f\x8b", b"#!")


def inspect_bson(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield what a BSON document names that does harm, and the functions whose code it carries."""
    table = listed("arrays/julia.tsv")
    names: list[tuple[int, str]] = []
    told: set[str] = set()
    nested = 0
    for element in read_bson(artifact.source):
        context.budget.check_time()
        if element.is_binary and nested < _MAX_NESTED and _is_loadable(artifact, element):
            nested += 1
            yield artifact.nested(
                element.name[:80], SliceSource(artifact.source, element.start, element.length)
            )
        dotted = _joined(names, element)
        if dotted in table and dotted not in told and len(told) < _MAX_TOLD:
            told.add(dotted)
            yield _finding(artifact, _HARM, dotted, f"names {dotted}: {table[dotted]}", element)
        if element.name == "tag" and element.text == "anonymous" and "anonymous" not in told:
            told.add("anonymous")
            yield _finding(artifact, _CODE, "anonymous", "a function comes with its code", element)


def _joined(names: list[tuple[int, str]], element: Element) -> str:
    """Join the texts of a list: `["Main", "Base", "#run"]` is the type of `Base.run`."""
    if not element.name.isdecimal() or not element.text:
        names.clear()
        return ""
    if names and names[-1][0] != element.depth:
        names.clear()
    names.append((element.depth, element.text.removeprefix("#")))
    return ".".join(text for _, text in names[-4:] if text != "Main")


def _is_loadable(artifact: Artifact, element: Element) -> bool:
    return bytes(artifact.source.read_at(element.start, 4)).startswith(_LOOKS_LOADABLE)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, element: Element) -> Finding:
    return Finding(
        rule=rule, path=artifact.path, subject=subject, evidence=evidence, offset=element.start
    )


def inspect_serialization(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say that the file can hold anything: this version does not read it."""
    version = bytes(artifact.source.read_at(3, 1))
    evidence = f"Julia serialization, format {version[0] if version else 0}"
    yield Finding(
        rule=_ANY_OBJECT, path=artifact.path, subject=quoted("7JL"), evidence=evidence, offset=0
    )
    yield Coverage(
        path=artifact.path,
        format=Format.JULIA,
        outcome=Outcome.UNSUPPORTED,
        detail="Julia's `deserialize` builds any object and runs code; this version does not read it",
    )
