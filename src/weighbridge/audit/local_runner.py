"""Do the work of an audit with worker processes of this machine, kept for the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge.audit.work import WorkItem, WorkResult
from weighbridge.engine.stream import Stream


class LocalRunner:
    """A `Runner` over a stream of jobs."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
        given = list(items)
        for done in self._stream.inspect(item.task for item in given):
            yield WorkResult(given[done.number], done.events, done.is_sound)
