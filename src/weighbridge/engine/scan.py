"""Scan targets: from what the user typed to a `Report` each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from weighbridge.core.address import shown_address
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Limits
from weighbridge.core.package_name import PackageName
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage, Report, ScannedFile
from weighbridge.core.repository import WHOLE
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.engine.panel import Panel, Silence
from weighbridge.engine.pool import Crew, RepositoryTask, Task, default_jobs
from weighbridge.engine.references import follow
from weighbridge.engine.shelf import Shelf
from weighbridge.engine.source_files import with_source
from weighbridge.engine.wire import Event, Job, ListedFile, Manifest, RepositoryJob
from weighbridge.errors import TargetError, TargetUnavailable
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem
from weighbridge.fetchers.registry import fetch
from weighbridge.opinions.interface import Examination, OpinionSettings

_FILE_S = 0.01
"""What each file of a target adds to the time for judging all of them together."""
_MOST_PACKAGES = 20_000
_MOST_LICENCES = 20_000
_MORE_LICENCES = f"one behind the first {_MOST_LICENCES:,}"

Progress = Callable[[int, int, str], None]
"""Called with (artifacts finished, how many there are or are known, name of the last one)."""


def _no_progress(done: int, known: int, name: str) -> None:
    """The default: nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How to scan; what to make of the result is the policy's business."""

    jobs: int = field(default_factory=default_jobs)
    limits: Limits = field(default_factory=Limits)
    fetch: FetchSettings = field(default_factory=FetchSettings)
    progress: Progress = _no_progress
    opinions: OpinionSettings = field(default_factory=OpinionSettings)
    base: str | None = None
    """A target that the scanned ones derive from, to compare them with."""
    trust: Trust = NOBODY
    """Whom to trust as a signer."""
    online: bool = False
    """Ask an index of packages for the names that a target's requirements name."""


def scan_target(target: str, settings: ScanSettings, *, crew: Crew | None = None) -> Report:
    """Scan one target, whatever it is, to the end.

    Args:
        target: as the user typed it.
        settings: how to scan.
        crew: workers that several scans share, one scan at a time; None for some of its own.

    Raises:
        UsageError: no fetcher takes such a target, or an engine was asked for in a wrong way.
        TargetError: the target can't be reached at all.
    """
    with closing(fetch(target, settings.fetch)) as fetched:
        return scan_fetched(target, fetched, settings, crew=crew)


def scan_fetched(
    target: str, fetched: Fetched, settings: ScanSettings, *, crew: Crew | None = None
) -> Report:
    """Scan a target that was reached already, and leave it open: the caller goes on to read it.

    Args:
        target: as the user typed it, for the report.
        fetched: its items are consumed.
        settings: how to scan.
        crew: see `scan_target`.

    Raises:
        UsageError: an engine was asked for in a wrong way.
        TargetError: the base that the target derives from can't be read.
    """
    started = time.monotonic()
    target = shown_address(target)
    panel = _panel(settings.opinions)
    with closing(Shelf()) as shelf, _base_of(settings) as base:
        fetched = replace(fetched, items=shelf.stocked(fetched.items))
        collected = _Collected(settings.progress, fetched.count)
        with nullcontext(crew) if crew is not None else Crew(settings.jobs) as workers:
            workers.run(
                _tasks(fetched, settings.limits, collected, panel),
                emit=collected.add,
                finished=lambda task: collected.finish(task.job.name),
                aside=panel.aside,
            )
            if collected.is_repository or base is not None or settings.trust.is_given:
                workers.judge(_whole(target, fetched, base, collected, settings), collected.add)
            if settings.online:
                from weighbridge.engine.package_index import look_up

                for event in look_up(collected.packages.values(), fetched.traffic):
                    collected.add(event)
    weighed = panel.weigh(collected.examinations, collected.findings())
    return Report(
        target=target,
        origin=fetched.origin,
        findings=weighed.findings,
        coverage=(*collected.coverage, *weighed.coverage),
        traffic=fetched.traffic.snapshot(),
        seconds=time.monotonic() - started,
        opinions=weighed.opinions,
        files=collected.files(),
        licences=tuple(sorted(collected.licences, key=lambda said: (said.path, said.licence))),
    )


