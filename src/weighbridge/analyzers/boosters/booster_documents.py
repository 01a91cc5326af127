"""Boosted trees that are kept as JSON: XGBoost models, and the JSON of CatBoost and LightGBM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weighbridge.analyzers.boosters.boosters import booster_findings, booster_texts
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly
from weighbridge.formats.documents.strict_json import Json


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is one of these."""
    if not isinstance(tree, Mapping):
        return None
    if "learner" in tree or "Model" in tree:
        from weighbridge.analyzers.boosters.xgboost import judge_document

        return judge_document(artifact, tree)
    if "model_info" in tree and ("oblivious_trees" in tree or "trees" in tree):
        return _catboost(artifact, tree)
    return None


def _catboost(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Event]:
    from weighbridge.formats.boosters.catboost_json import check_document, texts_of

    log: AnomalyLog[BoosterAnomaly] = AnomalyLog()
    check_document(tree, log)
    yield from booster_findings(artifact, log)
    yield from booster_texts(artifact, texts_of(tree))
