"""ONNX models: what they load from elsewhere, what code they need, and what they carry."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.graphs.onnx_model import judge_parts
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.graphs.onnx import walk_onnx
from weighbridge.formats.graphs.ort import walk_ort


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Walk the model once; the bytes of tensors are stepped over."""
    yield from judge_parts(artifact, walk_onnx(artifact.source), context)


def inspect_ort(artifact: Artifact, context: Context) -> Iterator[Event]:
    """The same for ONNX Runtime's own format."""
    yield from judge_parts(artifact, walk_ort(artifact.source), context)
