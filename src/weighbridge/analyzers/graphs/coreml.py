"""Core ML models and packages: classes that an app must bring, and paths that lead away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.coreml import MODEL_PATH, Named, Part, walk_coreml
from weighbridge.formats.graphs.file_reference import reference_hazard
from weighbridge.formats.graphs.message_walk import Leaf
from weighbridge.formats.kinds import Format

_MOST_ITEMS = 10_000


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge what the model names; weights are stepped over."""
    report = GraphFindings(artifact)
    referred: set[str] = set()
    for found in walk_coreml(artifact.source):
        context.budget.check_time()
        if isinstance(found, Leaf):
            what = f"field {found.number} of a {found.shape}"
            yield from report.carried(found.at, found.length, found.head, what)
        else:
            yield from _judge(artifact, report, found, referred)


def _judge(
    artifact: Artifact, report: GraphFindings, found: Named, referred: set[str]
) -> Iterator[Event]:
    match found.part:
        case Part.CUSTOM_LAYER | Part.CUSTOM_MODEL:
            line = f"{found.part.value} of class {quoted(found.name)}"
            detail = f" ({quoted(found.detail)})" if found.detail else ""
            yield from report.tell("GRA004", f"class {found.name}", line + detail, at=found.at)
        case Part.LINKED:
            line = f"{found.detail} {quoted(found.name)}"
            yield from report.tell("GRA005", f"linked {found.name}", line, at=found.at)
            for path in found.name.split(":") if found.detail == "search path" else [found.name]:
                yield from report.path(path, f"the {found.detail} of a linked model", at=found.at)
        case Part.BLOB:
            path = found.name.removeprefix(MODEL_PATH)
            yield from report.path(path, "a file of weights", at=found.at)
            if path not in referred and reference_hazard(path) is None:
                referred.add(path)
                yield Reference(path=artifact.path, name=path, what="weights of the program")
        case Part.SERIALIZED:
            detail = f"a model that is serialized by {quoted(found.name)} lies in it and is not read"
            yield Coverage(
                path=artifact.path, format=Format.COREML, outcome=Outcome.UNSUPPORTED, detail=detail
            )
        case _:
            assert_never(found.part)


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the manifest of an `.mlpackage`: the paths of its items."""
    if not isinstance(tree, Mapping):
        return None
    entries = tree.get("itemInfoEntries")
    if not isinstance(entries, Mapping) or "fileFormatVersion" not in tree:
        return None
    return _manifest(artifact, entries)


def _manifest(artifact: Artifact, entries: Mapping[str, Json]) -> Iterator[Event]:
    report = GraphFindings(artifact)
    for identifier, entry in list(entries.items())[:_MOST_ITEMS]:
        path = entry.get("path") if isinstance(entry, Mapping) else None
        if isinstance(path, str):
            route = f"/itemInfoEntries/{identifier[:80]}/path"
            yield from report.path(path, "the path of an item", route=route)
