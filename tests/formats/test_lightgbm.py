"""LightGBM's text: arrays against counts, and no reading beyond what the text says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.boosters import lightgbm

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.boosters.lightgbm import LightgbmModel, check_lightgbm, is_lightgbm


def check(data: bytes) -> tuple[LightgbmModel, set[Kind]]:
    log: AnomalyLog[Kind] = AnomalyLog()
    model = check_lightgbm(MemorySource(data), Budget(Limits()), log)
    return model, {one.kind for one in log.all()}


def test_an_honest_model_has_no_anomaly() -> None:
    data = lightgbm()
    model, found = check(data)
    assert is_lightgbm(data.decode())
    assert (model.trees, model.features, found) == (1, 2, set())


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_of_both_kinds_are_read(end: str) -> None:
    data = lightgbm().decode().replace("\n", end).encode()
    model, found = check(data)
    assert model.trees == 1
    assert found <= {Kind.COUNT_DIFFERS}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"left_child": "2 -1"}, Kind.CHILD_OUTSIDE),
        ({"right_child": "-4 -2"}, Kind.CHILD_OUTSIDE),
        ({"left_child": "1 1"}, Kind.CYCLE),
        ({"right_child": "-1 -2"}, Kind.CYCLE),
        ({"split_feature": "0 2"}, Kind.FEATURE_OUTSIDE),
        ({"split_feature": "0"}, Kind.ARRAY_SHORT),
        ({"leaf_value": "0.1 0.2"}, Kind.ARRAY_SHORT),
        ({"leaf_value": "0.1 0.2 0.3 0.4"}, Kind.COUNT_DIFFERS),
        ({"left_child": "one two"}, Kind.WRONG_TYPE),
        ({"num_leaves": "0"}, Kind.ABSURD_COUNT),
        ({"num_leaves": "99999999999999999999"}, Kind.ABSURD_COUNT),
        ({"num_cat": "2", "cat_boundaries": "0 1"}, Kind.ARRAY_SHORT),
        ({"num_cat": "1", "cat_boundaries": "0 -1", "cat_threshold": "1"}, Kind.CATEGORY_OUTSIDE),
        ({"num_cat": "1", "cat_boundaries": "0 1", "cat_threshold": "1", "decision_type": "1 2",
          "threshold": "5 0"}, Kind.CATEGORY_OUTSIDE),
        ({"is_linear": "1", "num_features": "1 0 0", "leaf_features": "7", "leaf_coeff": "0.5"},
         Kind.FEATURE_OUTSIDE),
        ({"is_linear": "1", "num_features": "1 1 1", "leaf_features": "0", "leaf_coeff": "0.5"},
         Kind.ARRAY_SHORT),
        ({"threshold": "nan 0.25"}, Kind.NON_FINITE),
    ],
)  # fmt: skip
def test_what_leads_out_of_a_tree_is_seen(changes: dict[str, str], kind: Kind) -> None:
    assert kind in check(lightgbm(changes))[1]


def test_a_threshold_of_infinity_is_how_missing_values_are_split_off() -> None:
    assert check(lightgbm({"threshold": "inf 0.25"}))[1] == set()


def test_sizes_that_reach_beyond_the_text_are_seen() -> None:
    assert Kind.OFFSET_OUTSIDE in check(lightgbm(sizes=10**9))[1]


@pytest.mark.parametrize(
    "text",
    ["tree\nhugging oaks\n", "trees and forests", "a tree\nversion=v4\n", "tree\nthe version=v4\n"],
)
def test_prose_is_no_model(text: str) -> None:
    assert not is_lightgbm(text)


def test_names_of_features_that_fill_the_head_do_not_hide_a_model() -> None:
    names = " ".join(f"feature{number}" for number in range(9_000))
    assert is_lightgbm(f"tree\na comment\nfeature_names={names}"[: 64 * 1024])


def test_a_line_without_end_is_a_limit() -> None:
    with pytest.raises(LimitReached):
        check(b"tree\nTree=0\nleaf_value=" + b"1" * (65 * MIB))


def test_every_prefix_is_read() -> None:
    data = lightgbm()
    trees = {check(data[:length])[0].trees for length in range(len(data))}
    assert trees == {0, 1}


def test_an_end_before_the_first_tree_is_no_tree() -> None:
    model, _ = check(lightgbm().replace(b"Tree=0", b"end of trees\nTree=0"))
    assert model.trees == 1


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=12))
def test_any_change_gives_a_value(at: int, change: bytes) -> None:
    data = lightgbm()
    assert check(data[:at] + change + data[at + len(change) :])[0].trees >= 0
