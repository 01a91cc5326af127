"""Java's object streams: every class that reading one makes, however it is spelled."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes import java as recipe

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import KIB, MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.languages.java_serialization import (
    JavaStream,
    modified_utf8,
    scan_names,
    walk_java,
)

FILES = {name: data for name, data in recipe.samples() if data.startswith(recipe.HEAD)}


def walk(data: bytes) -> JavaStream:
    found = JavaStream()
    walk_java(MemorySource(data), Budget(Limits()), found)
    return found


def classes(*contents: bytes) -> list[str]:
    return list(walk(recipe.stream(*contents)).classes)


def test_a_class_with_its_superclass_and_the_objects_in_its_fields_are_met() -> None:
    found = walk(FILES["java/weka.twin.model"])
    expected = [
        "weka.classifiers.trees.J48",
        "weka.classifiers.AbstractClassifier",
        "java.util.ArrayList",
    ]
    assert list(found.classes) == expected
    assert "petal" in found.strings
    assert found.end == len(FILES["java/weka.twin.model"])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x76" + recipe.described("a.Literal"), "a.Literal"),
        (b"\x75" + recipe.described("[La.Element;") + struct.pack(">I", 1) + b"\x70", "[La.Element;"),
        (b"\x7e" + recipe.described("a.Choice", flags=0x12) + recipe.string("ONE"), "a.Choice"),
        (b"\x7d" + struct.pack(">I", 1) + recipe.utf("a.Interface") + b"\x78\x70", "a.Interface"),
        (b"\x7b" + recipe.instance(recipe.described("a.Trouble")), "a.Trouble"),
        (recipe.instance(recipe.described("a.Own", flags=0x0C), b"\x77\x02xx\x78"), "a.Own"),
    ],
    ids=["class", "array", "enum", "proxy", "exception", "externalizable"],
)
def test_a_class_is_met_wherever_it_stands(content: bytes, name: str) -> None:
    assert classes(content, recipe.string("end")) == [name]


def test_a_reference_to_a_class_is_followed() -> None:
    first = recipe.instance(recipe.described("a.Pair", [("I", "x")]), bytes(4))
    second = b"\x73\x71" + struct.pack(">I", 0x7E0000) + bytes(4)
    assert walk(recipe.stream(first, second, recipe.string("end"))).strings == ["end"]


def test_letters_that_are_spelled_too_long_are_read_as_java_reads_them() -> None:
    assert modified_utf8(b"\xc1\xa1b\xe0\x81\xa3") == "abc"
    assert list(walk(FILES["java/overlong.ser"]).classes) == [
        "org.apache.commons.collections.map.LazyMap"
    ]


def test_bytes_that_begin_like_code_are_carried_on() -> None:
    data = recipe.stream(recipe.byte_array(b"\xca\xfe\xba\xbe12345"), recipe.byte_array(b"plain"))
    ((begin, length),) = walk(data).carried
    assert data[begin : begin + length] == b"\xca\xfe\xba\xbe12345"


def test_what_only_a_class_itself_can_read_is_a_limit() -> None:
    with pytest.raises(LimitReached):
        classes(recipe.instance(recipe.described("a.Own", flags=recipe.EXTERNALIZABLE), b"????"))


def test_classes_of_a_broken_stream_are_kept_and_can_be_searched() -> None:
    data = recipe.stream(b"\x01", recipe.described("a.b.Hidden"))
    with pytest.raises(Malformed):
        walk(data)
    assert [name for name, _ in scan_names(MemorySource(data))] == ["a.b.Hidden"]


def test_a_class_with_endless_superclasses_is_a_limit() -> None:
    parent = recipe.NULL
    for number in range(100):
        parent = recipe.described(f"a.C{number}", parent=parent)
    with pytest.raises(LimitReached):
        classes(recipe.instance(parent))


def test_nesting_without_end_is_a_limit() -> None:
    nested = recipe.described("a.Box", [("Ljava/lang/Object;", "inner")])
    again = b"\x73\x71" + struct.pack(">I", 0x7E0000)
    with pytest.raises(LimitReached):
        classes(recipe.instance(nested, again * 20_000))


def test_a_large_array_of_numbers_is_not_read() -> None:
    head = recipe.stream(b"\x75" + recipe.described("[D") + struct.pack(">I", 10 * MIB))
    source = SparseSource(len(head) + 80 * MIB, {0: head})
    walk_java(source, Budget(Limits()), JavaStream())
    assert source.bytes_read <= 16 * KIB


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_prefix_gives_classes_or_malformed(name: str) -> None:
    data = FILES[name]
    whole = set(walk_as_far(data).classes)
    assert all(set(walk_as_far(data[:length]).classes) <= whole for length in range(len(data)))


def walk_as_far(data: bytes) -> JavaStream:
    found = JavaStream()
    try:
        walk_java(MemorySource(data), Budget(Limits()), found)
    except Malformed:
        return found
    return found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_give_a_value_or_malformed(tail: bytes) -> None:
    found = JavaStream()
    try:
        walk_java(MemorySource(recipe.HEAD + tail), Budget(Limits()), found)
    except (Malformed, LimitReached):
        assert found.end <= 4 + len(tail)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=40))
def test_any_bytes_decode_as_text(raw: bytes) -> None:
    assert modified_utf8(raw).encode("utf-8")
