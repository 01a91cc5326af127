"""Graphs of other frameworks (ONNX, Core ML, OpenVINO, ...): known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.graphs import mxnet, paddle_params
from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.graph_messages import recognise_messages
from weighbridge.formats.recognise.probe import Probe

_MAGIC = (
    (b"ftrt", Format.TENSORRT),
    (b"ptrt", Format.TENSORRT),
    (b"RKNN", Format.RKNN),
    ("BCN\0".encode("utf-16-le"), Format.CNTK_LEGACY),
    (mxnet.MAGIC, Format.MXNET_PARAMETERS),
)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head[4:8] == b"ORTM":
        yield Format.ORT
    yield from (kind for magic, kind in _MAGIC if head.startswith(magic))
    if paddle_params.is_params(head, probe.size):
        yield Format.PADDLE_PARAMETERS
    yield from recognise_messages(probe)
