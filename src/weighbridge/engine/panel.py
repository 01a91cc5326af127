"""Who else is asked in a scan: nobody, unless the user says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Opinion
from weighbridge.engine.pool import Task
from weighbridge.engine.wire import Job
from weighbridge.opinions.interface import Examination


@dataclass(frozen=True, slots=True)
class Weighed:
    """Our findings with what other engines add to them. Nothing of ours is ever missing in it."""

    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...] = ()
    opinions: tuple[Opinion, ...] = ()


class Panel(Protocol):
    """The engines of one scan."""

    def jobs(self, job: Job) -> tuple[Job, ...]:
        """What the workers are to do about an artifact once we have looked at it ourselves."""
        ...

    def aside(self, task: Task) -> Iterable[Examination]:
        """What the supervisor itself finds out about an artifact."""
        ...

    def weigh(self, examinations: Sequence[Examination], findings: tuple[Finding, ...]) -> Weighed:
        """Compare at the end what they said with what we found."""
        ...


class Silence:
    """Nobody is asked."""

    def jobs(self, job: Job) -> tuple[Job, ...]:
        return ()

    def aside(self, task: Task) -> Iterable[Examination]:
        return ()

    def weigh(self, examinations: Sequence[Examination], findings: tuple[Finding, ...]) -> Weighed:
        return Weighed(findings)
