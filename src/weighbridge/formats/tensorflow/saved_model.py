"""SavedModel and MetaGraphDef: the graph, and what of it runs when the model is loaded or called.

    SavedModel    1 schema version  2 MetaGraphDef*
    MetaGraphDef  1 meta_info_def { 4 tag*  5 tensorflow_version }  2 graph_def  3 saver_def
                  4 collection_def { 1 key  2 CollectionDef }  5 signature_def { 1 key  2 SignatureDef }
                  6 asset_file_def { 1 TensorInfo { 1 name }  2 filename }  7 object_graph_def
    SaverDef      1 filename_tensor_name  2 save_tensor_name  3 restore_op_name
    CollectionDef 1 node_list { 1 value* }  2 bytes_list { 1 value* }  5 any_list { 1 Any { 2 value } }

Source: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/protobuf
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.tensorflow.graph import GraphFile, GraphReader
from weighbridge.formats.tensorflow.objects import SavedObjects, read_objects

_ASSETS = "saved_model_assets"
"""Collection where releases of TensorFlow 1 keep what asset_file_def says today."""
_NAME_CHARS = 4 * KIB
_MAX_META_GRAPHS = 64
_MAX_NAMES = 100_000
_MAX_CARRIED = 10_000


@dataclass(frozen=True, slots=True)
class Signature:
    """What a server offers: the tensors that it feeds and those that it fetches."""

    name: str
    method: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file beside the model, and the tensor that the loader sets to its path."""

    tensor: str
    filename: str
    at: int


@dataclass(frozen=True, slots=True)
class Saver:
    """Names of the tensors and the operation that save and restore variables; "" when absent."""

    filename_tensor: str = ""
    save_tensor: str = ""
    restore_op: str = ""


@dataclass(slots=True)
class MetaGraph:
    """One graph with its entry points.

    Attributes:
        collections: names of nodes and tensors by collection.
        carried: bytes of collections, where anything may be kept.
        broken: why reading ended early; the rest is what was read before.
    """

    graph: GraphFile = field(default_factory=GraphFile)
    tags: list[str] = field(default_factory=list)
    saver: Saver = Saver()
    collections: dict[str, list[str]] = field(default_factory=dict)
    signatures: list[Signature] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    objects: SavedObjects = field(default_factory=SavedObjects)
    carried: list[Field] = field(default_factory=list)
    hidden: list[Field] = field(default_factory=list)
    broken: Malformed | LimitReached | None = None


def read_saved_model(reader: ProtobufReader, graphs: GraphReader) -> Iterator[MetaGraph]:
    """Yield the graphs of a SavedModel.

    Raises:
        Malformed, LimitReached: graphs before the break were yielded.
    """
    count = 0
    for part in reader.fields():
        if part.number == 2 and part.wire is Wire.BYTES:
            count += 1
            if count > _MAX_META_GRAPHS:
                raise LimitReached(f"a SavedModel of more than {_MAX_META_GRAPHS} graphs")
            yield read_meta_graph(reader, graphs, reader.message(part))
        elif part.number > 2 and part.wire is Wire.BYTES:
            yield MetaGraph(hidden=[part])


def read_meta_graph(reader: ProtobufReader, graphs: GraphReader, fields: Iterator[Field]) -> MetaGraph:
    """Return the MetaGraphDef whose fields these are, as far as it can be read."""
    found = MetaGraph()
    try:
        _fill(reader, graphs, fields, found)
    except (Malformed, LimitReached) as error:
        found.broken = error
    return found