@contextmanager
def _base_of(settings: ScanSettings) -> Iterator[_Listed | None]:
    """The manifest of what the user says the target derives from."""
    if settings.base is None:
        yield None
        return
    try:
        found = fetch(settings.base, settings.fetch)
    except TargetError as error:
        raise TargetUnavailable(
            f"the base {shown_address(settings.base)!r} can't be read: {error}"
        ) from error
    with closing(found) as fetched:
        entries = tuple(item for item in fetched.items if isinstance(item, Entry))
        yield _Listed(shown_address(settings.base), fetched.origin, entries)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A target and its files."""

    target: str
    origin: Origin
    entries: tuple[Entry, ...]

    def manifest(self, findings: tuple[Finding, ...] = ()) -> Manifest:
        files = tuple(
            ListedFile(
                entry.name,
                entry.size_bytes,
                str(entry.local_path) if entry.local_path is not None else None,
                entry.origin,
            )
            for entry in self.entries
        )
        return Manifest(self.target, self.origin, files, findings)


def _whole(
    target: str, fetched: Fetched, base: _Listed | None, collected: _Collected, settings: ScanSettings
) -> RepositoryTask:
    listed = _Listed(target, fetched.origin, tuple(collected.entries))
    entries = (*listed.entries, *(base.entries if base is not None else ()))
    limits = replace(settings.limits, wall_s=settings.limits.wall_s + _FILE_S * len(entries))
    job = RepositoryJob(
        listed.manifest(collected.findings()),
        base.manifest() if base is not None else None,
        limits,
        settings.trust,
    )
    return RepositoryTask(job, [entry.open for entry in entries])


def _panel(settings: OpinionSettings) -> Panel:
    if not settings.engines:
        return Silence()
    from weighbridge.engine.asking import AskedPanel

    return AskedPanel.of(settings)


def _tasks(fetched: Fetched, limits: Limits, collected: _Collected, panel: Panel) -> Iterator[Task]:
    for item in fetched.items:
        match item:
            case Entry():
                collected.entries.append(item)
                job = _job(item, limits)
                yield Task(job, item.open, panel.jobs(job))
            case Problem():
                collected.add(item.coverage)
                if item.finding is not None:
                    collected.add(item.finding)


def _job(entry: Entry, limits: Limits) -> Job:
    path = str(entry.local_path) if entry.local_path is not None else None
    return Job(entry.name, entry.size_bytes or 0, path, entry.origin, limits)


class _Collected:
    """Findings without repeats and coverage rows, as they come."""

    def __init__(self, progress: Progress, count: int | None) -> None:
        self.coverage: list[Coverage] = []
        self.examinations: list[Examination] = []
        self.entries: list[Entry] = []
        """The files met so far."""
        self._references: list[Reference] = []
        self.packages: dict[tuple[tuple[str, ...], str, bool], PackageName] = {}
        self.licences: dict[StatedLicence, None] = {}
        self._done = 0
        self._progress = progress
        self._count = count
        self._findings: dict[tuple[str, int | None], Finding] = {}

    def add(self, event: Event) -> None:
        match event:
            case Coverage():
                self.coverage.append(event)
            case Examination():
                self.examinations.append(event)
            case Reference():
                self._references.append(event)
            case StatedLicence():
                if len(self.licences) < _MOST_LICENCES:
                    self.licences.setdefault(event)
                else:
                    # Told as one that no policy allows: what is not kept must not pass for allowed.
                    self.licences.setdefault(StatedLicence(path=(WHOLE,), licence=_MORE_LICENCES))
            case PackageName():
                if len(self.packages) < _MOST_PACKAGES:
                    self.packages.setdefault((event.path, event.name, event.is_told), event)
            case Finding():
                self._findings.setdefault((event.fingerprint, event.offset), event)

    def finish(self, name: str) -> None:
        self._done += 1
        self._progress(self._done, self._count or len(self.entries), name)

    @property
    def is_repository(self) -> bool:
        """True when there is more to see than one file: others, or a registry's word."""
        return len(self.entries) > 1 or any(one.origin.kind != "local" for one in self.entries)

    def files(self) -> tuple[ScannedFile, ...]:
        """What was listed, by name."""
        files = (
            ScannedFile(
                name=entry.name,
                size_bytes=entry.size_bytes,
                sha256=entry.origin.sha256,
            )
            for entry in self.entries
        )
        return tuple(sorted(files, key=lambda file: file.name))

    def findings(self) -> tuple[Finding, ...]:
        """In an order that does not depend on which worker was faster."""
        files = {entry.name: entry.size_bytes for entry in self.entries}
        return in_order(self._findings.values(), self._references, files)


def in_order(
    findings: Iterable[Finding], references: Iterable[Reference], files: Mapping[str, int | None]
) -> tuple[Finding, ...]:
    """Return the findings of one target, with what only all of its files together show.

    Args:
        findings: without repeats.
        references: from its files to others.
        files: size of each file by its name; None when nobody states it.
    """
    return tuple(
        sorted(
            (*with_source(findings, files.keys()), *follow(references, files)),
            key=lambda found: (found.path, found.offset or 0, found.rule, found.subject),
        )
    )
