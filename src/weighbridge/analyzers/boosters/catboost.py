"""CatBoost models in their own binary format."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.boosters.boosters import booster_findings, booster_texts
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly
from weighbridge.formats.boosters.catboost import check_catboost


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the core; hand on what follows it when the model names no parts."""
    log: AnomalyLog[BoosterAnomaly] = AnomalyLog()
    try:
        model = check_catboost(artifact.source, log)
    except (Malformed, LimitReached):
        yield from booster_findings(artifact, log)
        raise
    yield from booster_findings(artifact, log)
    yield from booster_texts(artifact, model.texts)
    rest = artifact.source.size - model.core_end
    if rest and not model.parts:
        yield artifact.nested("trailing", SliceSource(artifact.source, model.core_end, rest))
