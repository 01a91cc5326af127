"""Strings of a graph, followed from where they are used to where they come from."""

from __future__ import annotations

import base64

import pytest
from samples.recipes.tensorflow import (
    call,
    chunk,
    const,
    function,
    graph,
    node,
    shape,
    tensor,
    text_attribute,
    whole,
)

from weighbridge.bytesource.memory import MemorySource
from weighbridge.formats.protobuf import ProtobufReader
from weighbridge.formats.tensorflow.anomalies import GraphLog
from weighbridge.formats.tensorflow.graph import GraphFile, GraphReader
from weighbridge.formats.tensorflow.values import HOLE, Origin, StringValues, Value

X = node("x", "Placeholder")


def value(
    nodes: list[bytes],
    functions: list[bytes] | None = None,
    *,
    place: tuple[str, str] = ("", "end"),
    assets: frozenset[str] = frozenset(),
    saver: str = "",
) -> Value:
    reader, found = ProtobufReader(MemorySource(graph(nodes, functions or []))), GraphFile()
    graphs = GraphReader(reader, GraphLog())
    graphs.read(reader.fields(), found)
    scope = found.functions[place[0]] if place[0] else found.main
    return StringValues(found, graphs, assets=assets, saver=saver).of(scope, place[1])


def texts(*nodes: bytes) -> tuple[str, ...]:
    return value(list(nodes)).texts


AB = [const("a", "/etc"), const("b", "passwd")]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([const("end", "one")], ("one",)),
        ([const("end", "one", "two")], ("one", "two")),
        ([*AB, node("end", "Identity", ["a"])], ("/etc",)),
        ([*AB, node("m", "Reshape", ["a", "b"]), node("end", "Identity", ["m:0"])], ("/etc",)),
        ([*AB, node("end", "Identity", ["^b", "a"])], ("/etc",)),
        ([*AB, node("end", "StringJoin", ["a", "b"])], ("/etcpasswd",)),
        (
            [*AB, node("end", "StringJoin", ["a", "b"], {"separator": text_attribute("/")})],
            ("/etc/passwd",),
        ),
        (
            [*AB, node("p", "Pack", ["a", "b"]), node("end", "ReduceJoin", ["p"])],
            ("/etcpasswd", "/etc", "passwd"),
        ),
        ([*AB, node("end", "AddV2", ["a", "b"])], ("/etcpasswd",)),
        ([X, *AB, node("end", "Select", ["x", "a", "b"])], (HOLE, "/etc", "passwd")),
        ([*AB, node("end", "StringUpper", ["a"])], ("/ETC",)),
        ([X, const("a", "/etc/"), node("end", "StringJoin", ["a", "x"])], ("/etc/" + HOLE,)),
        (
            [const("a", base64.b64encode(b"/etc").decode()), node("end", "DecodeBase64", ["a"])],
            ("/etc",),
        ),
        ([const("a", "!"), node("end", "DecodeBase64", ["a"])], (HOLE,)),
        ([const("end", b"\xff")], ("\\xff",)),
    ],
)
def test_constants_come_through_what_passes_or_joins_them(
    nodes: list[bytes], expected: tuple[str, ...]
) -> None:
    assert texts(*nodes) == expected


def test_code_points_are_text() -> None:
    points = whole(1, 3) + chunk(2, shape([4])) + b"".join(whole(7, ord(letter)) for letter in "/etc")
    codes = node("a", "Const", attributes={"value": chunk(8, points)})
    assert texts(codes, node("end", "UnicodeEncode", ["a"])) == ("/etc",)


@pytest.mark.parametrize(
    ("nodes", "origins"),
    [
        ([node("end", "Placeholder")], {Origin.CALLER}),
        ([X, node("end", "StringSplitV2", ["x"])], {Origin.CALLER, Origin.COMPUTED}),
        ([const("a", "b"), node("end", "Substr", ["a"])], {Origin.COMPUTED}),
        ([node("i", "OneShotIterator"), node("end", "IteratorGetNext", ["i"])], {Origin.ELEMENT}),
        ([node("end", "VarHandleOp")], {Origin.STATE}),
        ([X, node("end", "PlaceholderWithDefault", ["x"])], {Origin.CALLER}),
        ([], {Origin.COMPUTED}),
        ([node("end", "Identity", ["end"])], {Origin.COMPUTED}),
        ([node("end", "StringJoin", ["end"])], set()),
    ],
)
def test_what_is_not_known_has_an_origin(nodes: list[bytes], origins: set[Origin]) -> None:
    assert value(nodes).origins == origins


