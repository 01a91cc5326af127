"""CatBoost's binary models: splits, starts and leaves against what is there."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.boosters import catboost

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.boosters.catboost import CatboostModel, check_catboost
from weighbridge.formats.boosters.catboost_json import check_document


def check(data: bytes) -> tuple[CatboostModel, set[Kind]]:
    log: AnomalyLog[Kind] = AnomalyLog()
    model = check_catboost(MemorySource(data), log)
    return model, {one.kind for one in log.all()}


def test_an_honest_model_has_no_anomaly_and_gives_its_texts() -> None:
    data = catboost("hello")
    model, found = check(data)
    assert (model.core_end, model.parts, found) == (len(data), (), set())
    assert ("info/note", "hello") in model.texts
    assert ("feature/0", "age") in model.texts


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"splits": [0, 3]}, Kind.FEATURE_OUTSIDE),
        ({"splits": [-1, 0]}, Kind.FEATURE_OUTSIDE),
        ({"starts": [1]}, Kind.OFFSET_OUTSIDE),
        ({"starts": [-1]}, Kind.OFFSET_OUTSIDE),
        ({"starts": []}, Kind.ARRAY_SHORT),
        ({"sizes": [33], "splits": [0] * 33}, Kind.ABSURD_COUNT),
        ({"leaves": struct.pack("<3d", 0, 0, 0)}, Kind.ARRAY_SHORT),
        ({"leaves": struct.pack("<4d", 0, 0, 0, float("inf"))}, Kind.NON_FINITE),
    ],
)
def test_what_leads_out_of_the_model_is_seen(changes: dict[str, Any], kind: Kind) -> None:
    assert kind in check(catboost(**changes))[1]


@pytest.mark.parametrize(
    "data", [b"", b"CBM1", b"CBM1\xff\xff\xff\xff", b"CBM2" + bytes(20), b"CBM1" + bytes(60)]
)
def test_what_has_no_core_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        check(data)


def test_every_prefix_is_malformed() -> None:
    data = catboost()
    refused = [length for length in range(len(data)) if _is_malformed(data[:length])]
    assert refused == list(range(len(data)))


def _is_malformed(data: bytes) -> bool:
    try:
        check(data)
    except Malformed:
        return True
    return False


@settings(max_examples=300, deadline=None)
@given(st.integers(8, 420), st.binary(min_size=1, max_size=8))
def test_any_change_gives_a_value_or_malformed(at: int, change: bytes) -> None:
    data = catboost()
    assert _survives(data[:at] + change + data[at + len(change) :])


def _survives(data: bytes) -> bool:
    try:
        check(data)
    except (Malformed, LimitReached):
        return True
    return True


def test_a_split_outside_of_a_json_model_is_seen() -> None:
    log: AnomalyLog[Kind] = AnomalyLog()
    split = {"float_feature_index": 2, "split_index": 0}
    features = {"float_features": [{"borders": [0.5]}]}
    trees = [{"leaf_values": [1.0, 2.0], "splits": [split]}]
    document: dict[str, Any] = {"features_info": features, "oblivious_trees": trees}
    check_document(document, log)
    assert [one.kind for one in log.all()] == [Kind.FEATURE_OUTSIDE]
