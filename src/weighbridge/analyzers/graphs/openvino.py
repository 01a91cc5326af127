"""OpenVINO IR: layers of extensions, kernels of its own, and constants that lie nowhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from xml.etree.ElementTree import Element

from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.reference import Reference
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.xml_document import local_name
from weighbridge.knowledge.graph_tables import installed_graph_tables

_STANDARD = re.compile(
    r"opset[1-9][0-9]?|experimental|ie_internal_opset|type_relaxed_opset|cpu_plugin_opset"
)
_NUMBER = re.compile(r"[0-9]{1,19}")
_LARGEST_FILE: Final = 1 << 50
_BITS: Final = {
    "f64": 64,
    "f32": 32,
    "f16": 16,
    "bf16": 16,
    "i64": 64,
    "u64": 64,
    "i32": 32,
    "u32": 32,
    "i16": 16,
    "u16": 16,
    "i8": 8,
    "u8": 8,
    "boolean": 8,
    "f8e4m3": 8,
    "f8e5m2": 8,
    "u4": 4,
    "i4": 4,
    "nf4": 4,
    "u2": 2,
    "u1": 1,
}
_OLDEST_WITH_OPSETS: Final = 10
_KERNELS = frozenset({"CustomLayer", "CustomLayers"})


def judge_root(artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
    """Judge a network, or a description of kernels of one's own."""
    name = local_name(root)
    if name in _KERNELS:
        return _kernels(artifact, root, context)
    if name == "net" and any(local_name(one) == "layers" for one in root):
        return _network(artifact, root, context)
    return None


def _kernels(artifact: Artifact, root: Element, context: Context) -> Iterator[Event]:
    report = GraphFindings(artifact)
    for one in root.iter():
        context.budget.check_time()
        file = one.get("filename") or one.get("binary")
        if file and local_name(one) in ("Source", "Kernel", "Parameters"):
            line = f"{local_name(one)} {quoted(file)}"
            yield from report.tell("GRA014", f"kernel {file}", line)
            yield from report.path(file, "the source of a kernel")


def _network(artifact: Artifact, root: Element, context: Context) -> Iterator[Event]:
    report = GraphFindings(artifact)
    extensions = installed_graph_tables().openvino
    version = root.get("version", "")
    end = 0
    is_old = version.isascii() and version.isdigit() and int(version[:6]) < _OLDEST_WITH_OPSETS
    for layer in root.iter():
        if local_name(layer) != "layer":
            continue
        context.budget.check_time()
        kind, opset = layer.get("type", ""), layer.get("version", "")
        route = f"layer {quoted(layer.get('name', ''))}"
        if not is_old and not _STANDARD.fullmatch(opset):
            rule = "GRA003" if opset == "extension" and kind in extensions else "GRA002"
            line = f"layer type {quoted(kind)} of {quoted(opset or 'no opset')}"
            yield from report.tell(rule, f"{opset} {kind}", line, route=route)
        for data in layer:
            if local_name(data) == "data" and kind == "Const":
                yield from _constant(report, data, route)
                end = max(end, _end(data))
    if end:
        name = f"{PurePosixPath(artifact.name).stem}.bin"
        yield Reference(path=artifact.path, name=name, end=end, what="the constants of the network")


def _constant(report: GraphFindings, data: Element, route: str) -> Iterator[Event]:
    values = {key: data.get(key) for key in ("offset", "size")}
    for key, value in values.items():
        if value is not None and (not _NUMBER.fullmatch(value) or int(value) > _LARGEST_FILE):
            line = f"{key} {quoted(value)} is no place in a file"
            yield from report.tell("GRA011", f"constant {key}", line, route=route)
            return
    needed = _needed(data)
    size = values["size"]
    if size is not None and needed is not None and needed != int(size):
        line = f"{needed:,} bytes by its shape, and size is {size}"
        yield from report.tell("GRA011", "constant size", line, route=route)


def _end(data: Element) -> int:
    """First byte behind a constant; 0 where its place is none."""
    values = [data.get("offset", ""), data.get("size", "")]
    if not all(_NUMBER.fullmatch(value) and int(value) <= _LARGEST_FILE for value in values):
        return 0
    return sum(map(int, values))


def _needed(data: Element) -> int | None:
    """Bytes that type and shape ask for; None when either is unknown."""
    bits = _BITS.get(data.get("element_type", ""))
    shape = data.get("shape")
    if bits is None or shape is None:
        return None
    dims = [word.strip() for word in shape.split(",") if word.strip()]
    if len(dims) > 64 or not all(_NUMBER.fullmatch(word) for word in dims):
        return None
    return (math.prod(int(word) for word in dims) * bits + 7) // 8
