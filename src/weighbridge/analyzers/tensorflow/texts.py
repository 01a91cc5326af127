"""TensorFlow as text: graphs in protobuf's text format, and the state file of a checkpoint folder."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tensorflow.graphs import (
    inspect_graph_bytes,
    inspect_meta_graph_bytes,
    inspect_saved_model_bytes,
)
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.tensorflow.text_graph import kind_of_text, to_wire

_LARGEST_BYTES = 64 * MIB
_STATE = re.compile(
    r"""^[ \t]*(?:all_)?model_checkpoint_path[ \t]*:[ \t]*(["'])(.*)\1[ \t]*$""", re.MULTILINE
)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|\\\\", re.IGNORECASE)
_INSPECTORS = {
    "SavedModel": (inspect_saved_model_bytes, Format.SAVED_MODEL),
    "MetaGraph": (inspect_meta_graph_bytes, Format.META_GRAPH),
    "Graph": (inspect_graph_bytes, Format.GRAPH_DEF),
}


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a graph or a checkpoint's state; None for any other text."""
    is_named = artifact.name.rpartition("/")[2] == "saved_model.pbtxt"
    # Its loader goes by this name; the text may begin with any field, or with any comment.
    kind = "SavedModel" if is_named else kind_of_text(head)
    if kind is not None:
        return _graph(artifact, kind, context)
    if _STATE.search(head) is not None:
        return _state(artifact, head)
    return None


def _graph(artifact: Artifact, kind: str, context: Context) -> Iterator[Event]:
    inspect, word = _INSPECTORS[kind]
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        detail = (
            f"a graph of {size:,} bytes as text; up to {_LARGEST_BYTES:,} are read: convert it to .pb"
        )
        yield Coverage(path=artifact.path, format=word, outcome=Outcome.LIMITED, detail=detail)
        return
    text = bytes(artifact.source.read_at(0, size)).decode("utf-8-sig", "surrogateescape")
    yield from inspect(artifact, MemorySource(to_wire(text, kind)), context)


def _state(artifact: Artifact, head: str) -> Iterator[Event]:
    seen: set[str] = set()
    for match in _STATE.finditer(head):
        path = match[2]
        if path in seen:
            continue
        seen.add(path)
        if ".." in re.split(r"[/\\]", path) or _REMOTE.match(path):
            yield Finding(
                rule="TFG027",
                path=artifact.path,
                subject=f"checkpoint {path[:200]}",
                evidence=f"model_checkpoint_path {quoted(path)}",
                offset=None,
                route="model_checkpoint_path",
            )
