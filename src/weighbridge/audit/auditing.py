"""Audit sources into a store: list, scan what is new, judge what has changed.

Law: `kill -9` at any moment costs at most the batch in flight. Every step begins with what the
store holds, so the next run goes on where this one ended.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from weighbridge.audit.batches import Gathering
from weighbridge.audit.grouping import MOST_TOGETHER
from weighbridge.audit.inventory import Context, Listing, put_together, take_inventory
from weighbridge.audit.leasing import Leasing, now
from weighbridge.audit.local_runner import LocalRunner
from weighbridge.audit.origins import origin_text
from weighbridge.audit.repository_work import RepositoryWork
from weighbridge.audit.settings import AuditSettings
from weighbridge.audit.store import Counters, SourceRow, SourceState, Store
from weighbridge.audit.targets import AuditTarget
from weighbridge.audit.work import Runner
from weighbridge.core.artifact import Origin
from weighbridge.core.report import Traffic
from weighbridge.core.trust import Trust
from weighbridge.engine.stream import Stream
from weighbridge.errors import TargetError, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import Entry, Fetched, Problem
from weighbridge.fetchers.registry import fetch, resolve

_MOST_FILES = 1_000_000_000
"""Of one source: an audit keeps none of them in memory."""


def audit(
    targets: Sequence[AuditTarget],
    store: Store,
    settings: AuditSettings,
    *,
    runner_of: Callable[[Stream], Runner] = LocalRunner,
) -> int:
    """Audit each target into the store; one that can't be reached is noted, and the rest goes on.

    Args:
        targets: sources.
        store: open for writing.
        settings: how to audit.
        runner_of: gives who does the work, with these worker processes or without.

    Returns:
        The number of the run.

    Raises:
        UsageError: nothing fetches such a target, or a setting is not for audits.
        KeyboardInterrupt: the store holds what was done until then.
    """
    _check(targets, settings)
    with Stream(settings.scan.jobs) as stream:
        run_id = store.begin_run(
            settings.examiner, started=now(), place=f"process {os.getpid()} on {platform.node()}"
        )
        run = _Run(store, settings, run_id, runner_of(stream))
        try:
            if settings.retries_set_aside:
                store.retry_set_aside()
            for number, target in enumerate(targets, start=1):
                settings.watcher.source(target.shown, number, len(targets))
                run.source(target)
        except KeyboardInterrupt:
            store.end_run(run_id, finished=now(), state="interrupted")
            raise
        store.end_run(run_id, finished=now(), state="finished")
    return run_id


def _check(targets: Sequence[AuditTarget], settings: AuditSettings) -> None:
    for word, is_asked in (
        ("--opinions", bool(settings.scan.opinions.engines)),
        ("--base", settings.scan.base is not None),
        ("--online", settings.scan.online),
    ):
        if is_asked:
            raise UsageError(
                f"an audit does not take {word} yet; use weighbridge scan {word} on what it points at"
            )
    for target in targets:
        resolve(target.target)


@dataclass(slots=True)
class _Run:
    """One call of `audit`."""

    store: Store
    settings: AuditSettings
    run_id: int
    runner: Runner
    counters: Counters = field(default_factory=Counters)
    started: float = field(default_factory=time.monotonic)

    def source(self, target: AuditTarget) -> None:
        """List a source and do what is left of it; words in its row say what could not be done."""
        self._note(target, SourceState.LISTING)
        try:
            trust = self._trust(target)
            with closing(self._fetch(target)) as fetched:
                self._note(target, SourceState.LISTING, origin=fetched.origin)
                listing = self._list(target, fetched)
                context = Context(
                    source_id=target.id, run_id=self.run_id, origin=fetched.origin, trust=trust
                )
                put_together(self.store, context)
                self._work(target, context, listing)
                self._count(traffic=fetched.traffic.snapshot())
        except (TargetError, UsageError) as error:
            self._note(target, SourceState.UNREACHABLE, str(error))
            return
        state = SourceState.LISTED if listing.trouble is None else SourceState.PARTIAL
        self._note(target, state, listing.trouble or "", fetched.origin)

    def _trust(self, target: AuditTarget) -> Trust:
        trust = self.settings.trust_for(target.target)
        given = self.settings.scan.trust
        if trust.is_given and given.is_given and trust != given:
            raise UsageError("the policy and the options trust different signers")
        return trust if trust.is_given else given

    def _fetch(self, target: AuditTarget) -> Fetched:
        return fetch(target.target, replace(self.settings.scan.fetch, max_files=_MOST_FILES))

    def _list(self, target: AuditTarget, fetched: Fetched) -> Listing:
        def listed(files: int) -> None:
            self.settings.watcher.listed(files)
            self._count(listed=files)

        return take_inventory(
            fetched, self.store, source_id=target.id, run_id=self.run_id, listed=listed
        )

    def _work(self, target: AuditTarget, context: Context, listing: Listing) -> None:
        left = self.store.unfinished(target.id, self.settings.examiner.id)
        pending = sum(left.values())
        self.settings.watcher.planned(pending)
        self._count(reused=listing.files - pending)
        if not left:
            return
        rows = list(self.store.repositories(target.id))
        leasing = Leasing(self.store, self.runner, self.run_id, self.settings.watcher)
        work = RepositoryWork(leasing, self.settings, context, target.shown)
        for row in rows:
            if row.files > MOST_TOGETHER and row.id in left:
                work.too_large(row)
        gathering = Gathering(
            self.store,
            target.id,
            left=left,
            rows=rows,
            batch_files=self.settings.batch_files,
        )
        if listing.kept is not None:
            self._batches(gathering, work, listing.kept)
            return
        try:
            fetched = self._fetch(target)
        except TargetError as error:
            raise TargetUnavailable(f"it was listed, and then could not be read: {error}") from error
        with closing(fetched):
            self._batches(gathering, work, fetched.items)
            self._count(traffic=fetched.traffic.snapshot())

    def _batches(
        self, gathering: Gathering, work: RepositoryWork, items: Iterable[Entry | Problem]
    ) -> None:
        for batch in gathering.batches(items):
            scanned, judged = work.do(batch)
            self._count(scanned=scanned, judged=judged)

    def _count(
        self,
        *,
        listed: int = 0,
        scanned: int = 0,
        reused: int = 0,
        judged: int = 0,
        traffic: Traffic | None = None,
    ) -> None:
        before = self.counters
        self.counters = Counters(
            listed=before.listed + listed,
            scanned=before.scanned + scanned,
            reused=before.reused + reused,
            judged=before.judged + judged,
            requests=before.requests + (traffic.requests if traffic else 0),
            bytes_received=before.bytes_received + (traffic.bytes_received if traffic else 0),
            seconds=time.monotonic() - self.started,
        )
        self.store.count(self.run_id, self.counters)

    def _note(
        self, target: AuditTarget, state: SourceState, detail: str = "", origin: Origin | None = None
    ) -> None:
        self.store.put_source(
            SourceRow(
                id=target.id,
                target=target.shown,
                state=state,
                detail=detail,
                run_id=self.run_id,
                examiner_id=self.settings.examiner.id,
                origin=origin_text(origin) if origin is not None else None,
            )
        )
