"""`keras_metadata.pb`: what Keras 2 wrote beside a SavedModel, one JSON document for each layer.

    SavedMetadata  1: repeated SavedObject
    SavedObject    2: node_id  3: node_path  4: identifier ("_tf_keras_layer")  5: metadata (JSON)

Loading the SavedModel as a Keras model rebuilds each layer from its document, Lambdas included.
Source: keras/protobuf/saved_metadata.proto of Keras 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras.judgement import Container, judge_config
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json, decode_python_json
from weighbridge.formats.kinds import Format
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

_NODES, _PATH, _METADATA = 1, 3, 5
_MOST_NODES = 100_000
_LARGEST_BYTES = 64 * MIB


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the configuration of each node."""
    reader = ProtobufReader(artifact.source)
    count = 0
    for field in reader.fields():
        if field.number != _NODES or field.wire is not Wire.BYTES:
            continue
        count += 1
        if count > _MOST_NODES:
            raise LimitReached(f"more than {_MOST_NODES:,} nodes; the first ones were read")
        context.budget.check_time()
        yield from _node(artifact, reader, field, context)


def _node(artifact: Artifact, reader: ProtobufReader, node: Field, context: Context) -> Iterator[Event]:
    path, place = "", node.at
    trees: list[Json] = []
    for field in reader.message(node):
        if field.number == _PATH and field.wire is Wire.BYTES:
            path = reader.text_of(field, 500)
        elif field.number == _METADATA and field.wire is Wire.BYTES and field.length:
            if field.length > _LARGEST_BYTES:
                detail = f"the node at byte {place:,} has metadata of {field.length:,} bytes"
                yield _row(artifact, Outcome.LIMITED, detail)
                continue
            try:
                trees.append(decode_python_json(reader.bytes_of(field).decode("utf-8", "replace")).value)
            except Malformed as error:
                detail = f"the metadata of {quoted(path)} at byte {place:,} is no JSON: {error}"
                yield _row(artifact, Outcome.FAILED, detail)
    for tree in trees:
        inner = Artifact((*artifact.path, path or f"node at {place}"), artifact.source, artifact.origin)
        yield from judge_config(inner, tree, context, container=Container.SAVED_MODEL)


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.KERAS_METADATA, outcome=outcome, detail=detail)
