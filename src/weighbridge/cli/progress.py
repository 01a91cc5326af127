"""A progress line on a terminal, for anything longer than a second. Silent in a pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from weighbridge.reporters.words import printable, shortened, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET_S = 1.0
_NAME_CHARS = 40


class Watcher:
    """Told of each artifact; draws when there is a terminal and a second has passed.

    A registry says how many files there are. In a folder they are counted as they are met, a little
    ahead of the workers, and the bar may fall back.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._activity = "Scanning"
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._words = "listing"
        self._timer: threading.Timer | None = None
        if stream.isatty():
            self._timer = threading.Timer(_QUIET_S, self._start)
            self._timer.daemon = True
            self._timer.start()

    def advance(self, done: int, known: int, name: str) -> None:
        with self._lock:
            self._activity = "Scanning"
            self._words = f"{done:,} of {known:,} files  {shortened(printable(name), _NAME_CHARS)}"
            if self._bar is not None and self._task is not None:
                self._bar.update(
                    self._task,
                    description=self._words,
                    completed=done,
                    total=known,
                    activity=self._activity,
                )

    def brought(self, there: int, known: int, name: str) -> None:
        """Tell how many bytes of a download have come."""
        with self._lock:
            self._activity = "Bringing"
            self._words = f"{size(there)} of {size(known)}  {shortened(printable(name), _NAME_CHARS)}"
            if self._bar is not None and self._task is not None:
                self._bar.update(
                    self._task,
                    description=self._words,
                    completed=there,
                    total=known,
                    activity=self._activity,
                )

    def waiting(self, seconds: float, reason: str) -> None:
        """Say that a server makes us wait, on a terminal and in a pipe alike."""
        line = f"Waiting {seconds:.{0 if seconds >= 1 else 1}f} s: {printable(reason)}"
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(line, markup=False, highlight=False)
            else:
                print(line, file=self._stream, flush=True)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.fields[activity]}"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        with self._lock:
            self._bar = Progress(*columns, console=Console(file=self._stream), transient=True)
            self._task = self._bar.add_task(self._words, total=None, activity=self._activity)
            self._bar.start()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(stream: TextIO) -> Iterator[Watcher]:
    """A watcher whose line is gone when the block ends."""
    watcher = Watcher(stream)
    try:
        yield watcher
    finally:
        watcher.close()
