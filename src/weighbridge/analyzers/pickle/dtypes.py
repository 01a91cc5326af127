"""NumPy dtypes whose state is a lie: array bytes are then taken for addresses of objects.

`numpy.dtype.__setstate__` believes the flags, the size and the fields that a pickle states. A dtype
of objects without its object flags makes an array take raw bytes for its content, and each element
is then a pointer of the attacker's choosing; so does an object that shares its place with a number,
and a field behind the end of the item reads other memory. `numpy.dtype(...)` itself checks all of it.

Source: numpy/_core/src/multiarray/descriptor.c `arraydescr_setstate`, methods.c `array_setstate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import CalleeKind, Callees, integer, text
from weighbridge.formats.pickle.literals import Literal, NotLiteral
from weighbridge.formats.pickle.nearby import nearby_items
from weighbridge.formats.pickle.trace import Build, Stream

_CODE = re.compile(r"[<>|=]?([?bBhHiIlLqQuefdgFDGSUVOmMca])(\d*)(\[\w+\])?\Z")
_SIZED = "SUVa"
"""Letters of dtypes whose size the state sets."""
_OBJECT_FLAGS = 0x01 | 0x02
"""NPY_ITEM_REFCOUNT and NPY_LIST_PICKLE: the elements are objects, and come as a list."""
_FEW = 200
"""Up to so many dtypes are read where they stand; for more, one more run of the stream is faster."""
_FIRST_WITH_FLAGS = 3
"""Below this version of the state NumPy works the flags out for itself."""
_ITEMS_OF_OLD_STATE = 7
"""Version, byte order, sub-array, names, fields, size, alignment; flags and metadata came later."""
_NONE = 0x4E
_DEPTH = 16
_NUMBERS_OF_PYTHON = frozenset({"bool", "bytes", "complex", "float", "int", "str"})
_OBJECTS_OF_NUMPY = frozenset({"object_", "object0"})
_MORE_NUMBERS = frozenset({"jax", "jaxlib", "ml_dtypes", "numpy", "quaternion", "tensorflow"})
"""Libraries that add types of numbers to NumPy. A class of any other stands for objects."""


@dataclass(frozen=True, slots=True)
class _Field:
    start: int
    stop: int
    holds_objects: bool


class _Odd(Exception):
    """What is wrong with a dtype."""


def forged_dtypes(
    stream: Stream, callees: Callees, builds: Sequence[Build]
) -> Iterator[tuple[Build, str]]:
    """Yield each of `builds`, whose targets are dtypes, that NumPy itself never writes, and why not."""
    if len(builds) > _FEW:
        _record(stream, builds)
    unclear = [build for build in builds if not _is_plain(stream, build)]
    if not unclear:
        return
    _record(stream, builds)
    dtypes = _Dtypes(stream, callees, {build.target: build.state for build in builds})
    for build in unclear:
        try:
            dtypes.check(build)
        except _Odd as odd:
            yield build, str(odd)


def _record(stream: Stream, builds: Sequence[Build]) -> None:
    calls = [stream.call_at(build.target) for build in builds]
    given = [call.arguments for call in calls if call is not None and call.arguments is not None]
    stream.record([*given, *(build.state for build in builds)])


def _tuple_items(stream: Stream, value: int) -> tuple[int, ...]:
    """The items of a short tuple, whether the stream was run again for them or not."""
    return stream.items(value) or nearby_items(stream, value) or ()


def _is_plain(stream: Stream, build: Build) -> bool:
    """True for an honest dtype of one kind of elements, as nearly all are, seen without a second run."""
    call = stream.call_at(build.target)
    if call is None or call.opcode != "REDUCE" or call.arguments is None:
        return False
    given, state = _tuple_items(stream, call.arguments), _tuple_items(stream, build.state)
    if len(given) != 3 or len(state) not in (8, 9):
        return False
    code = _CODE.match(text(stream, given[0]) or "")
    flags, size = integer(stream, state[7]), integer(stream, state[5])
    if code is None or flags is None or size is None:
        return False
    is_single = all(stream.opcode(value) == _NONE for value in state[2:5])
    has_size = size >= 0 or code[1] not in _SIZED
    return is_single and has_size and flags & _OBJECT_FLAGS == (_OBJECT_FLAGS if code[1] == "O" else 0)


class _Dtypes:
    def __init__(self, stream: Stream, callees: Callees, states: dict[int, int]) -> None:
        self._stream = stream
        self._callees = callees
        self._states = states
        self._sizes: dict[int, int] = {}
        self._holding: dict[int, bool] = {}

    def check(self, build: Build) -> None:
        """Raises _Odd."""
        holds_objects = self._holds_objects(build.target, _DEPTH)
        state = self._state(build.target)
        if len(state) < _ITEMS_OF_OLD_STATE:
            raise _Odd("its state has a form that no NumPy since 2008 writes")
        if len(state) > _ITEMS_OF_OLD_STATE and self._number(state[0], "version") >= _FIRST_WITH_FLAGS:
            flags = self._number(state[7], "flags") & _OBJECT_FLAGS
            if flags != (_OBJECT_FLAGS if holds_objects else 0):
                said, held = ("numbers", "objects") if holds_objects else ("objects", "numbers")
                raise _Odd(f"its flags say that it holds {said}, and it holds {held}")
        self._check_fields(self._size(build.target), state)

    def _check_fields(self, size: int, state: Sequence[int]) -> None:
        if size < 0:
            raise _Odd("its size is below zero")
        objects_end = end = 0
        for field in sorted(self._read_fields(state), key=lambda field: (field.start, field.stop)):
            if field.start < 0 or field.stop > size:
                raise _Odd("a field lies outside of the item")
            if field.start < (end if field.holds_objects else objects_end) and field.stop > field.start:
                raise _Odd("an object shares its place in memory with another field")
            end = max(end, field.stop)
            objects_end = max(objects_end, field.stop if field.holds_objects else 0)

    def _read_fields(self, state: Sequence[int]) -> list[_Field]:
        fields = self._fields(state[4])
        if not fields:
            return []
        names = {self._key(value) for value in self._tuple(state[3], 0, "its list of names")}
        named = [value for key, value in fields if self._key(key) in names]
        if {value for _, value in fields} - set(named):
            raise _Odd("it has fields that its list of names leaves out")
        return [self._field(value) for value in named]

    def _field(self, value: int) -> _Field:
        dtype, offset, *_ = self._tuple(value, 2, "a field")
        start = self._number(offset, "offset")
        return _Field(start, start + self._size(dtype), self._holds_objects(dtype, _DEPTH))

    def _fields(self, value: int) -> list[tuple[int, int]]:
        if self._stream.opcode(value) == _NONE:
            return []
        if self._stream.opcode(value) not in o.DICTS:
            raise _Odd("its fields are computed")
        items = self._stream.items(value)
        return list(zip(items[::2], items[1::2], strict=False))

    def _key(self, value: int) -> Literal:
        try:
            return self._stream.literal_at(value)
        except NotLiteral:
            raise _Odd("the name of a field is computed") from None

    def _holds_objects(self, dtype: int, depth: int) -> bool:
        if depth == 0:
            raise _Odd("dtypes are nested deeper than any program nests them")
        if dtype not in self._holding:
            inner = [self._holds_objects(value, depth - 1) for value in self._inner(dtype)]
            self._holding[dtype] = self._is_of_objects(dtype) or any(inner)
        return self._holding[dtype]

    def _inner(self, dtype: int) -> Iterator[int]:
        state = self._state(dtype)
        if len(state) >= _ITEMS_OF_OLD_STATE:
            yield from (self._tuple(value, 2, "a field")[0] for _, value in self._fields(state[4]))
            if self._stream.opcode(state[2]) != _NONE:
                yield self._tuple(state[2], 2, "a sub-array")[0]

    def _is_of_objects(self, dtype: int) -> bool:
        """By the first argument of the call that made it."""
        first = self._first_argument(dtype)
        code = text(self._stream, first)
        if code is not None:
            return "O" in code or "object" in code
        made_of = self._callees.value(first)
        if made_of.kind is not CalleeKind.IMPORT:
            raise _Odd("what it is made of is computed")
        match made_of.module:
            case "builtins" | "__builtin__":
                return made_of.name not in _NUMBERS_OF_PYTHON
            case "numpy":
                return made_of.name in _OBJECTS_OF_NUMPY
            case module:
                return module.partition(".")[0] not in _MORE_NUMBERS

    def _first_argument(self, dtype: int) -> int:
        call = self._stream.call_at(dtype) if dtype >= 0 else None
        given = self._callees.arguments(call) if call is not None else None
        maker = self._callees.of(call) if call is not None else None
        if not given or maker is None or maker.name != "dtype":
            raise _Odd("a dtype in it is computed")
        return given[0]

    def _size(self, dtype: int) -> int:
        """Bytes of one element."""
        if dtype not in self._sizes:
            self._sizes[dtype] = self._read_size(dtype)
        return self._sizes[dtype]

    def _read_size(self, dtype: int) -> int:
        code = _CODE.match(text(self._stream, self._first_argument(dtype)) or "")
        state = self._state(dtype)
        if len(state) >= _ITEMS_OF_OLD_STATE and (code is None or code[1] in _SIZED):
            return self._number(state[5], "size")
        digits = code[2] if code is not None else ""
        return int(digits[:18] or 8)

    def _state(self, dtype: int) -> Sequence[int]:
        if dtype not in self._states:
            return ()
        return self._tuple(self._states[dtype], 0, "its state")

    def _tuple(self, value: int, least: int, what: str) -> Sequence[int]:
        items = self._stream.items(value) if value >= 0 else ()
        if value < 0 or self._stream.opcode(value) not in o.TUPLES or len(items) < least:
            raise _Odd(f"{what} is computed")
        return items

    def _number(self, value: int, what: str) -> int:
        number = integer(self._stream, value)
        if number is None:
            raise _Odd(f"its {what} is computed")
        return number
