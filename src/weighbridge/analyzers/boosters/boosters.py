"""Turn what is odd in boosted trees, and what their free texts carry, into findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from weighbridge.analyzers.anomalies import anomaly_findings
from weighbridge.analyzers.carried_texts import carried
from weighbridge.analyzers.inspection import Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly

RULES: Final[Mapping[BoosterAnomaly, str]] = {
    BoosterAnomaly.CHILD_OUTSIDE: "BST001",
    BoosterAnomaly.FEATURE_OUTSIDE: "BST001",
    BoosterAnomaly.ARRAY_SHORT: "BST001",
    BoosterAnomaly.GROUP_OUTSIDE: "BST001",
    BoosterAnomaly.CATEGORY_OUTSIDE: "BST001",
    BoosterAnomaly.OFFSET_OUTSIDE: "BST001",
    BoosterAnomaly.ABSURD_COUNT: "BST002",
    BoosterAnomaly.CYCLE: "BST003",
    BoosterAnomaly.PARENT_DIFFERS: "BST004",
    BoosterAnomaly.COUNT_DIFFERS: "BST004",
    BoosterAnomaly.WRONG_TYPE: "BST004",
    BoosterAnomaly.TRAILING: "BST004",
    BoosterAnomaly.NON_FINITE: "BST005",
    BoosterAnomaly.UNKNOWN_NAME: "BST006",
}
_CARRIED: Final = "BST007"


def booster_findings(artifact: Artifact, log: AnomalyLog[BoosterAnomaly]) -> Iterator[Event]:
    """Yield one finding for each kind of disagreement."""
    for finding in anomaly_findings(artifact, log.all(), RULES):
        yield replace(finding, route=finding.route.removeprefix("tensor "), related=())


def booster_texts(artifact: Artifact, texts: Iterable[tuple[str, str]]) -> Iterator[Event]:
    """Yield what texts carry that its author could write freely."""
    yield from carried(artifact, texts, rule=_CARRIED)
