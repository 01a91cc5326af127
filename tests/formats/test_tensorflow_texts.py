"""Graphs as text give the same bytes as their messages; other texts and broken ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.tensorflow import chunk, graph, node, tensor, whole

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.tensorflow.text_graph import kind_of_text, to_wire

NODE = 'node { name: "x" op: "Relu" }'


def test_a_graph_as_text_is_the_same_message() -> None:
    text = """
    # comment { "
    node {
      name: "s", op: "Const"
      attr { key: "value"; value { tensor { dtype: DT_STRING tensor_shape { dim { size: 2 } }
        string_val: "a" string_val: 'b' } } }
    }
    """
    value = {"value": chunk(8, tensor(7, [2], texts=["a", "b"]))}
    assert to_wire(text, "Graph") == chunk(1, node("s", "Const", attributes=value))


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        (r'"\057etc\x2fx\n"', b"/etc/x\n"),
        (r"""'a' "b" 'c'""", b"abc"),
        (r'"\u00e9\\\""', b'\xc3\xa9\\"'),
        (r'"caf\303\251"', b"caf\xc3\xa9"),
        ('"é"', b"\xc3\xa9"),
    ],
)
def test_strings_are_unescaped_and_joined(spelled: str, meant: bytes) -> None:
    assert to_wire(f"node {{ name: {spelled} }}", "Graph") == chunk(1, chunk(1, meant))


@pytest.mark.parametrize(
    "text",
    [
        'node < name: "x" op: "Relu" >',
        'node: { name: "x" op: "Relu" }',
        'node: [{ name: "x" op: "Relu" }]',
        'node { name: "x" unknown { deep: [1, 2] of: "it" } op: "Relu" other: -1.5e3 }',
        'future_field: "value" node { name: "x", op: "Relu" };',
    ],
)
def test_every_spelling_gives_the_same_bytes(text: str) -> None:
    assert to_wire(text, "Graph") == to_wire(NODE, "Graph") == graph([node("x", "Relu")])[:-5]


def test_numbers_and_enums_are_read() -> None:
    text = 'node { attr { key: "v" value { tensor { dtype: DT_INT32 int_val: -1 int_val: 0x10 } } } }'
    value = whole(1, 3) + whole(7, -1) + whole(7, 16)
    assert to_wire(text, "Graph") == chunk(1, chunk(5, chunk(1, "v") + chunk(2, chunk(8, value))))


@pytest.mark.parametrize(
    "text",
    [
        "node {",
        "node }",
        "node",
        "node: ",
        '"x"',
        "node { name: }",
        "node { name: [ }",
        'node { name: "x',
        "}",
        "[[",
    ],
)
def test_what_is_no_text_format_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        to_wire(text, "Graph")


@pytest.mark.parametrize("text", ["node {" * 200, "node: [{" * 200, "node < library: {" * 100])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises((LimitReached, Malformed)):
        to_wire(text, "Graph")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (NODE, "Graph"),
        ("# frozen\n" + NODE, "Graph"),
        ('versions { producer: 1 } node { op: "A" }', "Graph"),
        ('library { function { node_def { op: "ReadFile" } } }', "Graph"),
        ("saved_model_schema_version: 1\nmeta_graphs {", "SavedModel"),
        ("meta_graphs {", "SavedModel"),
        ("meta_info_def {\n", "MetaGraph"),
        ('name: "net"\nlayer { name: "data" type: "Input" }', None),
        ('node { calculator: "FlowLimiterCalculator" }', None),
        ('item { name: "cat" id: 1 }', None),
        ("node is a word, op: 'x' is not", None),
        ("", None),
    ],
)
def test_a_text_is_known_by_its_first_field(head: str, kind: str | None) -> None:
    assert kind_of_text(head) == kind


@given(st.text(max_size=120) | st.text('node{}<>[]:"\\ x1#\n', max_size=120))
def test_any_text_gives_bytes_or_malformed(text: str) -> None:
    try:
        assert isinstance(to_wire(text, "Graph"), bytes)
    except (Malformed, LimitReached):
        return
