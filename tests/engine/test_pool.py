"""Isolation: what a crash, a hang or a memory bomb costs, and what survives it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.pool import Task, run_tasks, worker_environment
from weighbridge.engine.wire import Event, Job

EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
LIMITS = Limits(wall_s=60)


class Interrupting(MemorySource):
    """A remote source that does something while the worker waits for its bytes."""

    is_remote = True

    def __init__(self, data: bytes, action: Callable[[], None], *, on_read: int = 1) -> None:
        super().__init__(data)
        self._action = action
        self._reads_left = on_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        self._reads_left -= 1
        if self._reads_left == 0:
            self._action()
        return super().read_at(offset, length)


def kill_workers() -> None:
    """SIGKILL every child process, as the kernel does when memory runs out."""
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)


def task(name: str, data: bytes, source: ByteSource | None = None, limits: Limits = LIMITS) -> Task:
    return Task(Job(name, len(data), None, None, limits), lambda: source or MemorySource(data))


def local_task(path: Path, limits: Limits = LIMITS) -> Task:
    return Task(Job(path.name, path.stat().st_size, str(path), None, limits), lambda: MemorySource(b""))


def run(tasks: Iterator[Task], *, jobs: int = 1) -> tuple[list[Finding], dict[str, Coverage]]:
    events: list[Event] = []
    run_tasks(tasks, jobs=jobs, emit=events.append, finished=lambda task: None)
    findings = [event for event in events if isinstance(event, Finding)]
    return findings, {event.artifact: event for event in events if isinstance(event, Coverage)}


def _commands(findings: list[Finding]) -> list[str]:
    """Where a command was found; what the command itself does is another rule's."""
    return [found.artifact for found in findings if found.rule == "PKL002"]


def test_a_killed_worker_costs_one_artifact() -> None:
    killed = Interrupting(EVIL, kill_workers)
    tasks = iter([task("a.pkl", EVIL), task("b.pkl", EVIL, killed), task("c.pkl", EVIL)])

    findings, rows = run(tasks)

    assert _commands(findings) == ["a.pkl", "c.pkl"]
    assert rows["b.pkl"].outcome is Outcome.FAILED
    assert "SIGKILL" in rows["b.pkl"].detail
    assert rows["c.pkl"].outcome is Outcome.ANALYZED


def test_what_a_killed_worker_had_found_stays() -> None:
    """The first member is judged before the second is read."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.pkl", EVIL)
        archive.writestr("filler.bin", os.urandom(8 * MIB))
        archive.writestr("z.pkl", EVIL)
    data = packed.getvalue()
    reads = _reads_of(data)

    findings, rows = run(iter([task("x.zip", data, Interrupting(data, kill_workers, on_read=reads))]))

    assert ("PKL002", "x.zip!/a.pkl") in [(found.rule, found.artifact) for found in findings]
    assert rows["x.zip"].outcome is Outcome.FAILED


def _reads_of(data: bytes) -> int:
    """How many reads a scan of these bytes makes: the last one is behind the first member."""
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1

    class Counting(MemorySource):
        is_remote = True

        def read_at(self, offset: int, length: int) -> bytes | memoryview:
            counted()
            return super().read_at(offset, length)

    run(iter([task("x.zip", data, Counting(data))]))
    return count


def test_a_worker_that_hangs_is_stopped_and_the_rest_goes_on() -> None:
    hanging = Interrupting(EVIL, lambda: time.sleep(6))
    short = replace(LIMITS, wall_s=1)
    tasks = iter([task("slow.pkl", EVIL, hanging, short), task("next.pkl", EVIL)])

    findings, rows = run(tasks)

    assert rows["slow.pkl"].outcome is Outcome.LIMITED
    assert "longer than 1 s" in rows["slow.pkl"].detail
    assert _commands(findings) == ["next.pkl"]


def test_a_memory_bomb_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pkl"
    bomb.write_bytes(b"\x80\x04" + b"(" * (24 * MIB) + b".")
    small = replace(LIMITS, memory_bytes=160 * MIB)
    tasks = iter([local_task(bomb, small), task("next.pkl", EVIL, limits=small)])

    findings, rows = run(tasks)

    assert rows["bomb.pkl"].outcome is Outcome.FAILED
    assert "memory" in rows["bomb.pkl"].detail or "killed" in rows["bomb.pkl"].detail
    assert _commands(findings) == ["next.pkl"]


def test_several_workers_find_what_one_finds() -> None:
    names = [f"{number:03}.pkl" for number in range(60)]

    findings, rows = run((task(name, EVIL) for name in names), jobs=4)

    assert sorted(_commands(findings)) == names
    assert {row.outcome for row in rows.values()} == {Outcome.ANALYZED}
    assert len(rows) == 60


def test_a_worker_gets_no_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_token")
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "hf_not_a_token" not in printed
    assert "PYTHONSAFEPATH" in printed
