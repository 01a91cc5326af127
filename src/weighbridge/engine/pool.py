"""Supervise the worker processes: one artifact, one job, one worker at a time.

A worker that crashes, hangs or outgrows its memory costs the artifact it was looking at: that
gets a FAILED or LIMITED row, what it had already found stays, and a new worker goes on with the
rest. Each worker is watched by one thread, which also does its reads over the network.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from weighbridge.core.artifact import ByteSource
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE
from weighbridge.engine import wire
from weighbridge.errors import ReadError
from weighbridge.opinions.interface import Examination, OpinionResult, Stance

Emit = Callable[[wire.Event], None]

_GRACE_S = 2.0
"""A worker checks its own clock; the supervisor kills one that has not after this much longer."""
_TICK_S = 0.2
_READ_BYTES = 1 << 30
_OPEN_SOURCES = 16
_MOST_JOBS = 5_000
"""A worker is replaced after so many: what its caches hold must not grow without end."""
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Task:
    """One top-level artifact. `open` is called in the supervisor, only when there is no local path."""

    job: wire.Job
    open: Callable[[], ByteSource]
    opinions: tuple[wire.Job, ...] = ()
    """Further jobs on the same artifact, one for each engine that is asked, each with its own limits."""

    @property
    def jobs(self) -> tuple[wire.Job, ...]:
        return (self.job, *self.opinions)

    def open_file(self, number: int) -> ByteSource:
        """Open what a read of the worker is about."""
        return self.open()


@dataclass(frozen=True, slots=True)
class RepositoryTask:
    """A target as a whole. Openers are those of the manifest's files, then those of the base."""

    job: wire.RepositoryJob
    openers: Sequence[Callable[[], ByteSource]]

    @property
    def jobs(self) -> tuple[wire.RepositoryJob, ...]:
        return (self.job,)

    def open_file(self, number: int) -> ByteSource:
        """Open what a read of the worker is about."""
        if not 0 <= number < len(self.openers):
            raise ReadError("asked for a file that is not in the manifest")
        return self.openers[number]()


def _nothing_aside(task: Task) -> Iterable[wire.Event]:
    return ()


def run_tasks(
    tasks: Iterator[Task],
    *,
    jobs: int,
    emit: Emit,
    finished: Callable[[Task], None],
    aside: Callable[[Task], Iterable[wire.Event]] = _nothing_aside,
) -> None:
    """Inspect every task with a crew of its own; see `Crew.run`."""
    with Crew(jobs) as crew:
        crew.run(tasks, emit=emit, finished=finished, aside=aside)


