"""Marshal data read as data, held against CPython's own reader."""

from __future__ import annotations

import marshal
import struct
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.bytecode.compiled import Compiled, all_compiled, compiled
from weighbridge.errors import Malformed
from weighbridge.formats.bytecode import marshal_reader
from weighbridge.formats.bytecode.marshal_reader import MAX_DEPTH, read_marshal
from weighbridge.formats.bytecode.pyc import read_compiled_module, version_of_magic
from weighbridge.formats.bytecode.values import (
    Atom,
    CodeObject,
    Container,
    Kind,
    Layout,
    Value,
    layout_of,
)

SOURCE = """
import os.path
X = (1, -2, 2**70, -(2**2000), 1.5, 2j, "text", "\u20ac", b"bytes", None, True, ..., (), (1, (2,)))
class Layer:
    def call(self, x, /, *, y=frozenset({1, 2})):
        def inner(z):
            nonlocal x
            return x + z + self.y in {1, 2, 3}
        return inner
"""


def plain(value: Value) -> object:
    """The value as CPython has it, code objects as tuples of their parts."""
    match value:
        case Container(kind=Kind.LIST, items=items):
            return ["list", *map(plain, items)]
        case Container(kind=Kind.DICT, items=items):
            return ["dict", *map(plain, items)]
        case Container(items=items):
            return {"set": sorted(map(repr, map(plain, items)))}
        case Atom():
            return {"atom": value.name}
        case tuple():
            return tuple(map(plain, value))
        case CodeObject():
            names = (value.names, value.varnames, value.freevars, value.cellvars)
            strings = (value.name, value.qualname, value.filename, value.first_line, value.code)
            return "code", names, strings, tuple(map(plain, value.constants))
        case _:
            return type(value), value


def expected(value: object) -> object:
    match value:
        case list():
            return ["list", *map(expected, value)]
        case dict():
            return ["dict", *(expected(each) for pair in value.items() for each in pair)]
        case set() | frozenset():
            return {"set": sorted(map(repr, map(expected, value)))}
        case tuple():
            return tuple(map(expected, value))
        case types.CodeType():
            names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
            qualname = getattr(value, "co_qualname", None)
            strings = (value.co_name, qualname, value.co_filename, value.co_firstlineno, value.co_code)
            return "code", names, strings, tuple(map(expected, value.co_consts))
        case _ if value is ...:
            return {"atom": "ELLIPSIS"}
        case _ if value is StopIteration:
            return {"atom": "STOP_ITERATION"}
        case _:
            return type(value), value


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**300), max_value=2**300)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.just(...)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.integers() | st.text())
    ),
)


@given(trees, st.integers(min_value=0, max_value=4))
def test_reads_what_cpython_writes(value: Any, version: int) -> None:
    assert plain(read_marshal(marshal.dumps(value, version)).value) == expected(value)


@pytest.mark.parametrize("version", range(5))
def test_reads_code_objects_as_cpython_does(version: int) -> None:
    code = compile(SOURCE, "model.py", "exec")

    found = read_marshal(marshal.dumps(code, version))

    assert found.layout is Layout.LOCALS_PLUS
    assert plain(found.value) == expected(code)


@pytest.mark.parametrize("each", [each for each in all_compiled() if each.kind != "pyc"], ids=str)
def test_layout_of_bare_data_is_told_by_what_reads(each: Compiled) -> None:
    found = read_marshal(each.data)

    assert found.layout is layout_of(each.version)
    assert found.stop == len(each.data)
    assert not found.is_ambiguous
    assert isinstance(found.value, CodeObject)
    assert found.value.filename == "model.py"


@pytest.mark.parametrize("each", [each for each in all_compiled() if each.kind == "pyc"], ids=str)
def test_compiled_module_says_its_release(each: Compiled) -> None:
    found = read_compiled_module(each.data)

    assert found.version == each.version
    assert isinstance(found.value, CodeObject)
    assert found.value.version == each.version
    assert found.value.names == ("os", "system")


