"""XGBoost models in UBJSON and in the old binary layout."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.boosters.boosters import booster_findings, booster_texts
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly
from weighbridge.formats.boosters.ubjson import Ubj, parse_ubjson
from weighbridge.formats.boosters.xgboost_binary import XgboostBinary
from weighbridge.formats.boosters.xgboost_model import check_model, learner_of, texts_of
from weighbridge.formats.kinds import Format


def inspect_ubjson(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a model in UBJSON; other UBJSON is recognised and holds nothing that runs."""
    document = parse_ubjson(artifact.source, context.budget)
    events = judge_document(artifact, document.value)
    if events is None:
        detail = "UBJSON, and no model of XGBoost: numbers and texts"
        yield Coverage(
            path=artifact.path, format=Format.XGBOOST_UBJSON, outcome=Outcome.OPAQUE, detail=detail
        )
    else:
        yield from events
    yield from _trailing(artifact, document.end)


def judge_document(artifact: Artifact, document: Ubj) -> Iterator[Event] | None:
    """Return the events of a model, however it was spelled; None for any other document."""
    learner = learner_of(document)
    if learner is None:
        return None

    def events() -> Iterator[Event]:
        log: AnomalyLog[BoosterAnomaly] = AnomalyLog()
        trouble: LimitReached | ReadError | None = None
        try:
            check_model(learner, log)
        except (LimitReached, ReadError) as error:
            trouble = error
        yield from booster_findings(artifact, log)
        yield from booster_texts(artifact, texts_of(learner))
        if trouble is not None:
            raise trouble

    return events()


def inspect_binary(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a model in the layout of before version 3.1."""
    log: AnomalyLog[BoosterAnomaly] = AnomalyLog()
    model = XgboostBinary(artifact.source, context.budget, log)
    trouble: Malformed | LimitReached | None = None
    try:
        model.check()
    except (Malformed, LimitReached) as error:
        trouble = error
    yield from booster_findings(artifact, log)
    yield from booster_texts(artifact, model.texts)
    if trouble is not None:
        raise trouble
    yield from _trailing(artifact, model.end)


def _trailing(artifact: Artifact, end: int) -> Iterator[Event]:
    if end < artifact.source.size:
        rest = SliceSource(artifact.source, end, artifact.source.size - end)
        yield artifact.nested("trailing", rest)
