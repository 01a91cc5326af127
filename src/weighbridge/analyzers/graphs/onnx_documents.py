"""ONNX models that are kept as JSON or as protobuf text: judged like the binary form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from weighbridge.analyzers.graphs.onnx_model import judge_parts
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.documents.prototext import TextMessage
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.onnx import walk_onnx
from weighbridge.formats.graphs.onnx_text import encode_json, encode_text, is_onnx_json


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the JSON of a model."""
    if not isinstance(tree, Mapping) or not is_onnx_json(tree):
        return None
    return judge_encoded(artifact, encode_json(tree), context)


def judge_message(artifact: Artifact, message: TextMessage, context: Context) -> Iterator[Event]:
    """Judge the text of a model."""
    yield from judge_encoded(artifact, encode_text(message), context)


def judge_encoded(artifact: Artifact, data: bytes, context: Context) -> Iterator[Event]:
    """Judge the model on the wire; places in it are not places in the document."""
    encoded = Artifact(artifact.path, MemorySource(data), artifact.origin)
    for event in judge_parts(encoded, walk_onnx(encoded.source), context):
        yield replace(event, offset=None, length=0) if isinstance(event, Finding) else event
