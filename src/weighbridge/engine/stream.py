"""Inspect many small jobs with one crew, and keep apart what was said of each.

A scan of one target wants all events in one place. An audit has thousands of targets, wants to know
which job an event belongs to and whether its worker broke, and must not start new workers for each.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from weighbridge.engine.pool import Crew, RepositoryTask, Task
from weighbridge.engine.wire import Event

_AHEAD: Final = 2
"""Jobs handed out for each worker: one that it does, one that waits for it."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What came of one job.

    Attributes:
        number: of the task, in the order in which they were given.
        events: in the order in which they were met.
        is_sound: False when the worker broke. The events are then what it had found until it did,
            and a row that says so.
    """

    number: int
    events: tuple[Event, ...]
    is_sound: bool


class Stream:
    """A crew whose watching threads live as long as it does. Use it from one thread."""

    def __init__(self, jobs: int) -> None:
        self._crew = Crew(jobs)
        self._waiting: queue.SimpleQueue[tuple[int, Task | RepositoryTask] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Inspected | BaseException] = queue.SimpleQueue()
        self._most_ahead = _AHEAD * max(1, jobs)
        self._threads = [threading.Thread(target=self._watch, daemon=True) for _ in range(max(1, jobs))]
        self._is_stopped = False

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_stopped = True
        for _ in self._threads:
            self._waiting.put(None)
        if error is None:
            for thread in self._threads:
                thread.join()
        self._crew.__exit__(kind, error, trace)

    def inspect(self, tasks: Iterable[Task | RepositoryTask]) -> Iterator[Inspected]:
        """Yield what came of each task, in the order in which they end.

        Tasks are taken as workers get free. Run the iterator to its end before the next one.
        """
        in_flight = 0
        for number, task in enumerate(tasks):
            self._waiting.put((number, task))
            in_flight += 1
            if in_flight >= self._most_ahead:
                yield self._next()
                in_flight -= 1
        for _ in range(in_flight):
            yield self._next()

    def _next(self) -> Inspected:
        done = self._done.get()
        if isinstance(done, BaseException):
            raise done
        return done

    def _watch(self) -> None:
        while (work := self._waiting.get()) is not None and not self._is_stopped:
            number, task = work
            events: list[Event] = []
            try:
                is_sound = self._crew.inspect(task, events.append)
            except BaseException as error:  # handed to whoever waits for the result
                self._done.put(error)
            else:
                self._done.put(Inspected(number, tuple(events), is_sound))
