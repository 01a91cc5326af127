"""How many raw bytes joblib put behind a `NumpyArrayWrapper`.

After the BUILD of each wrapper, joblib's own unpickler reads the array from the file and goes on
with the opcodes behind it:

    BUILD | 1 byte: padding length | padding | shape x itemsize raw bytes | opcodes ...

The padding is there only when the wrapper's state has `numpy_array_alignment_bytes`. An array
with objects in it is a whole pickle instead.

Source: joblib/numpy_pickle.py `NumpyArrayWrapper.read_array`, `NumpyUnpickler.load_build`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import Literal, NotLiteral
from weighbridge.formats.pickle.trace import Build, Stream

_TYPE = re.compile(r"[<>|=]?([?bBhHiIlLqQefdgFDGSUVOmMaScu])(\d*)\Z")
_TEXT_TYPES = frozenset({"StringDType", "_convert_to_stringdtype_kwargs"})
"""Makers of the dtype of text of any length, whose arrays are pickled too."""
_LETTER_BYTES = {"?": 1, "b": 1, "B": 1, "e": 2, "h": 2, "H": 2, "f": 4, "d": 8, "q": 8, "Q": 8}


@dataclass(frozen=True, slots=True)
class RawArray:
    """The half-open range of the array's bytes, or the start of its pickle."""

    start: int
    stop: int
    is_pickle: bool


class BuildIndex:
    """The states that BUILD has set so far, by target.

    A forest has thousands of arrays: each event is looked at once, not once for each array.
    """

    def __init__(self) -> None:
        self._states: dict[int, list[int]] = {}
        self._events = 0
        self.last: Build | None = None

    def update(self, stream: Stream) -> None:
        """Take in what `stream` has more than at the last time."""
        for build in stream.builds(since=self._events):
            self._states.setdefault(build.target, []).append(build.state)
            self.last = build
        self._events = len(stream.offsets)

    def states(self, target: int) -> list[int]:
        return self._states.get(target, [])


def raw_array(stream: Stream, behind_build: int, builds: BuildIndex) -> RawArray | None:
    """Locate the array behind a BUILD whose target is a wrapper; None when it is no such thing.

    Args:
        stream: everything up to that BUILD, with all containers recorded.
        behind_build: offset of the byte behind the BUILD opcode.
        builds: kept from array to array.
    """
    builds.update(stream)
    build = builds.last
    if build is None or build.offset != behind_build - 1 or not _is_joblib_wrapper(stream, build.target):
        return None
    state = _dict(stream, build.state)
    dtype, shape = state.get("dtype"), state.get("shape")
    if dtype is None or shape is None:
        return None
    start = behind_build
    if _literal(stream, state.get("numpy_array_alignment_bytes")) is not None:
        if start >= stream.end:
            return None
        start += 1 + stream.data[start]
    if _has_objects(stream, dtype, builds):
        return RawArray(behind_build, behind_build, is_pickle=True)
    itemsize, count = _item_bytes(stream, dtype), _product(stream, shape)
    if itemsize is None or count is None:
        return None
    return RawArray(start, start + itemsize * count, is_pickle=False)


def _is_joblib_wrapper(stream: Stream, value: int) -> bool:
    call = stream.call_at(value)
    if call is None:
        return False
    wrapper = stream.inst_import(call) or stream.import_at(call.callee)
    return (
        wrapper is not None
        and wrapper.name == "NumpyArrayWrapper"
        and "joblib" in (wrapper.module or "")
    )


def _dict(stream: Stream, value: int) -> dict[Literal, int]:
    items = stream.items(value)
    found: dict[Literal, int] = {}
    for key, item in zip(items[::2], items[1::2], strict=False):
        name = _literal(stream, key)
        if isinstance(name, str):
            found[name] = item
    return found


def _literal(stream: Stream, value: int | None) -> Literal:
    if value is None:
        return None
    try:
        return stream.literal_at(value)
    except NotLiteral:
        return None


def _dtype_code(stream: Stream, dtype: int) -> str | None:
    call = stream.call_at(dtype)
    if call is None or call.arguments is None:
        return None
    items = stream.items(call.arguments)
    code = _literal(stream, items[0]) if items else None
    return code if isinstance(code, str) else None


def _item_bytes(stream: Stream, dtype: int) -> int | None:
    match = _TYPE.match(_dtype_code(stream, dtype) or "")
    if match is None:
        return None
    letter, digits = match.groups()
    if not digits:
        return _LETTER_BYTES.get(letter)
    return int(digits[:9]) * (4 if letter == "U" else 1)


def _has_objects(stream: Stream, dtype: int, builds: BuildIndex, depth: int = 0) -> bool:
    """True when the dtype, or a field of a structured one, is `O`."""
    if (_dtype_code(stream, dtype) or "").lstrip("<>|=").startswith("O"):
        return True
    call = stream.call_at(dtype)
    maker = stream.import_at(call.callee) if call is not None else None
    if maker is not None and maker.name in _TEXT_TYPES:
        return True
    return any(_mentions_objects(stream, state, builds, depth) for state in builds.states(dtype))


def _mentions_objects(stream: Stream, value: int, builds: BuildIndex, depth: int) -> bool:
    if depth > 8:
        return False
    if stream.call_at(value) is not None:
        return _has_objects(stream, value, builds, depth + 1)
    if stream.opcode(value) not in o.CONTAINERS:
        return False
    return any(_mentions_objects(stream, item, builds, depth + 1) for item in stream.items(value))


def _product(stream: Stream, shape: int) -> int | None:
    if stream.opcode(shape) not in o.TUPLES:
        return None
    count = 1
    for item in stream.items(shape):
        length = _literal(stream, item)
        if type(length) is not int or length < 0:
            return None
        count *= length
        if count > 1 << 62:
            return None
    return count
