"""A dtype whose state lies about its elements is caught; every dtype that NumPy writes is not accused.

With such a dtype an array takes bytes of the file for the addresses of Python objects.
Source: numpy/_core/src/multiarray/descriptor.c `arraydescr_setstate` checks none of it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from samples.recipes.assembler import (
    BINPERSID,
    FALSE,
    NONE,
    TRUE,
    build,
    call,
    data,
    dict_of,
    global_line,
    integer,
    list_of,
    name,
    new,
    stream,
    string8,
    text,
    tuple_of,
)

from tests.regressions.scanning import scan

_OBJECT_FLAGS, _FIELD_FLAGS = 63, 27


def _dtype(kind: bytes, *state: bytes, maker: bytes = name("numpy", "dtype")) -> bytes:
    made = call(maker, kind, FALSE, TRUE)
    return build(made, tuple_of(*state)) if state else made


def _single(
    flags: bytes, *, version: int = 3, size: int = -1, more: tuple[bytes, ...] = ()
) -> list[bytes]:
    sizes = (integer(size), integer(-1))
    return [integer(version), text("|"), NONE, NONE, NONE, *sizes, flags, *more]


def _struct(size: int, flags: int, **fields: bytes) -> list[bytes]:
    names = tuple_of(*map(text, fields))
    sizes = (integer(size), integer(1), integer(flags))
    return [integer(3), text("|"), NONE, names, dict_of(*fields.items()), *sizes]


_OBJECTS = _dtype(text("O8"), *_single(integer(_OBJECT_FLAGS)))
_NUMBERS = _dtype(text("i8"), *_single(integer(0)))


def _at(dtype: bytes, offset: int) -> bytes:
    return tuple_of(dtype, integer(offset))


_SUBARRAY = [integer(3), text("|"), tuple_of(_OBJECTS, tuple_of(integer(1))), NONE, NONE]
_SUBARRAY += [integer(8), integer(1), integer(0)]
_NO_FLAGS = _single(integer(0))

FORGED = {
    "objects without flags": _dtype(text("O8"), *_NO_FLAGS),
    "objects of the old module": _dtype(
        text("|O"), *_NO_FLAGS, maker=name("numpy.core.multiarray", "dtype")
    ),
    "objects with half of the flags": _dtype(text("O"), *_single(integer(1))),
    "objects, flags as a truth value": _dtype(text("O8"), *_single(FALSE)),
    "objects, flags computed": _dtype(
        text("O8"), *_single(call(name("builtins", "int"), text("0")))
    ),
    "objects with metadata": _dtype(
        text("O8"), *_single(integer(0), version=4, more=(dict_of(),))
    ),
    "objects by the type": _dtype(name("numpy", "object_"), *_NO_FLAGS),
    "objects by any class": _dtype(name("collections", "OrderedDict"), *_NO_FLAGS),
    "kind computed": _dtype(call(name("builtins", "str"), text("O8")), *_NO_FLAGS),
    "made by NEWOBJ": build(
        new(name("numpy", "dtype"), text("O8"), FALSE, TRUE), tuple_of(*_NO_FLAGS)
    ),
    "state computed": build(
        _dtype(text("O8")), call(name("builtins", "tuple"), list_of(*_NO_FLAGS))
    ),
    "objects in a field": _dtype(text("V8"), *_struct(8, 0, a=_at(_OBJECTS, 0))),
    "objects in a sub-array": _dtype(text("V8"), *_SUBARRAY),
    "objects that share a place": _dtype(
        text("V8"), *_struct(8, _FIELD_FLAGS, a=_at(_OBJECTS, 0), b=_at(_NUMBERS, 0))
    ),
    "a field behind the end": _dtype(text("V8"), *_struct(8, 0, a=_at(_NUMBERS, 4096))),
    "a field before the start": _dtype(text("V8"), *_struct(8, 0, a=_at(_NUMBERS, -8))),
    "a size below zero": _dtype(text("S8"), *_single(integer(0), size=-8)),
    "numbers with the flags of objects": _dtype(text("f8"), *_single(integer(_OBJECT_FLAGS))),
    "a field handed back by a call": _dtype(
        text("V8"),
        *_struct(
            8, 0, a=_at(call(name("operator", "getitem"), list_of(_OBJECTS), integer(0)), 0)
        ),
    ),
    "a field that the loader supplies": _dtype(
        text("V8"), *_struct(8, 0, a=_at(tuple_of(text("plugin")) + BINPERSID, 0))
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", FORGED)
def test_a_dtype_that_lies_is_caught(lie: str) -> None:
    assert "PKL015" in scan(stream(FORGED[lie])).payloads


def test_a_lie_among_hundreds_of_honest_dtypes_is_caught() -> None:
    assert "PKL015" in scan(stream(list_of(*[_OBJECTS] * 500, FORGED["objects without flags"]))).payloads


def test_bytes_that_look_like_an_honest_dtype_inside_a_text_do_not_pass_for_it() -> None:
    """`copy` takes anything that is true: its text ends as the arguments of an honest dtype do."""
    decoy = data(b"\x8c\x02f8\x94\x89\x88")
    made = call(name("numpy", "dtype"), text("O8"), FALSE, decoy)
    assert "PKL015" in scan(stream(build(made, tuple_of(*_NO_FLAGS)))).payloads


def test_objects_far_down_in_nested_dtypes_are_found() -> None:
    nested = _OBJECTS
    for _ in range(40):
        nested = _dtype(text("V8"), *_struct(8, _FIELD_FLAGS, a=_at(nested, 0)))
    assert not scan(stream(nested)).rules
    assert "PKL015" in scan(stream(_dtype(text("V8"), *_struct(8, 0, a=_at(nested, 0))))).payloads


def _honest() -> Iterator[object]:
    import numpy as np

    struct = np.dtype([("a", "f8"), ("b", "O"), ("c", "U3"), ("d", "O", (2,)), ("e", "M8[ns]")])
    shared = {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0], "itemsize": 8}
    yield from (np.dtype(code) for code in ("O", "f8", ">i4", "?", "S5", "U5", "V5", "M8[ns]", "m8[s]"))
    yield from (struct, np.dtype(struct.descr, align=True), np.dtype(shared), np.dtype([]))
    yield np.dtype([(("Title", "a"), "f8"), (("Other", "b"), "O")])
    yield np.dtype([("a", [("x", "O"), ("y", "i2")]), ("b", "c16")])
    yield np.dtype("O", metadata={"vlen": str})
    yield from (np.array([None, {}], dtype=object), np.zeros(2, struct), np.zeros(1, struct)[0])
    yield np.rec.array([(1, "a")], dtype=[("a", "i4"), ("b", "O")])
    yield from (np.ma.array([1, None], dtype=object), np.random.default_rng(1))
    yield [np.zeros(2, np.dtype("f8").newbyteorder()) for _ in range(300)]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_numpy_writes_is_not_accused(protocol: int) -> None:
    accused = [thing for thing in _honest() if scan(pickle.dumps(thing, protocol)).payloads]
    assert accused == []


def test_a_dtype_as_numpy_1_under_python_2_wrote_it_is_not_accused() -> None:
    state = [integer(3), string8("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(63)]
    made = call(global_line("numpy", "dtype"), string8("O8"), integer(0), integer(1))
    assert not scan(stream(build(made, tuple_of(*state)), protocol=2)).payloads
