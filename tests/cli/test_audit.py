"""`weighbridge audit` as its users start it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.audit.stores import CLEAN, EVIL, command, environment, write
from tests.cli.test_scan import weighbridge
from weighbridge.audit.sqlite_store import SqliteStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"clean/x.pkl": CLEAN, "evil/x.pkl": EVIL, "cut/x.pkl": CLEAN[:-1]})
    return tmp_path


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["clean"], 0),
        (["cut", "clean"], 3),
        (["nowhere", "cut"], 2),
        (["nowhere", "cut", "evil"], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(folder: Path, targets: list[str], code: int) -> None:
    done = weighbridge("audit", "run", *targets, "--store", "audit.db", cwd=folder)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert weighbridge("audit", "report", "--store", "audit.db", cwd=folder).returncode == code


def test_a_source_that_can_not_be_read_is_said(folder: Path) -> None:
    done = weighbridge("audit", "run", "nowhere", "clean", "--store", "audit.db", cwd=folder)
    assert f"Can't read {folder / 'nowhere'}: there is no file or folder" in done.stdout
    assert "1 file listed, 1 scanned, 0 known already" in done.stdout


def test_status_says_what_is_there(folder: Path) -> None:
    weighbridge("audit", "run", ".", "--store", "../audit.db", cwd=folder / "clean")
    done = weighbridge("audit", "status", "--store", "audit.db", cwd=folder)
    assert done.returncode == 0
    assert f"{folder / 'clean'}\n    listed  ·  1 repository  ·  1 file, 0 still to scan" in done.stdout
    assert "Run 1" in done.stdout


def test_reports_go_where_they_are_asked_to(folder: Path) -> None:
    weighbridge("audit", "run", "clean", "evil", "--store", "audit.db", cwd=folder)
    files = ["-o", "all.csv", "-o", "all.json", "-o", "all.sarif", "-o", "all.html"]

    done = weighbridge("audit", "report", "--store", "audit.db", *files, cwd=folder)

    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  audit.db")
    assert "PKL002" in (folder / "all.csv").read_text()
    assert len(json.loads((folder / "all.json").read_text())["targets"]) == 2
    assert json.loads((folder / "all.sarif").read_text())["version"] == "2.1.0"
    assert "PKL002" in (folder / "all.html").read_text()


def test_a_table_alone_is_all_that_is_written(folder: Path) -> None:
    weighbridge("audit", "run", "evil", "--store", "audit.db", cwd=folder)
    asked = ["-f", "csv", "-o", "all.csv"]
    done = weighbridge("audit", "report", "--store", "audit.db", *asked, cwd=folder)
    assert done.stdout == ""
    assert "PKL002" in (folder / "all.csv").read_text()


def test_a_table_can_be_printed(folder: Path) -> None:
    weighbridge("audit", "run", "evil", "--store", "audit.db", cwd=folder)
    done = weighbridge("audit", "report", "--store", "audit.db", "-f", "csv", cwd=folder)
    assert done.stdout.startswith("target,verdict,artifact,")


def test_two_audits_at_once_are_refused(folder: Path) -> None:
    with closing(SqliteStore.for_writing(folder / "audit.db")):
        done = weighbridge("audit", "run", "clean", "--store", "audit.db", cwd=folder)
    assert done.returncode == 2
    assert "another audit is writing to 'audit.db': wait for it to end" in done.stderr


@pytest.mark.parametrize("asked", [["--opinions", "all"], ["--online"], ["--base", "clean"]])
def test_what_an_audit_does_not_take_is_refused(folder: Path, asked: list[str]) -> None:
    done = weighbridge("audit", "run", "clean", "--store", "audit.db", *asked, cwd=folder)
    assert done.returncode == 2
    assert f"an audit does not take {asked[0]} yet" in done.stderr


@pytest.mark.parametrize("content", [b"not a database", b""])
def test_a_file_that_is_no_store_is_said(folder: Path, content: bytes) -> None:
    (folder / "audit.db").write_bytes(content)
    done = weighbridge("audit", "status", "--store", "audit.db", cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "audit.db" in done.stderr


def test_a_database_of_something_else_is_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE customer (id INTEGER)")
    done = weighbridge("audit", "run", "clean", "--store", "other.db", cwd=folder)
    assert done.returncode == 2
    assert "a database of something else" in done.stderr


def test_a_missing_store_is_said(folder: Path) -> None:
    done = weighbridge("audit", "report", "--store", "audit.db", cwd=folder)
    assert done.returncode == 2
    assert "there is no store 'audit.db'" in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_in_words_and_the_next_run_goes_on(folder: Path, sign: signal.Signals) -> None:
    many = write(folder / "many", {f"m{n:03}/x.pkl": EVIL + b"%d" % n for n in range(300)})
    store = folder / "audit.db"
    # A job in the background of a script ignores SIGINT, and so would all that it starts.
    audit = subprocess.Popen(
        ["env", "--default-signal=INT", *command(store, many)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while audit.poll() is None and _done(store) < 20:
        time.sleep(0.01)
    audit.send_signal(sign)
    _, said = audit.communicate(timeout=60)

    assert audit.returncode == 2
    assert said.startswith("weighbridge: interrupted; what was scanned is in")
    kept = _done(store)
    assert 20 <= kept < 300
    again = weighbridge("audit", "run", str(many), "--store", str(store), cwd=folder)
    assert f"300 files listed, {300 - kept} scanned, {kept} known already" in again.stdout


def _done(store: Path) -> int:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(store, timeout=10)) as database:
        statement = "SELECT COUNT(*) FROM scan WHERE state = 'done' AND kind = 'artifact'"
        return int(database.execute(statement).fetchone()[0])
    return 0