def test_the_loader_and_the_saver_put_their_own_in_the_place_of_a_constant() -> None:
    nodes = [const("a", "/home/author/words.txt"), node("end", "Identity", ["a"])]
    assert value(nodes, assets=frozenset({"a"})) == Value((HOLE,), frozenset({Origin.ASSET}))
    assert value(nodes, saver="a") == Value((HOLE,), frozenset({Origin.SAVER}))


def test_an_argument_is_what_every_call_gives() -> None:
    body = function("f", ["p"], [node("r", "ReadFile", ["p"])], {"o": b"r:contents:0"})
    nodes = [*AB, call("c", "f", ["a"]), node("d", "f", ["b"])]
    assert value(nodes, [body], place=("f", "p")).texts == ("/etc", "passwd")


def test_a_result_is_what_the_function_gives() -> None:
    body = function("f", ["p"], [node("i", "Identity", ["p"])], {"o": b"i:output:0"})
    nodes = [*AB, call("c", "f", ["a"]), node("end", "Identity", ["c"])]
    assert value(nodes, [body]).texts == ("/etc",)


def test_a_branch_gets_its_arguments_behind_the_condition() -> None:
    body = function("f", ["p"], [node("i", "Identity", ["p"])], {"o": b"i:output:0"})
    branches = {"then_branch": chunk(10, chunk(1, "f")), "else_branch": chunk(10, chunk(1, "f"))}
    nodes = [X, *AB, node("end", "If", ["x", "b"], branches)]
    assert value(nodes, [body]).texts == ("passwd",)


def test_a_dataset_gives_elements_and_what_its_function_captures() -> None:
    body = function("f", ["element", "captured"], [node("n", "NoOp")], {})
    mapped = node("m", "MapDataset", ["data", "a"], {"f": chunk(10, chunk(1, "f"))})
    nodes = [*AB, node("data", "RangeDataset"), mapped]
    assert value(nodes, [body], place=("f", "captured")).texts == ("/etc",)
    assert value(nodes, [body], place=("f", "element")).texts == (HOLE,)


def test_an_element_is_one_of_what_the_dataset_was_made_of() -> None:
    body = function("f", ["element"], [node("n", "NoOp")], {})
    mapped = node("m", "MapDataset", ["data"], {"f": chunk(10, chunk(1, "f"))})
    nodes = [
        AB[0],
        node("slices", "TensorSliceDataset", ["a"]),
        node("data", "ShuffleDataset", ["slices"]),
    ]
    found = value([*nodes, mapped], [body], place=("f", "element"))
    assert found == Value(("/etc",), frozenset({Origin.ELEMENT}))


@pytest.mark.parametrize(
    "nodes",
    [
        [
            node("v", "VarHandleOp"),
            node("s", "AssignVariableOp", ["v", "a"]),
            node("end", "ReadVariableOp", ["v"]),
        ],
        [
            node("q", "FIFOQueueV2"),
            node("s", "QueueEnqueueManyV2", ["q", "a"]),
            node("end", "Identity", ["q"]),
        ],
        [
            node("i", "IteratorV2"),
            node("d", "TensorSliceDataset", ["a"]),
            node("s", "MakeIterator", ["d", "i"]),
            node("end", "IteratorGetNext", ["i"]),
        ],
        [
            node("t", "HashTableV2"),
            node("s", "InitializeTableV2", ["t", "k", "a"]),
            const("k", "/etc"),
            node("end", "LookupTableFindV2", ["t", "x", "x"]),
        ],
    ],
    ids=["variable", "queue", "iterator", "table"],
)
def test_what_is_stored_comes_out_again(nodes: list[bytes]) -> None:
    assert value([X, AB[0], *nodes]).texts == ("/etc",)


def test_a_deep_chain_is_followed_and_an_endless_one_is_not() -> None:
    chain = [const("n0", "deep"), *(node(f"n{at + 1}", "Identity", [f"n{at}"]) for at in range(5_000))]
    assert value(chain, place=("", "n5000")).texts == ("deep",)
    joins = [const("n0", "x"), *(node(f"n{at + 1}", "StringJoin", [f"n{at}"]) for at in range(200))]
    assert value(joins, place=("", "n200")).origins == {Origin.COMPUTED}


def test_texts_do_not_multiply_without_end() -> None:
    many = const("m", *(f"{at:04}" for at in range(300)))
    joined = [many, *(node(f"j{at}", "StringJoin", ["m", "m", "m"]) for at in range(3))]
    found = value(joined, place=("", "j2"))
    assert (len(found.texts), {len(text) for text in found.texts}) == (256, {12})


def test_a_constant_of_numbers_is_no_text() -> None:
    numbers = node("end", "Const", attributes={"value": chunk(8, tensor(1, [2], raw=bytes(8)))})
    assert value([numbers]) == Value((HOLE,), frozenset({Origin.COMPUTED}))
