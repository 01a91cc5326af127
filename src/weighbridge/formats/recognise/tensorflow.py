"""TensorFlow and TFLite: protobufs known by how their messages nest, the others by a magic number.

A protobuf has no magic and its fields come in any order. A graph is one when its first nodes have a
name and an operation as TensorFlow spells them, at the place where its message keeps nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.recognise.probe import Probe

_SSTABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_MAX_FIELDS = 2_000
_MAX_FIELDS_IN_SUM = 200_000
_NODES_LOOKED_AT = 4
_LARGEST_NAME = 4096
_NAME = re.compile(r"[\w.][\w.\\/>-]*")
_OP = re.compile(r"[A-Za-z_][\w>-]*")
_VERSION = re.compile(r"(?:\d+\.\d+|unknown)")
_DATA_SHARD = re.compile(r".*\.data-\d{5}-of-\d{5}$")
_SIDECARS = frozenset({"fingerprint.pb", "tfhub_module.pb"})
_LARGEST_SIDECAR = 4096


class _Fit(Enum):
    """What a message is as a kind of graph."""

    YES = "yes"
    MAYBE = "maybe"
    """Nothing speaks against it, and nothing for it."""
    NO = "no"


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    if head[4:8] == b"TFL3":
        yield Format.TFLITE
    if _DATA_SHARD.fullmatch(probe.base):
        yield Format.TENSOR_BYTES
    # The first entry of a bundle has the empty key, so it shares and adds no byte of a name.
    if (head[:2] == b"\0\0" or probe.suffix == ".index") and _ends_as_table(probe):
        yield Format.CHECKPOINT_INDEX
    if probe.base in _SIDECARS and probe.size <= _LARGEST_SIDECAR and _is_message(probe):
        yield Format.TENSORFLOW_SIDECAR
    elif probe.base == "saved_model.pb":
        # Its loader asks for nothing but this name.
        yield Format.SAVED_MODEL
    elif _may_be_message(head):
        yield from _graphs(probe)


def _ends_as_table(probe: Probe) -> bool:
    return probe.size >= 48 and bytes(probe.source.read_at(probe.size - 8, 8)) == _SSTABLE_MAGIC


def _may_be_message(head: bytes) -> bool:
    """True when the first tag is one: a number and a wire type that exist."""
    return bool(head) and head[0] & 7 in (0, 1, 2, 5) and head[0] >= 8


def _is_message(probe: Probe) -> bool:
    try:
        return any(True for _ in ProtobufReader(probe.source).fields())
    except Malformed:
        return False


def _graphs(probe: Probe) -> Iterator[Format]:
    reader = ProtobufReader(probe.source)
    try:
        top = _top_fields(reader)
        yield from _fitting(reader, top)
    except Malformed:
        return
    except LimitReached:
        # So much that fits, and no end: whoever builds that wants not to be recognised.
        yield Format.GRAPH_DEF


def _top_fields(reader: ProtobufReader) -> list[Field]:
    """The first fields, as far as they can be read: a download may be cut off."""
    found: list[Field] = []
    unknown = 0
    try:
        for field in reader.fields():
            unknown += field.number > 7
            if field.number <= 7:
                found.append(field)
            if unknown > _MAX_FIELDS_IN_SUM:
                raise LimitReached(f"more than {_MAX_FIELDS_IN_SUM:,} unknown fields")
            if len(found) == _MAX_FIELDS:
                break
    except Malformed as error:
        # A field that is cut off by the end of the file is still evidence; a broken tag is not.
        if not found or "longer than" not in error.reason:
            raise
    return found


def _fitting(reader: ProtobufReader, top: list[Field]) -> Iterator[Format]:
    ones = [field for field in top if field.number == 1]
    twos = [field for field in top if field.number == 2]
    if all(field.wire is Wire.BYTES for field in twos) and twos:
        if all(field.wire is Wire.VARINT for field in ones) and (
            _any_fits(_meta_graph(reader, field) for field in twos[:4])
        ):
            yield Format.SAVED_MODEL
        if all(field.wire is Wire.BYTES for field in ones) and _meta_graph_of(reader, top) is _Fit.YES:
            yield Format.META_GRAPH
    if _graph_of(reader, top) is _Fit.YES:
        yield Format.GRAPH_DEF


def _any_fits(fits: Iterator[_Fit]) -> bool:
    return any(fit is _Fit.YES for fit in fits)


def _meta_graph(reader: ProtobufReader, field: Field) -> _Fit:
    return _meta_graph_of(reader, _parts(reader, field))


def _meta_graph_of(reader: ProtobufReader, parts: list[Field]) -> _Fit:
    if any(part.wire is not Wire.BYTES for part in parts if part.number <= 7):
        return _Fit.NO
    graphs = [part for part in parts if part.number == 2]
    fits = [_graph_of(reader, _parts(reader, part)) for part in graphs[:4]]
    if _Fit.NO in fits:
        return _Fit.NO
    if _Fit.YES in fits or any(_is_meta_info(reader, part) for part in parts if part.number == 1):
        return _Fit.YES
    return _Fit.MAYBE


def _is_meta_info(reader: ProtobufReader, field: Field) -> bool:
    """True when it states the version of TensorFlow that wrote it."""
    for part in _parts(reader, field):
        if part.number == 5 and part.wire is Wire.BYTES and part.length < 100:
            return _VERSION.match(reader.text_of(part)) is not None
    return False


def _graph_of(reader: ProtobufReader, parts: list[Field]) -> _Fit:
    """How a message fits GraphDef: by its first nodes, or by the functions of its library."""
    nodes = [part for part in parts if part.number == 1]
    libraries = [part for part in parts if part.number == 2]
    if any(part.wire is not Wire.BYTES for part in (*nodes, *libraries)):
        return _Fit.NO
    if any(part.wire is not Wire.VARINT for part in parts if part.number == 3):
        return _Fit.NO
    if nodes:
        are_nodes = all(_is_node(reader, node) for node in nodes[:_NODES_LOOKED_AT])
        return _Fit.YES if are_nodes else _Fit.NO
    functions = [one for part in libraries[:4] for one in _parts(reader, part) if one.number == 1]
    if functions:
        are_functions = all(_is_function(reader, one) for one in functions[:_NODES_LOOKED_AT])
        return _Fit.YES if are_functions else _Fit.NO
    return _Fit.MAYBE


def _is_node(reader: ProtobufReader, field: Field) -> bool:
    """A NodeDef: a name, an operation, and attributes that have a key."""
    if field.wire is not Wire.BYTES:
        return False
    name = op = ""
    for part in _parts(reader, field):
        if part.number <= 5 and part.wire is not Wire.BYTES:
            return False
        if part.number in (1, 2):
            text = reader.text_of(part, _LARGEST_NAME)
            name, op = (text, op) if part.number == 1 else (name, text)
        if part.number == 5 and not _has_key(reader, part):
            return False
    return _NAME.fullmatch(name) is not None and _OP.fullmatch(op) is not None


def _is_function(reader: ProtobufReader, field: Field) -> bool:
    """A FunctionDef: nodes as its third field, and a signature that has a name."""
    if field.wire is not Wire.BYTES:
        return False
    parts = _parts(reader, field)
    nodes = [part for part in parts if part.number == 3]
    named = [part for part in parts if part.number == 1 and _has_key(reader, part)]
    return bool(named and nodes) and all(_is_node(reader, one) for one in nodes[:_NODES_LOOKED_AT])


def _has_key(reader: ProtobufReader, entry: Field) -> bool:
    return entry.wire is Wire.BYTES and any(
        part.number == 1 and part.wire is Wire.BYTES for part in _parts(reader, entry)
    )


def _parts(reader: ProtobufReader, field: Field) -> list[Field]:
    """The first fields of a nested message."""
    found: list[Field] = []
    if reader.fields_read > _MAX_FIELDS_IN_SUM:
        raise LimitReached(f"more than {_MAX_FIELDS_IN_SUM:,} fields before the first nodes")
    for part in reader.message(field):
        found.append(part)
        if len(found) == _MAX_FIELDS:
            break
    return found
