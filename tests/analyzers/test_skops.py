"""skops schemas: what a node names, and whether its two places agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import skops as recipe

from tests.analyzers.config_events import scan, severities, told

SAMPLES = dict(recipe.samples())
ROOT = {"__module__": "builtins", "__class__": "list", "__loader__": "ListNode", "protocol": 2}


def schema(*nodes: object, protocol: object = 2) -> dict[str, object]:
    return {**ROOT, "content": list(nodes), "protocol": protocol}


def node(loader: str, module: str, name: str, **fields: object) -> dict[str, object]:
    return {"__loader__": loader, "__module__": module, "__class__": name, **fields}


@pytest.mark.parametrize("name", [name for name in SAMPLES if ".twin" not in name])
def test_each_hostile_sample_is_told_at_its_member(name: str) -> None:
    findings, _ = scan(name, SAMPLES[name])
    assert [one.path for one in findings if one.rule.startswith("SKO")]
    assert {one.path for one in findings} == {(name, "schema.json")}


@pytest.mark.parametrize("name", [name for name in SAMPLES if ".twin" in name])
def test_no_twin_is_more_than_an_information(name: str) -> None:
    assert set(told(name, SAMPLES[name])) <= {"SKO005"}


@pytest.mark.parametrize(
    ("one", "rules"),
    [
        (node("FunctionNode", "os", "system"), ["SKO001"]),
        (node("TypeNode", "subprocess", "Popen"), ["SKO001"]),
        (node("FunctionNode", "joblib", "load"), ["SKO001"]),
        (node("FunctionNode", "numpy", "load"), ["SKO003"]),
        (node("PartialNode", "functools", "partial", content={}), ["SKO005"]),
        (node("FunctionNode", "sklearn.metrics._classification", "f1_score"), []),
        (node("ObjectNode", "sklearn.svm._classes", "SVC"), []),
        (node("ObjectNode", "nobody", "Knows"), ["SKO004"]),
        (node("BytesNode", "builtins", "bytes", file="1.bin"), []),
        (node("BytesNode", "builtins", "bytes", file="../1.bin"), ["SKO006"]),
        (node("NdArrayNode", "numpy", "ndarray", type="numpy", file="1.npy"), []),
        (node("NdArrayNode", "numpy", "ndarray", type="numpy", file="m.joblib"), ["SKO006"]),
        (node("MarkerNode", "builtins", "list"), ["SKO007"]),
        (node("OperatorFuncNode", "operator", "attrgetter"), []),
        (node("OperatorFuncNode", "posix", "system"), ["SKO001", "SKO002"]),
        (node("TreeNode", "sklearn.tree._tree", "Tree", content={}), []),
        (node("TreeNode", "sklearn.svm", "SVC", content={}), ["SKO002"]),
        (node("CachedNode", "builtins", "list"), []),
    ],
)
def test_a_node_is_judged_by_what_it_names(one: object, rules: list[str]) -> None:
    assert told("schema.json", schema(one)) == rules


def test_a_loss_that_another_constructor_makes_is_told() -> None:
    other = {"__module__": "builtins", "__class__": "list"}
    loss = node(
        "LossNode", "sklearn._loss._loss", "CyHalfSquaredError", __reduce__={"constructor": other}
    )
    assert told("schema.json", schema(loss)) == ["SKO002"]


def test_a_random_generator_of_another_name_is_told() -> None:
    state = {"content": {"bit_generator": {"content": '"system"'}}}
    generator = node("RandomGeneratorNode", "numpy.random._generator", "Generator")
    assert told("schema.json", schema({**generator, "content": {"bit_generator": state}})) == ["SKO002"]


def test_a_method_is_judged_as_the_attribute_of_its_object() -> None:
    owner = node("ObjectNode", "numpy", "ndarray")
    method = node("MethodNode", "numpy", "ndarray", content={"obj": owner, "func": "tofile"})
    assert "SKO003" in told("schema.json", schema(method)) or "SKO001" in told(
        "schema.json", schema(method)
    )


def test_a_newer_protocol_is_told() -> None:
    assert told("schema.json", schema(protocol=3)) == ["SKO007"]


def test_another_document_is_none_of_these() -> None:
    assert told("schema.json", {"__loader__": 1, "protocol": 2}) == []
    assert told("schema.json", {"$schema": "x", "type": "object"}) == []


@given(
    st.recursive(
        st.none() | st.text(max_size=4) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["__loader__", "__module__", "__class__", "content", "obj", "file", "func"]
                ),
                inner
                | st.sampled_from(["MethodNode", "LossNode", "FunctionNode", "RandomGeneratorNode"]),
            )
        ),
        max_leaves=10,
    )
)
def test_any_tree_gives_findings_and_nothing_else(tree: object) -> None:
    findings, rows = scan("schema.json", schema(tree))
    assert [row.outcome.value for row in rows] == ["analyzed"]
    assert all(one.rule in severities("skops") for one in findings)
