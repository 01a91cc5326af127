"""Models that are kept as text: trees of LightGBM, and H2O's models as Java source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached

_SOURCE, _SOURCE_RUNS = "JAV008", "JAV009"
_POJO: Final = re.compile(
    r"^import\s+hex\.genmodel\b|\bextends\s+(?:hex\.genmodel\.)?GenModel\b", re.MULTILINE
)
_RUNS: Final = re.compile(
    rb"\bRuntime\s*\.\s*getRuntime\b|\bProcessBuilder\b|\bURLClassLoader\b|\bScriptEngineManager\b"
    rb"|\bSystem\s*\.\s*load(?:Library)?\b|\bjava\.net\b|\bClass\s*\.\s*forName\b|\bdefineClass\b"
)
_LARGEST_SOURCE = 64 * MIB
_STEP = 1 * MIB


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    if head.startswith("tree"):
        from weighbridge.formats.boosters.lightgbm import is_lightgbm

        return _trees(artifact, context) if is_lightgbm(head) else None
    return _source(artifact, context) if _POJO.search(head) else None


def _trees(artifact: Artifact, context: Context) -> Iterator[Event]:
    from weighbridge.analyzers.boosters.boosters import booster_findings, booster_texts
    from weighbridge.formats.anomaly import AnomalyLog
    from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly
    from weighbridge.formats.boosters.lightgbm import check_lightgbm

    log: AnomalyLog[BoosterAnomaly] = AnomalyLog()
    trouble: LimitReached | None = None
    texts: list[tuple[str, str]] = []
    try:
        texts = check_lightgbm(artifact.source, context.budget, log).texts
    except LimitReached as error:
        trouble = error
    yield from booster_findings(artifact, log)
    yield from booster_texts(artifact, texts)
    if trouble is not None:
        raise trouble


def _source(artifact: Artifact, context: Context) -> Iterator[Event]:
    """H2O writes tables of numbers and tests; it never names what starts programs."""
    evidence = "Java source of H2O's `hex.genmodel`; it does nothing until it is compiled and called"
    yield Finding(rule=_SOURCE, path=artifact.path, subject="source", evidence=evidence, offset=0)
    size = min(artifact.source.size, _LARGEST_SOURCE)
    for start in range(0, size, _STEP):
        context.budget.check_time()
        match = _RUNS.search(bytes(artifact.source.read_at(start, _STEP + KIB)))
        if match is not None:
            text = " ".join(match[0].decode("ascii").split())
            yield Finding(
                rule=_SOURCE_RUNS,
                path=artifact.path,
                subject=text,
                evidence=f"the source names {text}",
                offset=start + match.start(),
            )
            break
    if artifact.source.size > size:
        raise LimitReached(f"source code was read up to {size:,} bytes")