def _fill(
    reader: ProtobufReader, graphs: GraphReader, fields: Iterator[Field], found: MetaGraph
) -> None:
    for count, part in enumerate(fields):
        if count > _MAX_NAMES:
            raise LimitReached(f"more than {_MAX_NAMES:,} collections, signatures or assets")
        if part.wire is not Wire.BYTES:
            continue
        match part.number:
            case 1:
                found.tags += [reader.text_of(one, _NAME_CHARS) for one in _numbered(reader, part, 4)]
            case 2:
                graphs.read(reader.message(part), found.graph)
            case 3:
                found.saver = _saver(reader, part)
            case 4:
                _collection(reader, part, found)
            case 5:
                found.signatures.append(_signature(reader, part))
            case 6:
                found.assets.append(_asset(reader, part))
            case 7:
                read_objects(reader, part, found.objects)
            case _:
                found.hidden.append(part)


def _saver(reader: ProtobufReader, message: Field) -> Saver:
    names = {
        part.number: reader.text_of(part, _NAME_CHARS)
        for part in reader.message(message)
        if part.number in (1, 2, 3) and part.wire is Wire.BYTES
    }
    return Saver(names.get(1, ""), names.get(2, ""), names.get(3, ""))


def _collection(reader: ProtobufReader, entry: Field, found: MetaGraph) -> None:
    key = _text(reader, entry, 1)
    names = found.collections.setdefault(key, [])
    for value in _numbered(reader, entry, 2):
        for kind in reader.message(value):
            if kind.wire is not Wire.BYTES:
                continue
            if kind.number == 1:
                for one in _numbered(reader, kind, 1):
                    if len(names) < _MAX_NAMES:
                        names.append(reader.text_of(one, _NAME_CHARS))
            elif kind.number == 2:
                _carry(found, _numbered(reader, kind, 1))
            elif kind.number == 5:
                for one in _numbered(reader, kind, 1):
                    if key == _ASSETS:
                        found.assets += [_asset(reader, value) for value in _numbered(reader, one, 2)]
                    else:
                        _carry(found, _numbered(reader, one, 2))


def _carry(found: MetaGraph, fields: Iterator[Field]) -> None:
    for one in fields:
        if len(found.carried) >= _MAX_CARRIED:
            raise LimitReached(f"collections hold more than {_MAX_CARRIED:,} runs of bytes")
        found.carried.append(one)


def _signature(reader: ProtobufReader, entry: Field) -> Signature:
    ends: dict[int, list[str]] = {1: [], 2: []}
    method = ""
    for value in _numbered(reader, entry, 2):
        for part in reader.message(value):
            if part.number == 3 and part.wire is Wire.BYTES:
                method = reader.text_of(part, _NAME_CHARS)
            elif part.number in ends and part.wire is Wire.BYTES:
                for info in _numbered(reader, part, 2):
                    ends[part.number] += _tensor_names(reader, info)
    return Signature(_text(reader, entry, 1), method, tuple(ends[1]), tuple(ends[2]))


def _tensor_names(reader: ProtobufReader, info: Field) -> Iterator[str]:
    """The tensors of a TensorInfo: one, the three of a sparse one, or those of a composite."""
    for part in reader.message(info):
        if part.wire is not Wire.BYTES:
            continue
        if part.number == 1:
            yield reader.text_of(part, _NAME_CHARS)
        elif part.number == 4:
            for one in reader.message(part):
                if one.wire is Wire.BYTES:
                    yield reader.text_of(one, _NAME_CHARS)
        elif part.number == 5:
            for one in _numbered(reader, part, 2):
                yield from (reader.text_of(name, _NAME_CHARS) for name in _numbered(reader, one, 1))


def _asset(reader: ProtobufReader, message: Field) -> Asset:
    tensor = ""
    for info in _numbered(reader, message, 1):
        tensor = _text(reader, info, 1)
    return Asset(tensor, _text(reader, message, 2), message.at)


def _numbered(reader: ProtobufReader, message: Field, number: int) -> Iterator[Field]:
    return (
        part for part in reader.message(message) if part.number == number and part.wire is Wire.BYTES
    )


def _text(reader: ProtobufReader, message: Field, number: int) -> str:
    found = ""
    for part in _numbered(reader, message, number):
        found = reader.text_of(part, _NAME_CHARS)
    return found
