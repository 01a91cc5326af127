"""Graphs of other frameworks (ONNX, Core ML, OpenVINO, ...): known by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x1a") and b"onnx" in head[:512].lower():
        yield Format.ONNX
