"""What a graph carries beside tensors: bytes of other formats, and configurations of Keras objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.documents.documents import show_tree
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import decode_json
from weighbridge.formats.kinds import Format
from weighbridge.formats.protobuf import Field, ProtobufReader
from weighbridge.formats.tensorflow.graph import GraphReader
from weighbridge.formats.tensorflow.saved_model import MetaGraph

_MOST_NESTED = 256
_MOST_LOOKED_AT = 100_000
_LARGEST_BYTES = 64 * MIB
_METADATA_BYTES = 64 * MIB
_HIDDEN_BYTES = 16
_PEEK_BYTES = 64
_COMPILED_OP = "XlaCallModule"
_GRAPH_OP = "DatasetFromGraph"
"""Runs a GraphDef that a string holds."""
_MAGIC = re.compile(
    rb"\x80[\x02-\x05]|PK\x03\x04|\x7fELF|MZ.{4}|\x1f\x8b\x08|#!\s*/|ML\xefR|Rar!\x1a|7z\xbc\xaf|\xfd7zXZ|BZh[1-9]1AY"
    rb"|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe|\x93NUMPY|\(?c[\w.]{1,40}\n[\w.]{1,40}\n|\(i[\w.]{1,40}\n",
    re.DOTALL,
)


def begins_like_a_format(data: bytes) -> bool:
    """True for the first bytes of pickles, archives, executables and scripts."""
    return _MAGIC.match(data) is not None


def carried_artifacts(artifact: Artifact, meta: MetaGraph, graphs: GraphReader) -> Iterator[Event]:
    """Yield what begins like a format of its own, for the engine; and fields that nobody reads."""
    reader = graphs.source
    hidden = [*meta.hidden, *meta.graph.hidden]
    long_ones = [one for one in hidden if one.length >= _HIDDEN_BYTES]
    if long_ones:
        first = long_ones[0]
        yield Finding(
            rule="TFG024",
            path=artifact.path,
            subject=f"field {first.number}",
            evidence=f"{len(long_ones):,} runs of bytes; the first is field {first.number}, "
            f"{first.length:,} bytes",
            offset=first.at,
            length=first.stop - first.at,
        )
    places = [("field", one) for one in long_ones]
    nodes = [node for graph in meta.graph.graphs() for node in graph.nodes.values()]
    if any(node.op == _GRAPH_OP for node in nodes):
        places += [("graph", one) for one in meta.graph.strings if reader.bytes_of(one, 1) == b"\n"]
    for kind, fields in (("collection", meta.carried), ("string", meta.graph.strings)):
        looked_at = fields[:_MOST_LOOKED_AT]
        places += [(kind, one) for one in looked_at if _is_magic(reader, one)]
    for node in nodes:
        if node.op == _COMPILED_OP:
            module = graphs.attributes(node).get("module")
            places += [("module", one) for one in (module.bytes_fields if module else [])]
    yield from _nested(artifact, reader, places)


def _nested(
    artifact: Artifact, reader: ProtobufReader, places: list[tuple[str, Field]]
) -> Iterator[Event]:
    for number, (kind, one) in enumerate(places[:_MOST_NESTED]):
        name = f"{kind}-{number}"
        if one.length > _LARGEST_BYTES:
            detail = f"a run of {one.length:,} bytes in a graph; up to {_LARGEST_BYTES:,} are looked at"
            yield Coverage(
                path=(*artifact.path, name),
                format=Format.UNKNOWN,
                outcome=Outcome.LIMITED,
                detail=detail,
            )
            continue
        yield artifact.nested(name, MemorySource(reader.bytes_of(one, _LARGEST_BYTES)))
    if len(places) > _MOST_NESTED:
        raise LimitReached(
            f"a graph carries {len(places):,} runs of bytes; the first {_MOST_NESTED} were looked at"
        )


def _is_magic(reader: ProtobufReader, one: Field) -> bool:
    return one.length > 8 and begins_like_a_format(reader.bytes_of(one, _PEEK_BYTES))


def keras_metadata(
    artifact: Artifact, meta: MetaGraph, graphs: GraphReader, context: Context
) -> Iterator[Event]:
    """Show the JSON of Keras objects to whoever knows it: TensorFlow 2.0 to 2.4 keep layers there."""
    seen: set[str] = set()
    left = _METADATA_BYTES
    for number, one in enumerate(meta.objects.metadata):
        left -= one.length
        if left < 0:
            raise LimitReached(f"metadata of objects is longer than {_METADATA_BYTES:,} bytes")
        text = graphs.source.text_of(one, one.length)
        if '"class_name"' not in text or text in seen:
            continue
        if len(text) < 64 * KIB:
            seen.add(text)
        try:
            tree = decode_json(text).value
        except Malformed:
            continue
        inner = artifact.nested(f"object-{number}.json", MemorySource(text.encode("utf-8", "replace")))
        yield from (event for event in show_tree(inner, tree, context) if event is not None)
