"""Tell models that are one protobuf message apart by their fields, in whatever order they stand.

Protobuf has no magic number, and a loader takes fields in any order, with unknown ones between
them. So the fields of the outermost message are listed, by number, wire type and value, and each
format asks for those that its loaders can't do without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.graphs.coreml import MODEL_TYPES, NEWEST_VERSION
from weighbridge.formats.kinds import Format
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.recognise.probe import Probe
from weighbridge.formats.tokenizers.sentencepiece import is_model

_MOST_FIELDS = 4_000
_MOST_INNER = 32
_MOST_RUNS = 64
_REMOTE_JUMPS = 16
_CNTK_KEYS = frozenset({"primitive_functions", "root", "inputs"})
_ONNX_GRAPH = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})


def recognise_messages(probe: Probe) -> Iterator[Format]:
    """Yield the formats whose outermost message this is."""
    reader = ProtobufReader(_Probed(probe))
    fields = _outermost(probe, reader)
    if not fields:
        return
    for kind, recognises in (
        (Format.ONNX, _is_onnx),
        (Format.COREML, _is_coreml),
        (Format.PADDLE, _is_paddle),
        (Format.CAFFE_WEIGHTS, _is_caffe),
        (Format.CNTK, _is_cntk),
        (Format.SENTENCEPIECE, is_model),
    ):
        if recognises(reader, fields):
            yield kind


class _Probed:
    """The source, but for its first bytes, which the probe has read."""

    def __init__(self, probe: Probe) -> None:
        self._head = probe.head
        self._source = probe.source
        self.size = probe.size
        self.is_remote = probe.source.is_remote

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        known = len(self._head)
        if offset + length <= known or (known == self.size and offset <= known):
            return self._head[offset : offset + length]
        return self._source.read_at(offset, length)

    def close(self) -> None:
        """The source is not ours to close."""


def _outermost(probe: Probe, reader: ProtobufReader) -> Sequence[Field]:
    """Return the fields of the outermost message, as far as the bytes are one.

    Bytes of another kind end the walk within a few fields. Stepping over a large field of a remote
    file is a request, so there the walk ends sooner.
    """
    found: list[Field] = []
    jumps = 0
    try:
        for field in reader.fields():
            found.append(field)
            jumps += probe.source.is_remote and field.length > len(probe.head)
            if len(found) >= _MOST_FIELDS or jumps > _REMOTE_JUMPS:
                break
    except (Malformed, LimitReached):
        pass
    return found


def _is_onnx(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """A graph, and a version: of the format, or of a set of operators."""
    graphs = [one for one in fields if one.number == 7 and one.wire is Wire.BYTES]
    versions = [
        one
        for one in fields
        if (one.number == 1 and one.wire is Wire.VARINT) or (one.number == 8 and one.wire is Wire.BYTES)
    ]
    return bool(versions) and any(_is_onnx_graph(reader, one) for one in graphs)


def _is_onnx_graph(reader: ProtobufReader, graph: Field) -> bool:
    """True when one of the first fields is one of a graph; a graph may be empty."""
    inner = _inner(reader, graph)
    return not graph.length or any(one.number in _ONNX_GRAPH and one.wire is Wire.BYTES for one in inner)


def _is_coreml(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """A version of the specification, and one of the types of a model."""
    versions = [one.value for one in fields if one.number == 1 and one.wire is Wire.VARINT]
    types = [one for one in fields if one.number in MODEL_TYPES and one.wire is Wire.BYTES]
    return bool(types and versions) and 1 <= versions[-1] <= NEWEST_VERSION


def _is_paddle(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """A block, which must say its own index and its parent's."""
    for one in _runs(fields, 1):
        inner = {(found.number, found.wire) for found in _inner(reader, one)}
        if {(1, Wire.VARINT), (2, Wire.VARINT)} <= inner and inner & {(3, Wire.BYTES), (4, Wire.BYTES)}:
            return True
    return False


def _is_caffe(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """Layers of today with a name and a type, or those of before with a type that is a number."""
    for number, needed in (
        (100, {(1, Wire.BYTES), (2, Wire.BYTES)}),
        (2, {(4, Wire.BYTES), (5, Wire.VARINT)}),
    ):
        for one in _runs(fields, number):
            if needed <= {(found.number, found.wire) for found in _inner(reader, one)}:
                return True
    return False


def _is_cntk(reader: ProtobufReader, fields: Sequence[Field]) -> bool:
    """A dictionary whose keys are those of a composite function."""
    if not any(one.number == 1 and one.wire is Wire.VARINT for one in fields):
        return False
    keys: set[str] = set()
    for one in _runs(fields, 2):
        for found in _inner(reader, one):
            if found.number == 1 and found.wire is Wire.BYTES:
                keys.add(reader.text_of(found, 64))
    return bool(keys & _CNTK_KEYS) and "version" in keys


def _runs(fields: Sequence[Field], number: int) -> Iterator[Field]:
    """Yield the first fields of one number that may be messages."""
    found = (one for one in fields if one.number == number and one.wire is Wire.BYTES)
    return islice(found, _MOST_RUNS)


def _inner(reader: ProtobufReader, field: Field) -> list[Field]:
    """Return the first fields of a message, as far as it is one."""
    found: list[Field] = []
    try:
        for inner in islice(reader.message(field), _MOST_INNER):
            found.append(inner)  # noqa: PERF402  what came before an error stays
    except (Malformed, LimitReached):
        return []
    return found
