"""The engines that the user asked for: which answer, what they get, what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget
from weighbridge.engine.agreement import weigh
from weighbridge.engine.panel import Weighed
from weighbridge.engine.pool import Task
from weighbridge.engine.second_opinion import examine
from weighbridge.engine.wire import Job
from weighbridge.errors import ReadError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.opinions.interface import (
    EngineName,
    Examination,
    OpinionEngine,
    OpinionResult,
    OpinionSettings,
    Stance,
    Subject,
    failed,
)
from weighbridge.opinions.registry import IN_SUPERVISOR, make_engine
from weighbridge.opinions.yara_rules import YaraOpinion

_WALL_S = 60.0
"""For one engine and one file, or `--timeout` when that is shorter: an opinion is worth no more."""


class AskedPanel:
    """A `Panel` of real engines. Each is asked once, at the start, whether it is there."""

    def __init__(self, settings: OpinionSettings, engines: Sequence[OpinionEngine]) -> None:
        self._settings = settings
        self._missing: dict[EngineName, str] = {}
        self._aside: list[OpinionEngine] = []
        self._in_workers: list[EngineName] = []
        self._versions: dict[EngineName, str | None] = {}
        for engine in engines:
            self._seat(engine)

    @classmethod
    def of(cls, settings: OpinionSettings) -> AskedPanel:
        """Raises UsageError when the settings of an engine are wrong: an address, YARA rules."""
        return cls(settings, [make_engine(name, settings) for name in settings.engines])

    def _seat(self, engine: OpinionEngine) -> None:
        reason = engine.is_available()
        if reason is not None:
            self._missing[engine.name] = f"{engine.name} {reason}"
            return
        self._versions[engine.name] = engine.version()
        if engine.name in IN_SUPERVISOR:
            self._aside.append(engine)
        else:
            self._in_workers.append(engine.name)
        if isinstance(engine, YaraOpinion):
            engine.check_rules()

    def jobs(self, job: Job) -> tuple[Job, ...]:
        """One for each engine: what one of them crashes on, the others still get to see."""
        limits = replace(job.limits, wall_s=min(_WALL_S, job.limits.wall_s))
        return tuple(
            replace(job, limits=limits, opinions=replace(self._settings, engines=(name,)))
            for name in self._in_workers
        )

    def aside(self, task: Task) -> Iterator[Examination]:
        for name, reason in self._missing.items():
            result = OpinionResult(stance=Stance.UNAVAILABLE, reason=reason)
            yield Examination(name, (task.job.name,), result)
        for engine in self._aside:
            yield _examined(engine, task)

    def weigh(self, examinations: Sequence[Examination], findings: tuple[Finding, ...]) -> Weighed:
        rules = Signatures.installed().rules
        versions: Mapping[EngineName, str | None] = self._versions
        return weigh(examinations, findings, rules=rules, versions=versions)


def _examined(engine: OpinionEngine, task: Task) -> Examination:
    job = task.job
    try:
        source = _opened(task)
    except ReadError as error:
        return Examination(engine.name, (job.name,), failed(f"{engine.name}: {error}"))
    try:
        # Asked from here, an engine gets bytes to hand on: no format, for nothing is parsed here.
        subject = Subject(Artifact((job.name,), source, job.origin), (), is_suspect=True)
        limits = replace(job.limits, wall_s=min(_WALL_S, job.limits.wall_s))
        return examine(engine, subject, Budget(limits))
    finally:
        source.close()


def _opened(task: Task) -> ByteSource:
    path = task.job.local_path
    return LocalFile(Path(path)) if path is not None else task.open()
