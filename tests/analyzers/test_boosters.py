"""Boosted trees through the engine: how they are recognised, and what their texts carry."""

from __future__ import annotations

import json
from functools import lru_cache

import pytest
from samples.recipes import boosters as recipe

from weighbridge.analyzers.boosters.boosters import RULES
from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def inspected(data: bytes, name: str = "model") -> tuple[list[Finding], list[Coverage]]:
    found: list[object] = []
    context = Context(Budget(Limits()), callables())
    inspect_tree(Artifact((name,), MemorySource(data)), context, found.append)
    findings = [one for one in found if isinstance(one, Finding)]
    return findings, [one for one in found if isinstance(one, Coverage)]


def test_every_anomaly_has_a_rule() -> None:
    assert set(RULES) == set(BoosterAnomaly)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (recipe.ubjson(recipe.model()), Format.XGBOOST_UBJSON),
        (b"{i\x01aT}", Format.XGBOOST_UBJSON),
        (b"{#i\x01i\x01aT", Format.XGBOOST_UBJSON),
        (recipe.xgboost_binary([]), Format.XGBOOST_BINARY),
        (recipe.xgboost_binary([], magic=b""), Format.XGBOOST_BINARY),
        (recipe.catboost(), Format.CATBOOST),
        (json.dumps(recipe.model()).encode(), Format.JSON),
        (recipe.lightgbm(), Format.TEXT),
    ],
)
def test_a_model_is_recognised_without_its_name(data: bytes, kind: Format) -> None:
    assert identify(MemorySource(data), "download") == (kind,)


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b"{L}", b"{ L1", b"{Lorem ipsum}", b"{i am text}", b"binford", b"{U\0"]
)
def test_other_files_are_not_taken_for_models(data: bytes) -> None:
    kinds = identify(MemorySource(data), "download")
    assert not {Format.XGBOOST_UBJSON, Format.XGBOOST_BINARY, Format.CATBOOST} & set(kinds)


def test_a_pickle_in_an_attribute_is_inspected() -> None:
    document = recipe.model(
        attributes={"note": "gARjb3MKc3lzdGVtCpRTJ2VjaG8gd2VpZ2hicmlkZ2UtbWFya2VyJwqUhVKULg=="}
    )
    findings, _ = inspected(recipe.ubjson(document))
    assert "PKL002" in {finding.rule for finding in findings}


def test_what_follows_a_model_is_inspected() -> None:
    data = recipe.ubjson(recipe.model()) + b"cos\nsystem\n(S'echo weighbridge-marker'\ntR."
    findings, rows = inspected(data)
    assert ("model", "trailing") in {row.path for row in rows}
    assert "PKL002" in {finding.rule for finding in findings}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (recipe.ubjson(recipe.model(recipe.tree(left_children=[9, -1, -1]))), "children"),
        (recipe.lightgbm({"left_child": "9 -1"}), "children"),
        (recipe.catboost(splits=[0, 900]), "splits"),
    ],
)
def test_a_finding_says_where_and_by_which_numbers(data: bytes, place: str) -> None:
    (finding,) = inspected(data)[0]
    assert finding.rule == "BST001"
    assert place in finding.route
    assert "9" in finding.evidence


def test_a_model_that_is_cut_keeps_what_was_seen() -> None:
    nodes = [(-1, 1, 9, 1), (0, -1, -1, 0), (0, -1, -1, 0)]
    findings, rows = inspected(recipe.xgboost_binary(nodes)[:-2])
    assert [finding.rule for finding in findings] == ["BST001"]
    assert [row.outcome for row in rows] == [Outcome.FAILED]
