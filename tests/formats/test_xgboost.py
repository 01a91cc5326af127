"""XGBoost models, in three layouts: what a prediction would follow out of its arrays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.boosters import model, tree, ubjson, xgboost_binary

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import KIB, MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.boosters.ubjson import Ubj, parse_ubjson
from weighbridge.formats.boosters.xgboost_binary import XgboostBinary, is_xgboost_binary
from weighbridge.formats.boosters.xgboost_model import check_model, learner_of

LEFT = -(2**31)
NODES = [(-1, 1, 2, 1), (LEFT, -1, -1, 0), (0, -1, -1, 0)]


def kinds(document: object) -> list[Kind]:
    """What is wrong with a model that goes through UBJSON."""
    parsed = parse_ubjson(MemorySource(ubjson(document)), Budget(Limits())).value
    learner = learner_of(parsed)
    assert learner is not None
    log: AnomalyLog[Kind] = AnomalyLog()
    check_model(learner, log)
    return [one.kind for one in log.all()]


def categories(nodes: list[int], segments: list[int], sizes: list[int]) -> dict[str, Any]:
    """One set of one category, and where it is said to be."""
    places = {"nodes": nodes, "segments": segments, "sizes": sizes}
    return {"categories": [1]} | {f"categories_{key}": value for key, value in places.items()}


def test_an_honest_model_has_no_anomaly() -> None:
    assert kinds(model(tree(), tree(id=1))) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"left_children": [3, -1, -1]}, Kind.CHILD_OUTSIDE),
        ({"right_children": [-2, -1, -1]}, Kind.CHILD_OUTSIDE),
        ({"right_children": [1, -1, -1]}, Kind.CYCLE),
        ({"left_children": [0, -1, -1]}, Kind.CYCLE),
        ({"split_indices": [2, 0, 0]}, Kind.FEATURE_OUTSIDE),
        ({"split_indices": [-1, 0, 0]}, Kind.FEATURE_OUTSIDE),
        ({"split_indices": [0]}, Kind.ARRAY_SHORT),
        ({"split_conditions": [0.5]}, Kind.ARRAY_SHORT),
        ({"tree_param": {"num_nodes": "4"}}, Kind.ARRAY_SHORT),
        ({"tree_param": {"num_nodes": "-1"}}, Kind.ARRAY_SHORT),
        ({"left_children": [0.5, 0.5, 0.5]}, Kind.WRONG_TYPE),
        ({"parents": [2147483647, 0, 1]}, Kind.PARENT_DIFFERS),
        ({"id": 9}, Kind.OFFSET_OUTSIDE),
        (categories([0], [0], [9]), Kind.CATEGORY_OUTSIDE),
        (categories([7], [0], [1]), Kind.CATEGORY_OUTSIDE),
        (categories([0], [], [1]), Kind.ARRAY_SHORT),
    ],
)
def test_what_leads_out_of_a_tree_is_seen(changes: dict[str, Any], kind: Kind) -> None:
    assert kind in kinds(model(tree(**changes)))


def test_a_node_that_no_branch_leads_to_may_hold_anything() -> None:
    deleted = tree(
        tree_param={"num_nodes": "4", "num_deleted": "1"},
        left_children=[1, -1, -1, 99],
        right_children=[2, -1, -1, 99],
        parents=[2147483647, 0, 0, -1],
        split_indices=[1, 0, 0, 2147483647],
        split_conditions=[0.5, 0.1, 0.2, 0.0],
        base_weights=[0.5, 0.1, 0.2, 0.0],
    )
    assert kinds(model(deleted)) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"tree_info": [1]}, Kind.GROUP_OUTSIDE),
        ({"tree_info": []}, Kind.ARRAY_SHORT),
        ({"gbtree_model_param": {"num_trees": "5"}}, Kind.ARRAY_SHORT),
        ({"gbtree_model_param": {"num_trees": "0"}}, Kind.COUNT_DIFFERS),
        ({"iteration_indptr": [0, 7]}, Kind.OFFSET_OUTSIDE),
    ],
)
def test_what_leads_out_of_the_list_of_trees_is_seen(changes: dict[str, Any], kind: Kind) -> None:
    assert kind in kinds(model(tree(), **changes))


def test_a_linear_model_needs_a_weight_for_each_feature() -> None:
    document = model()
    document["learner"]["gradient_booster"] = {"name": "gblinear", "model": {"weights": [0.5, 0.5]}}  # type: ignore[index]
    assert kinds(document) == [Kind.ARRAY_SHORT]


@pytest.mark.parametrize("document", [[], {"learner": 5}, {"learner": {}}, "learner"])
def test_another_document_is_no_model(document: Ubj) -> None:
    assert learner_of(document) is None


# The binary layout.


def binary_kinds(data: bytes) -> list[Kind]:
    log: AnomalyLog[Kind] = AnomalyLog()
    XgboostBinary(MemorySource(data), Budget(Limits()), log).check()
    return [one.kind for one in log.all()]


@pytest.mark.parametrize("magic", [b"binf", b""])
def test_an_honest_binary_model_is_read_to_its_end(magic: bytes) -> None:
    data = xgboost_binary(NODES, magic=magic)
    log: AnomalyLog[Kind] = AnomalyLog()
    binary = XgboostBinary(MemorySource(data), Budget(Limits()), log)
    binary.check()
    assert is_xgboost_binary(data)
    assert (binary.end, log.all()) == (len(data), ())


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ((-1, 1, 3, 1), Kind.CHILD_OUTSIDE),
        ((-1, 1, 1, 1), Kind.CYCLE),
        ((-1, 1, 2, 2), Kind.FEATURE_OUTSIDE),
    ],
)
def test_what_leads_out_of_a_binary_tree_is_seen(root: tuple[int, int, int, int], kind: Kind) -> None:
    assert kind in binary_kinds(xgboost_binary([root, *NODES[1:]]))


def test_every_prefix_of_a_binary_model_is_malformed() -> None:
    data = xgboost_binary(NODES)
    refused = [length for length in range(4, len(data)) if _is_malformed(data[:length])]
    assert refused == list(range(4, len(data)))


def _is_malformed(data: bytes) -> bool:
    try:
        binary_kinds(data)
    except Malformed:
        return True
    return False


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_any_change_of_a_binary_model_gives_a_value_or_malformed(at: int, change: bytes) -> None:
    data = xgboost_binary(NODES)
    assert _survives(data[:at] + change + data[at + len(change) :])


def _survives(data: bytes) -> bool:
    try:
        binary_kinds(data)
    except (Malformed, LimitReached):
        return True
    return True


def test_the_weights_of_a_linear_binary_model_are_not_read() -> None:
    head = xgboost_binary([])[: 4 + 136 + 8 + 15]
    count = 100 * MIB // 4
    head += (8).to_bytes(8, "little") + b"gblinear" + bytes(136) + count.to_bytes(8, "little")
    source = SparseSource(len(head) + 100 * MIB, {0: head})
    XgboostBinary(source, Budget(Limits()), AnomalyLog()).check()
    assert source.bytes_read <= 16 * KIB