@pytest.mark.parametrize(
    ("magic", "version"),
    [(62211, (2, 7)), (3350, (3, 5)), (3571, (3, 13)), (3627, (3, 14)), (3140, None)],
)
def test_magic_numbers_of_releases(magic: int, version: tuple[int, int] | None) -> None:
    assert version_of_magic(magic) == version


def test_what_follows_the_object_is_ignored_as_loaders_do() -> None:
    data = compiled("plain", "3.12")

    found = read_marshal(data + b"trailing")

    assert found.stop == len(data)
    assert isinstance(found.value, CodeObject)


def test_reference_to_interned_text_of_python_2() -> None:
    # (t"name", R 0)
    data = b"(\2\0\0\0" + b"t\4\0\0\0name" + b"R\0\0\0\0"

    assert read_marshal(data, layout=Layout.PYTHON2).value == (b"name", b"name")


def test_slice_of_3_14() -> None:
    found = read_marshal(b":i\1\0\0\0i\2\0\0\0N").value

    assert isinstance(found, Container)
    assert (found.kind, found.items) == (Kind.SLICE, (1, 2, None))


def test_container_inside_itself_ends() -> None:
    found = read_marshal(b"\xdb\1\0\0\0r\0\0\0\0").value

    assert isinstance(found, Container)
    assert found.items == (Atom.RECURSION,)


def test_nesting_up_to_the_limit_of_cpython() -> None:
    deep = b")\1" * (MAX_DEPTH - 1) + b"N"

    assert isinstance(read_marshal(deep).value, tuple)
    with pytest.raises(Malformed, match="nested deeper"):
        read_marshal(b")\1" + b")\1" * MAX_DEPTH + b"N")


def test_number_of_objects_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshal_reader, "MAX_OBJECTS", 100)

    with pytest.raises(Malformed, match="more than 100 marshalled objects"):
        read_marshal(b"(\xc8\0\0\0" + b"N" * 200)


def test_length_of_the_data_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshal_reader, "MAX_BYTES", 100)

    with pytest.raises(Malformed, match="more than 100 bytes"):
        read_marshal(b"s\xc8\0\0\0" + bytes(200))


@pytest.mark.parametrize("kind", b"([<>su")
def test_a_count_beyond_the_data_is_refused_before_it_is_used(kind: int) -> None:
    with pytest.raises(Malformed, match="length beyond the end"):
        read_marshal(bytes([kind]) + struct.pack("<i", 0x7FFFFFFF))


def test_huge_integers_are_not_computed() -> None:
    digits = 100_000
    data = b"l" + struct.pack("<i", digits) + b"\xff\x7f" * digits

    assert read_marshal(data).value is Atom.HUGE_INTEGER


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_malformed(data: bytes) -> None:
    assert read_or_none(data) is None or read_marshal(data).stop <= len(data)


@given(st.sampled_from(all_compiled()), st.data())
@settings(max_examples=300)
def test_mutations_of_real_data_give_a_value_or_malformed(each: Compiled, data: st.DataObject) -> None:
    changed = bytearray(each.data)
    for _ in range(data.draw(st.integers(1, 5))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    found = read_or_none(bytes(changed))

    assert found is None or found.stop <= len(changed)


def test_every_truncation_is_malformed() -> None:
    data = compiled("plain", "3.11")

    results = [read_or_none(data[:length]) for length in range(len(data))]

    assert results == [None] * len(data)


def test_every_truncation_of_a_compiled_module_is_malformed() -> None:
    module = next(each.data for each in all_compiled() if each.kind == "pyc" and each.release == "3.8")

    assert list(refusals(module)) == list(range(len(module)))


def refusals(module: bytes) -> Iterator[int]:
    for length in range(len(module)):
        try:
            read_compiled_module(module[:length])
        except Malformed:
            yield length


def read_or_none(data: bytes) -> marshal_reader.Marshalled | None:
    try:
        return read_marshal(data)
    except Malformed:
        return None
