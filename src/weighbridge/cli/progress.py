"""A progress line on a terminal, for anything longer than a second. Silent in a pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET_S = 1.0


class Watcher:
    """Told of each artifact; draws when there is a terminal and it has taken a while."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def advance(self, done: int, known: int, name: str) -> None:
        if not self._is_terminal or time.monotonic() - self._started < _QUIET_S:
            return
        with self._lock:
            self._draw(done, known, f"{done:,} files")

    def waiting(self, seconds: float, reason: str) -> None:
        """Say that a server makes us wait, on a terminal and in a pipe alike."""
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(f"Waiting {seconds:.0f} s: {reason}")
            else:
                print(f"Waiting {seconds:.0f} s: {reason}", file=self._stream, flush=True)

    def _draw(self, done: int, known: int, words: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("Scanning"),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(words, total=known)
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=known, description=words)

    def close(self) -> None:
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
