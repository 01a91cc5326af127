"""CNTK 2 models: dictionaries within dictionaries, and the user functions among them.

    Dictionary       1 version  2 data: map of text to DictionaryValue
    DictionaryValue  3 bool  8 string  11 Vector  12 Dictionary  13 array       (one of them)
    Vector           1 value*

    a user function in Python:  {"class": "MyOp", "module": "my_ops", "op_name": ..., "state": {...}}
    a native one:               {"module": "libmy", "deserialize_method": "Make", "op": ..., ...}

Source: https://github.com/microsoft/CNTK, Source/CNTKv2LibraryDll/proto/CNTK.proto,
UserDefinedFunction.cpp, Serialization.h; bindings/python/cntk/internal/utils.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.graphs.message_walk import Leaf, Record, Shape, walk_messages

_SHAPES: Final = {
    "dictionary": Shape({2: "entry"}),
    "entry": Shape({2: "value"}, frozenset({1})),
    "value": Shape({11: "vector", 12: "dictionary"}, frozenset({8})),
    "vector": Shape({1: "value"}),
}


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function that the loader makes from a class or a library that the file names.

    Attributes:
        name: the class, or the factory of a native library.
        module: the Python module, or the library.
    """

    module: str
    name: str
    is_native: bool
    at: int


def walk_cntk(source: ByteSource) -> Iterator[UserFunction | Leaf]:
    """Yield the user functions of a model; arrays are stepped over.

    Raises:
        Malformed, LimitReached: as of the walk.
    """
    values: dict[Record, str] = {}
    words: dict[Record, dict[str, str]] = {}
    for found in walk_messages(source, _SHAPES, "dictionary"):
        if isinstance(found, Leaf):
            yield found
        elif found.shape == "value" and found.parent is not None:
            if found.parent.shape == "entry":
                values[found.parent] = found.text(8)
        elif found.shape == "entry" and found.parent is not None:
            words.setdefault(found.parent, {})[found.text(1)] = values.pop(found, "")
        elif found.shape == "dictionary":
            function = _user_function(words.pop(found, {}), found.at)
            if function is not None:
                yield function


def _user_function(words: dict[str, str], at: int) -> UserFunction | None:
    if "module" not in words:
        return None
    if "deserialize_method" in words:
        return UserFunction(words["module"], words["deserialize_method"], True, at)
    return UserFunction(words["module"], words["class"], False, at) if "class" in words else None
