"""Ask other engines about an artifact and all that is nested in it: the worker's part.

This is a walk of its own, behind the walk in which we looked ourselves: an engine that crashes,
hangs or eats the memory takes nothing with it that we had found.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import Budget
from weighbridge.core.report import Outcome
from weighbridge.engine.tree import guarded, inspect_tree
from weighbridge.formats.kinds import Format
from weighbridge.opinions.interface import (
    Examination,
    OpinionEngine,
    OpinionResult,
    OpinionSettings,
    Stance,
    Subject,
)
from weighbridge.opinions.registry import make_engine

Send = Callable[[Examination], None]


def ask_engines(artifact: Artifact, context: Context, settings: OpinionSettings, send: Send) -> None:
    """Walk the tree again and send what each engine makes of each artifact."""
    engines = [make_engine(name, settings) for name in settings.engines]

    def look(found: Artifact, formats: tuple[Format, ...], is_suspect: bool) -> None:
        for engine in engines:
            send(examine(engine, Subject(found, formats, is_suspect), context.budget))

    inspect_tree(artifact, context, _unheard, look)


def _unheard(event: Fact) -> None:
    """We have said it in the walk before."""


def examine(engine: OpinionEngine, subject: Subject, budget: Budget) -> Examination:
    """Ask one engine about one artifact, whatever it raises."""
    results: list[OpinionResult] = []
    trouble = guarded(lambda: results.append(engine.examine(subject, budget)), budget.limits)
    if trouble is not None:
        outcome, detail = trouble
        stance = Stance.LIMITED if outcome is Outcome.LIMITED else Stance.FAILED
        results = [OpinionResult(stance=stance, reason=f"{engine.name}: {detail}"[:1000])]
    return Examination(engine.name, subject.artifact.path, results[0])
