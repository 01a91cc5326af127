"""What a repository turns into at checkout, where its links lead on a disk, and what outlives us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.git_http import commit, commit_tree, git
from weighbridge.core.report import Outcome
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import TargetUnavailable
from weighbridge.fetchers.git import GitFetcher
from weighbridge.fetchers.interface import FetchSettings, Problem, ProblemKind

PAYLOAD = b"\x80\x04cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR."


def problems(folder: Path) -> dict[str, Problem]:
    fetched = GitFetcher().fetch(f"git+file://{folder}", FetchSettings())
    found = {item.name: item for item in fetched.items if isinstance(item, Problem)}
    fetched.close()
    return found


class TestCheckout:
    """`.gitattributes` decides which bytes a clone gets, and its author is who wrote the model."""

    @pytest.mark.parametrize(
        "rules",
        [
            "weights working-tree-encoding=latin1",
            "W* WORKING-TREE-ENCODING working-tree-encoding=ISO-8859-1",
            "[attr]odd working-tree-encoding=latin1\n* odd",
            '"wei\\147hts" working-tree-encoding=latin1',
            "[w]eights working-tree-encoding=latin1\n* -working-tree-encoding",
        ],
    )
    def test_a_file_in_another_encoding_is_not_taken_for_looked_at(
        self, tmp_path: Path, rules: str
    ) -> None:
        text = PAYLOAD.decode("latin-1").encode()
        commit(tmp_path / "work", {".gitattributes": rules.encode(), "weights": text})

        report = scan_target(f"git+file://{tmp_path / 'work'}", ScanSettings(jobs=1))

        rows = {row.path: row for row in report.coverage if row.outcome is Outcome.FAILED}
        assert "in the encoding" in rows["weights",].detail
        assert not report.is_complete

    def test_git_itself_makes_a_pickle_of_such_a_text(self, tmp_path: Path) -> None:
        bare = tmp_path / "bare"
        git("init", "-q", "--bare", "-b", "main", str(bare))
        text = PAYLOAD.decode("latin-1").encode()
        rules = b"weights working-tree-encoding=latin1\n"
        commit_tree(bare, [("100644", ".gitattributes", rules), ("100644", "weights", text)])

        git("clone", "-q", str(bare), str(tmp_path / "clone"))

        assert (tmp_path / "clone" / "weights").read_bytes() == PAYLOAD
        assert "'latin1'" in problems(bare)["weights"].detail

    @pytest.mark.parametrize("rules", ["m.pkl eol=crlf", "* text", "*.pkl ident", "* crlf"])
    def test_a_pickle_whose_bytes_git_changes_is_said(self, tmp_path: Path, rules: str) -> None:
        bare = tmp_path / "bare"
        git("init", "-q", "--bare", "-b", "main", str(bare))
        data = b"\x80\x04\x8c\x08a\nb $Id$."
        rows = [("100644", ".gitattributes", rules.encode()), ("100644", "m.pkl", data)]
        commit_tree(bare, rows)

        assert "at checkout" in problems(bare)["m.pkl"].detail

    def test_a_pickle_of_printable_bytes_is_no_text(self, tmp_path: Path) -> None:
        rows = {".gitattributes": b"* text", "m": b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."}
        commit(tmp_path / "work", rows)

        assert "at checkout" in problems(tmp_path / "work")["m"].detail

    @pytest.mark.parametrize(
        "rules",
        [
            "* text=auto",
            "*.md text\n*.txt text\n*.jsonl text",
            "* text=auto eol=crlf",
            "* text eol=crlf\n*.pt binary",
            "* text\n*.pt -text",
            "*.md text eol=crlf working-tree-encoding=UTF-8\n*.pt filter=lfs diff=lfs -text",
            "*.md ident\n# *.pt working-tree-encoding=latin1",
        ],
    )
    def test_what_honest_repositories_say_changes_nothing(self, tmp_path: Path, rules: str) -> None:
        bare = tmp_path / "bare"
        git("init", "-q", "--bare", "-b", "main", str(bare))
        rows = [
            ("100644", ".gitattributes", rules.encode()),
            ("100644", "README.md", b"# One\n\n$Id$ and two\n"),
            ("100644", "model.txt", b"tree\nversion=v4\nnum_class=1\n\nTree=0\n"),
            ("100644", "rows.jsonl", b'{"a": 1}\n{"a": 2}\n'),
            ("100644", "model.pt", b"PK\x03\x04" + bytes(range(256)) * 4),
        ]
        commit_tree(bare, rows)

        assert problems(bare) == {}


def test_dots_behind_a_link_lead_where_the_kernel_would_go(tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a/b/c/x": b"x", "a/etc/data": b"decoy", "y/inside": b"x"})
    (work / "a" / "b" / "d").symlink_to("../..")
    (work / "a" / "link").symlink_to("b/d/../etc/data")
    (work / "y" / "fine").symlink_to("../a/b/d/y/inside")
    commit(work, {})

    found = {name: item.kind for name, item in problems(work).items()}

    assert os.path.realpath(work / "a" / "link") == str(tmp_path / "etc" / "data")
    assert found == {
        "a/b/d": ProblemKind.SYMLINK_TO_ENTRY,
        "a/link": ProblemKind.SYMLINK_OUTSIDE,
        "y/fine": ProblemKind.SYMLINK_TO_ENTRY,
    }


def test_names_without_end_are_refused_in_words(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    git("init", "-q", "--bare", "-b", "main", str(bare))
    blob = git("hash-object", "-w", "--stdin", at=bare).decode().strip()
    rows = b"".join(f"100644 blob {blob}\t{number}\0".encode() for number in range(12_000))
    tree = git("mktree", "-z", at=bare, feed=rows).decode().strip()
    for _ in range(50):
        row = f"040000 tree {tree}\t{'n' * 250}\0".encode()
        tree = git("mktree", "-z", at=bare, feed=row).decode().strip()
    head = git("commit-tree", "-m", "x", tree, at=bare).decode().strip()
    git("update-ref", "refs/heads/main", head, at=bare)

    with pytest.raises(TargetUnavailable, match="names of its files take more than"):
        problems(bare)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_scan_that_is_killed_leaves_no_git_and_no_folder(tmp_path: Path, how: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"git+http://127.0.0.1:{silent.getsockname()[1]}/acme/model@main"
        scan = subprocess.Popen(
            [sys.executable, "-m", "weighbridge", "scan", "--net-timeout", "600", address],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(65536)
            scan.send_signal(how)
            scan.wait()
            # git hangs up when it ends, and not before.
            assert connection.recv(65536) == b""
    stop = time.monotonic() + 30
    while list(tmp_path.glob("weighbridge-git-*")) and time.monotonic() < stop:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []
