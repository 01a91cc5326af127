"""Work that breaks its worker, its audit or nothing: how often it is tried, and what is said."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.audit.stores import CLEAN, EVIL, audited, found_in, query, reports_in, write
from weighbridge.audit.local_runner import LocalRunner
from weighbridge.audit.work import WorkItem, WorkResult
from weighbridge.core.report import Coverage, Outcome


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    names = {f"a/{number}.pkl": EVIL + b"%d" % number for number in range(6)}
    return write(tmp_path / "models", names)


@dataclass
class Breaking:
    """A runner in whose hands some files break their worker, or the audit itself, each time."""

    breaks: Callable[[str], bool]
    dies: bool = False
    given: list[list[str]] = field(default_factory=list)

    def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
        given = list(items)
        self.given.append([item.name for item in given])
        for item in given:
            if not self.breaks(item.name):
                row = Coverage(path=(item.task.job.name,), format="pickle", outcome=Outcome.ANALYZED)
                yield WorkResult(item, (row,), True)
            elif self.dies:
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                row = Coverage(
                    path=(item.task.job.name,), format="unknown", outcome=Outcome.FAILED, detail="broke"
                )
                yield WorkResult(item, (row,), False)


def run_with(runner: Breaking, store: Path, models: Path) -> None:
    audited(store, models, runner_of=lambda stream: runner)


def details(store: Path) -> dict[str, str]:
    rows = [row for report in reports_in(store).values() for row in report.coverage]
    return {row.artifact: row.detail for row in rows if row.outcome is Outcome.FAILED}


def test_what_breaks_its_worker_is_tried_alone_and_set_aside(store: Path, models: Path) -> None:
    runner = Breaking(lambda name: name == "a/3.pkl")

    run_with(runner, store, models)

    assert runner.given[1:3] == [["a/3.pkl"], ["a/3.pkl"]]
    assert details(store) == {"3.pkl": "broke"}
    assert query(store, "SELECT state, attempts FROM scan WHERE state = 'set aside'") == [
        ("set aside", 3)
    ]


def test_what_was_set_aside_is_left_alone_until_somebody_asks(store: Path, models: Path) -> None:
    run_with(Breaking(lambda name: name == "a/3.pkl"), store, models)

    assert audited(store, models).counters.scanned == 0
    assert audited(store, models, retry=True).counters.scanned == 1
    assert ("a", "3.pkl", "PKL002") in found_in(store)


def _die(runner: Breaking, store: Path, models: Path) -> int:
    """Audit in a child, which dies with what it was given."""
    child = os.fork()
    if child == 0:
        try:
            run_with(runner, store, models)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_what_kills_the_audit_itself_is_set_aside_and_its_neighbours_are_not(
    store: Path, models: Path
) -> None:
    runner = Breaking(lambda name: name == "a/3.pkl", dies=True)
    ends = [_die(runner, store, models) for _ in range(4)]

    assert ends == [-signal.SIGKILL, -signal.SIGKILL, -signal.SIGKILL, 0]
    (told,) = details(store).items()
    assert told[0] == "3.pkl"
    assert "ended 3 times while it looked at it; set aside, --retry tries again" in told[1]


def test_an_interrupt_keeps_what_is_done_and_gives_the_rest_back(store: Path, models: Path) -> None:
    class Interrupted(Breaking):
        def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
            for number, result in enumerate(super().run(items)):
                if number == 2:
                    raise KeyboardInterrupt
                yield result

    with pytest.raises(KeyboardInterrupt):
        run_with(Interrupted(lambda name: False), store, models)

    assert query(store, "SELECT state, attempts, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1") == [
        ("done", 0, 2),
        ("pending", 0, 4),
    ]
    assert query(store, "SELECT state FROM run") == [("interrupted",)]
    assert "not looked at yet" in details(store)["5.pkl"]


def test_a_killed_worker_costs_nothing_when_the_next_try_is_well(store: Path, models: Path) -> None:
    """A real worker dies once, as when memory runs out."""
    killed: list[int] = []

    class Killing(LocalRunner):
        def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
            for result in super().run(items):
                if not killed:
                    killed.extend(_workers())
                    for worker in killed:
                        os.kill(worker, signal.SIGKILL)
                yield result

    audited(store, models, runner_of=Killing)

    assert killed
    assert details(store) == {}
    assert len([row for row in found_in(store) if row[2] == "PKL002"]) == 6


def _workers() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_a_file_that_changes_while_it_is_scanned_is_left_to_the_next_run(
    store: Path, models: Path
) -> None:
    class Changing(LocalRunner):
        def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
            (models / "a/1.pkl").write_bytes(CLEAN)
            yield from super().run(items)

    audited(store, models, runner_of=Changing)
    assert "not looked at yet" in details(store)["1.pkl"]

    assert audited(store, models).counters.scanned == 1
    assert details(store) == {}
    assert "1.pkl" not in {artifact for _, artifact, _ in found_in(store)}


def test_no_more_workers_are_started_than_there_are_jobs(store: Path, tmp_path: Path) -> None:
    files = {f"{number}/x.pkl": CLEAN + b"%d" % number for number in range(40)}
    seen: set[int] = set()

    class Counting(LocalRunner):
        def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
            for result in super().run(items):
                seen.update(_workers())
                yield result

    done = audited(store, write(tmp_path / "many", files), runner_of=Counting)

    assert done.counters.scanned == 40
    assert 1 <= len(seen) <= 2
