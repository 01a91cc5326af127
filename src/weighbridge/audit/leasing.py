"""Do work so that it is neither lost nor done for ever, whatever dies meanwhile.

lease    written before the work begins; counts as a try
save     facts and state together, in one transaction; the lease ends
again    a piece that was lost with its runner, or that broke its worker, is tried alone, those
         with the fewest tries first: what is innocent comes through before it is suspected
aside    after three tries a piece is set aside, with a FAILED row that says why
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from weighbridge.audit.settings import Watcher
from weighbridge.audit.store import Kind, Saved, ScanState, Store
from weighbridge.audit.work import Runner, WorkItem, WorkResult
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE

MOST_TRIES: Final = 3
_LEASE: Final = timedelta(hours=1)
_HINT: Final = "--retry tries again"


def now() -> str:
    """Return the time, as the store keeps it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Leasing:
    """Hands leased work to a runner and saves what comes of it."""

    store: Store
    runner: Runner
    run_id: int
    watcher: Watcher

    def do(self, items: Sequence[WorkItem]) -> int:
        """Do each item to some end. Returns how many have a result now.

        Raises:
            KeyboardInterrupt: what was finished is saved, the rest is given back.
        """
        fresh = [item for item in items if item.row.attempts == 0]
        suspects = [item for item in items if item.row.attempts > 0]
        done, broken = self._together(fresh)
        suspects += broken
        while suspects:
            suspects.sort(key=lambda item: item.row.attempts)
            item = suspects.pop(0)
            if item.row.attempts >= MOST_TRIES:
                self._set_aside(item)
                done += 1
                continue
            finished, broken = self._together([item])
            done += finished
            suspects += broken
        return done

    def _together(self, items: Sequence[WorkItem]) -> tuple[int, list[WorkItem]]:
        if not items:
            return 0, []
        until = (datetime.now(UTC) + _LEASE).isoformat(timespec="seconds")
        self.store.lease([item.row for item in items], run_id=self.run_id, until=until)
        results: list[WorkResult] = []
        try:
            for result in self.runner.run(items):
                results.append(result)
                if result.item.row.kind is Kind.ARTIFACT:
                    self.watcher.scanned(result.item.name)
        except BaseException:
            self._save(result for result in results if result.is_sound)
            # What was saved is no longer leased, and stays.
            self.store.release([item.row.id for item in items])
            raise
        return self._settle(results)

    def _settle(self, results: Sequence[WorkResult]) -> tuple[int, list[WorkItem]]:
        ended: list[WorkResult] = []
        again: list[WorkItem] = []
        for result in results:
            tries = result.item.row.attempts + 1
            if result.is_sound or tries >= MOST_TRIES:
                ended.append(result)
            else:
                row = replace(result.item.row, attempts=tries)
                again.append(replace(result.item, row=row))
        self._save(ended)
        return len(ended), again

    def _save(self, results: Iterable[WorkResult]) -> None:
        kept: list[Saved] = []
        changed: list[str] = []
        for result in results:
            if result.item.is_unchanged():
                kept.append(
                    Saved(scan_id=result.item.row.id, state=_state(result), events=result.events)
                )
            else:
                changed.append(result.item.row.id)
        self.store.save(kept, finished=now())
        if changed:
            self.store.release(changed)

    def _set_aside(self, item: WorkItem) -> None:
        """Give a piece a row that says why it has no other."""
        is_file = item.row.kind is Kind.ARTIFACT
        what = "it" if is_file else "the files together"
        row = Coverage(
            path=(item.task.job.name,) if is_file else (WHOLE,),
            format="unknown" if is_file else REPOSITORY,
            outcome=Outcome.FAILED,
            detail=f"the audit ended {MOST_TRIES} times while it looked at {what}; set aside, {_HINT}",
        )
        self.store.save(
            [Saved(scan_id=item.row.id, state=ScanState.SET_ASIDE, events=(row,))], finished=now()
        )


def _state(result: WorkResult) -> ScanState:
    if not result.is_sound:
        return ScanState.SET_ASIDE
    return ScanState.UNREAD if result.item.trouble.has_happened else ScanState.DONE
