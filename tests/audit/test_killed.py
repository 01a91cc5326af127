"""`kill -9` in the middle of an audit: the next goes on, and the rows are those of one in peace."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.audit.stores import CLEAN, CONFIG, EVIL, audited, command, environment, query, rows_of
from tests.servers.moto import CREDENTIALS, put, running_moto

FILES = 300
KILLS = 5


def _files() -> dict[str, bytes]:
    """Thirty models; the files of each differ from those of the others, but for one."""
    files: dict[str, bytes] = {}
    for model in range(FILES // 10):
        files[f"org/m{model:03}/config.json"] = CONFIG
        for number in range(9):
            body = EVIL if number == 4 and model % 10 == 0 else CLEAN
            files[f"org/m{model:03}/{number}.pkl"] = body + b"%d" % model
    return files


def _scanned(store: Path) -> int:
    """How many scans have ended; 0 as long as there are no tables."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(store, timeout=10)) as database:
        return int(database.execute("SELECT COUNT(*) FROM scan WHERE state = 'done'").fetchone()[0])
    return 0


def _kill_after(store: Path, target: Path | str, scanned: int, more: dict[str, str]) -> bool:
    """Start an audit, and kill it once so many scans have ended. False when it ended before."""
    audit = subprocess.Popen(
        command(store, target),
        env=environment(more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while audit.poll() is None and _scanned(store) < scanned:
        time.sleep(0.01)
    is_running = audit.poll() is None
    with suppress(ProcessLookupError):
        os.killpg(audit.pid, signal.SIGKILL)
    audit.wait()
    return is_running


def _killed_often(store: Path, target: Path | str, more: dict[str, str]) -> int:
    return sum(_kill_after(store, target, step * FILES // 8, more) for step in range(1, KILLS + 1))


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


def test_an_audit_of_a_bucket_that_was_killed_five_times_ends_with_the_same_rows(
    moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(moto, "bucket", _files())
    more = {**CREDENTIALS, "AWS_ENDPOINT_URL": moto}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    peaceful, troubled = tmp_path / "peaceful.db", tmp_path / "troubled.db"
    audited(peaceful, "s3://bucket/org")

    killed = _killed_often(troubled, "s3://bucket/org", more)
    audited(troubled, "s3://bucket/org")
    again = audited(troubled, "s3://bucket/org")

    assert killed == KILLS
    assert rows_of(troubled) == rows_of(peaceful)
    assert len(rows_of(troubled)["location"]) == FILES
    assert query(troubled, "SELECT COUNT(*) FROM scan WHERE state <> 'done'") == [(0,)]
    assert query(troubled, "SELECT COUNT(*) FROM run WHERE state = 'broken off'") == [(KILLS,)]
    assert (again.counters.scanned, again.counters.judged) == (0, 0)
    assert again.counters.requests == 1
