"""Graphs that are kept as text: Caffe networks, ONNX models, Darknet and ncnn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.prototext import TextMessage, parse_prototext
from weighbridge.formats.graphs.caffe import PythonLayer, is_caffe, python_layers
from weighbridge.formats.graphs.onnx_text import is_onnx_text
from weighbridge.formats.kinds import Format

_LARGEST_BYTES = 32 * MIB
_SEARCHED_BYTES = 1 * MIB
_MOST_LAYERS = 200
_WORDS = ("layer", "net", "ir_version", "opset_import")
_GRAPH = re.compile(
    r"(?:^|[\s;,}])(?:"
    r"(?:layers?|net_param|train_net_param|test_net_param|opset_import)\s*+:?+\s*+[{<\[]"
    r"|(?:train_net|test_net|net|ir_version)\s*+:)"
)
_PYTHON = re.compile(r"\bpython_param\s*+:?+\s*+[{<\[]")
_ONNX_SYNTAX = re.compile(r"\s*<[^<>{}]{0,4000}\bir_version\s*:")


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    if _ONNX_SYNTAX.match(head):
        return iter((_onnx_syntax(artifact),))
    text = _graph_text(artifact, head)
    if text is None:
        return None
    try:
        message = parse_prototext(text)
    except Malformed:
        # Prose and programs may look like a graph. What names a Python layer, loaders may read yet.
        if _is_named_so(artifact) and _PYTHON.search(text):
            raise
        return None
    if is_onnx_text(message):
        from weighbridge.analyzers.graphs.onnx_documents import judge_message

        return judge_message(artifact, message, context)
    return _caffe(artifact, message, context) if is_caffe(message) else None


def _graph_text(artifact: Artifact, head: str) -> str | None:
    """Return the whole text when it may be a graph in protobuf text.

    Comments and long strings may push the first layer far back, so small files are searched whole.
    """
    size = artifact.source.size
    text = head
    if _is_named_so(artifact) or size <= _SEARCHED_BYTES:
        text = _read(artifact)
    if not any(word in text for word in _WORDS) or not _GRAPH.search(text):
        return None
    return text if len(text) > len(head) or size <= len(head) else _read(artifact)


def _read(artifact: Artifact) -> str:
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        raise LimitReached(f"a graph of {size:,} bytes of text; up to {_LARGEST_BYTES:,} are read")
    return bytes(artifact.source.read_at(0, size)).decode("utf-8-sig", "backslashreplace")


def _is_named_so(artifact: Artifact) -> bool:
    return artifact.name.lower().endswith((".prototxt", ".textproto", ".pbtxt"))


def _onnx_syntax(artifact: Artifact) -> Coverage:
    detail = "ONNX in its own text syntax is not read; convert it to .onnx and scan that"
    return Coverage(path=artifact.path, format=Format.TEXT, outcome=Outcome.UNSUPPORTED, detail=detail)


def _caffe(artifact: Artifact, message: TextMessage, context: Context) -> Iterator[Event]:
    for number, layer in enumerate(python_layers(message), start=1):
        if number > _MOST_LAYERS:
            raise LimitReached(f"more than {_MOST_LAYERS} Python layers")
        yield _python_finding(artifact, layer, context)


def _python_finding(artifact: Artifact, layer: PythonLayer, context: Context) -> Finding:
    target = ".".join(filter(None, (layer.module, layer.layer)))
    judged = judge_target(target or "None", context.callables)
    lines = [f"layer {quoted(layer.name)} is the Python class {quoted(target)}"]
    lines.append(f"{judged.standing.value}: {judged.why[:200]}")
    if layer.param_str:
        lines.append(f"param_str: {quoted(layer.param_str)}")
    return Finding(
        rule="GRA001",
        path=artifact.path,
        subject=target[:200] or "Python layer",
        evidence="\n".join(lines),
        offset=layer.at,
        route=f"layer {quoted(layer.name)}",
    )
