"""SavedObjectGraph: which functions a loader calls by itself, which it offers, and Keras metadata.

    SavedObjectGraph  1 node*  2 concrete_functions
    SavedObject       1 children { 1 node_id  2 local_name }*  4 user_object { 1 identifier  3 metadata }
                      6 function { 1 concrete function* }  8 bare_concrete_function { 1 name }
                      11 saveable_objects { 1 key  2 { 2 save_function  3 restore_function } }

Source: tensorflow/core/protobuf/saved_object_graph.proto; tensorflow/python/saved_model/load.py calls
`_create_resource` and `_initialize` of every resource, and the restore functions of every saveable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

_NAME_CHARS = 4 * KIB
_MAX_OBJECTS = 1_000_000
_METADATA_BYTES = 16 * MIB
_CALLED_BY_LOADER = frozenset({"_create_resource", "_initialize", "_destroy_resource"})


@dataclass(slots=True)
class SavedObjects:
    """What a SavedModel says of its Python objects.

    Attributes:
        at_load: names of functions that loading, restoring or unloading calls.
        offered: names of functions that the loaded object has as methods.
        metadata: JSON texts of Keras objects (TensorFlow 2.0 to 2.4).
    """

    at_load: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)
    metadata: list[Field] = field(default_factory=list)


@dataclass(slots=True)
class _Object:
    functions: list[str]
    called: list[int]


def read_objects(reader: ProtobufReader, message: Field, found: SavedObjects) -> None:
    """Add to `found` what an object graph names.

    Raises:
        Malformed, LimitReached: a message is broken, or there are more objects than any model has.
    """
    objects: list[_Object] = []
    for part in reader.message(message):
        if part.number == 1 and part.wire is Wire.BYTES:
            objects.append(_object(reader, part, found))
            if len(objects) > _MAX_OBJECTS:
                raise LimitReached(f"more than {_MAX_OBJECTS:,} objects in a SavedModel")
    called = {number for one in objects for number in one.called}
    for number, one in enumerate(objects):
        (found.at_load if number in called else found.offered).update(one.functions)


def _object(reader: ProtobufReader, message: Field, found: SavedObjects) -> _Object:
    one = _Object([], [])
    for part in reader.message(message):
        if part.wire is not Wire.BYTES:
            continue
        if part.number == 1:
            one.called += _called_child(reader, part)
        elif part.number == 4:
            _user_object(reader, part, found)
        elif part.number in (6, 8):
            one.functions += _names(reader, part)
        elif part.number == 11:
            one.called += _saveables(reader, part)
    return one


def _called_child(reader: ProtobufReader, child: Field) -> Iterator[int]:
    number, name = 0, ""
    for part in reader.message(child):
        if part.number == 1 and part.wire is Wire.VARINT:
            number = part.value
        elif part.number == 2 and part.wire is Wire.BYTES:
            name = reader.text_of(part, _NAME_CHARS)
    if name in _CALLED_BY_LOADER:
        yield number


def _saveables(reader: ProtobufReader, entry: Field) -> Iterator[int]:
    for value in reader.message(entry):
        if value.number == 2 and value.wire is Wire.BYTES:
            for part in reader.message(value):
                if part.number == 3 and part.wire is Wire.VARINT:
                    yield part.value


def _names(reader: ProtobufReader, function: Field) -> Iterator[str]:
    for part in reader.message(function):
        if part.number == 1 and part.wire is Wire.BYTES:
            yield reader.text_of(part, _NAME_CHARS)


def _user_object(reader: ProtobufReader, user_object: Field, found: SavedObjects) -> None:
    for part in reader.message(user_object):
        if part.number == 3 and part.wire is Wire.BYTES and 2 < part.length <= _METADATA_BYTES:
            found.metadata.append(part)