class Crew:
    """Up to `jobs` workers, started as they are needed and kept until the crew is closed."""

    def __init__(self, jobs: int) -> None:
        self._jobs = max(1, jobs)
        self._clock = _Clock()
        self._idle: list[_Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.stop()
        for worker in self._idle:
            worker.close()

    def run(
        self,
        tasks: Iterator[Task],
        *,
        emit: Emit,
        finished: Callable[[Task], None],
        aside: Callable[[Task], Iterable[wire.Event]] = _nothing_aside,
    ) -> None:
        """Inspect every task.

        Args:
            tasks: consumed lazily, from the watching threads, one at a time.
            emit: called with each event, never by two threads at once.
            finished: called after a task's last event.
            aside: called once for each task when its worker is done with it, by several threads at
                once; gives the events that only the supervisor can find.
        """
        feed = _Feed(tasks)
        lock = threading.Lock()
        errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

        def locked(event: wire.Event) -> None:
            with lock:
                emit(event)

        def watch() -> None:
            try:
                for task in feed:
                    self.inspect(task, locked)
                    for event in aside(task):
                        locked(event)
                    with lock:
                        finished(task)
            except BaseException as error:  # a fetcher that fails while it lists: the caller's to see
                errors.put(error)

        threads = [threading.Thread(target=watch, daemon=True) for _ in range(self._jobs)]
        for index, thread in enumerate(threads):
            if index == 0 or feed.has_more():
                thread.start()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        if not errors.empty():
            raise errors.get()

    def judge(self, task: RepositoryTask, emit: Emit) -> None:
        """Judge a target as a whole, with one worker."""
        self.inspect(task, emit)

    def inspect(self, task: Task | RepositoryTask, emit: Emit) -> bool:
        """Do the jobs of a task, each with one worker as long as it lives. Thread-safe.

        Returns:
            False when a worker broke before its time was up: another try may end otherwise.
        """
        is_sound = True
        for job in task.jobs:
            worker = self._idle_worker()
            with self._clock.watching(worker, job.limits.wall_s + _GRACE_S):
                survived = worker.inspect(job, task.open_file, emit)
            if survived and worker.inspected < _MOST_JOBS:
                self._idle.append(worker)
            else:
                worker.close()
            is_sound &= survived or worker.is_late
        return is_sound

    def _idle_worker(self) -> _Worker:
        try:
            return self._idle.pop()
        except IndexError:  # another thread may have taken the last one since we looked
            return _Worker()


class _Feed:
    """Hands out tasks one by one to several threads."""

    def __init__(self, tasks: Iterator[Task]) -> None:
        self._tasks = tasks
        self._lock = threading.Lock()
        self._ahead: list[Task] = []

    def has_more(self) -> bool:
        with self._lock:
            if not self._ahead:
                self._ahead = [task for task in [next(self._tasks, None)] if task is not None]
            return bool(self._ahead)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> Task:
        with self._lock:
            return self._ahead.pop() if self._ahead else next(self._tasks)


class _Clock:
    """One thread that kills workers whose time is up."""

    def __init__(self) -> None:
        self._deadlines: dict[_Worker, float] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    @contextmanager
    def watching(self, worker: _Worker, seconds: float) -> Iterator[None]:
        with self._lock:
            self._deadlines[worker] = time.monotonic() + seconds
        try:
            yield
        finally:
            with self._lock:
                self._deadlines.pop(worker, None)

    def _run(self) -> None:
        while not self._stopped.wait(_TICK_S):
            now = time.monotonic()
            with self._lock:
                for worker in [worker for worker, deadline in self._deadlines.items() if deadline < now]:
                    del self._deadlines[worker]
                    worker.expire()

    def stop(self) -> None:
        self._stopped.set()


class _Worker:
    """One child process and the clock that watches it."""

    def __init__(self) -> None:
        # -P: nothing in the working directory, which may be the target itself, is ever imported.
        # -S: no .pth file runs; what the supervisor can import, the worker is told by path.
        command = [
            sys.executable,
            "-S",
            "-P",
            "-c",
            "from weighbridge.engine.worker import main; main()",
        ]
        self.is_late = False
        self.inspected = 0
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(),
        )

    def inspect(
        self, job: wire.Job | wire.RepositoryJob, open_file: Callable[[int], ByteSource], emit: Emit
    ) -> bool:
        """Run one job to its end. Returns False when the worker is not to be used again."""
        self.inspected += 1
        stdin, stdout = self._pipes()
        sources = _Sources(open_file)
        try:
            wire.send_job(stdin, job)
            while True:
                message = wire.decode_message(wire.receive(stdout))
                match message:
                    case wire.Done():
                        return True
                    case wire.Read():
                        _answer(message, sources, stdin)
                    case wire.Measure():
                        _measure(message, sources, stdin)
                    case _:
                        emit(message)
        except (wire.Broken, OSError) as error:
            self._process.kill()
            for event in self._epitaphs(job, str(error)):
                emit(event)
            return False
        finally:
            sources.close()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("started with pipes")
        return self._process.stdin, self._process.stdout

    def expire(self) -> None:
        """Kill a worker whose time is up; called from the clock's thread."""
        self.is_late = True
        self._process.kill()

    def _epitaphs(self, job: wire.Job | wire.RepositoryJob, said: str) -> Iterator[wire.Event]:
        outcome, detail = self._cause(job, said)
        if isinstance(job, wire.RepositoryJob):
            detail = f"the files were not all judged together: {detail}"
            yield Coverage(path=(WHOLE,), format=REPOSITORY, outcome=outcome, detail=detail)
            return
        if job.opinions is None:
            yield Coverage(
                path=(job.name,),
                format="unknown",
                outcome=outcome,
                size_bytes=job.size_bytes,
                detail=f"{detail}; what it had found until then is listed",
            )
            return
        stance = Stance.LIMITED if outcome is Outcome.LIMITED else Stance.FAILED
        for engine in job.opinions.engines:
            result = OpinionResult(stance=stance, reason=f"{engine} was not heard to the end: {detail}")
            yield Examination(engine, (job.name,), result)

    def _cause(self, job: wire.Job | wire.RepositoryJob, said: str) -> tuple[Outcome, str]:
        code = self._process.wait()
        if self.is_late:
            return Outcome.LIMITED, f"the analysis took longer than {job.limits.wall_s:g} s"
        if code < 0:
            name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
            return Outcome.FAILED, f"the analysis process was killed by {name}"
        return Outcome.FAILED, f"the analysis process broke (exit {code}, {said})"

    def close(self) -> None:
        for pipe in self._pipes():
            try:
                pipe.close()
            except OSError:  # a dead worker's pipe may still hold unsent bytes
                continue
        try:
            self._process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Sources:
    """What a job has read from so far, the last few kept open."""

    def __init__(self, open_file: Callable[[int], ByteSource]) -> None:
        self._open_file = open_file
        self._open: dict[int, ByteSource] = {}

    def of(self, number: int) -> ByteSource:
        """Return the source of a file, opened when it is first read.

        Raises:
            ReadError: it can't be opened.
        """
        if number not in self._open:
            if len(self._open) >= _OPEN_SOURCES:
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = self._open_file(number)
        return self._open[number]

    def close(self) -> None:
        for source in self._open.values():
            source.close()


def _answer(read: wire.Read, sources: _Sources, stdin: IO[bytes]) -> None:
    try:
        if not 0 <= read.length <= _READ_BYTES or read.offset < 0:
            raise ReadError("asked for more than 1 GiB at once")
        data = sources.of(read.file).read_at(read.offset, read.length)
    except ReadError as error:
        wire.send(stdin, {"error": str(error)})
        return
    wire.send(stdin, {"size": len(data)})
    stdin.write(data)
    stdin.flush()


def _measure(asked: wire.Measure, sources: _Sources, stdin: IO[bytes]) -> None:
    try:
        answer: dict[str, object] = {"size": sources.of(asked.file).size}
    except ReadError as error:
        answer = {"error": str(error)}
    wire.send(stdin, answer)


def worker_environment() -> dict[str, str]:
    """No tokens, no proxies, nothing that changes what Python imports but the path it has now."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    ours = Path(__file__).resolve().parents[2]
    # Ours last: in site-packages it must not come before the standard library.
    paths = [*(Path(entry).resolve() for entry in sys.path if entry), ours]
    kept["PYTHONPATH"] = os.pathsep.join(str(path) for path in dict.fromkeys(paths))
    # numpy, which modelscan imports, would reserve memory for a thread on every processor.
    return {**kept, "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1"}


def default_jobs() -> int:
    """One worker for each processor that we may use, at most eight."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, usable)
