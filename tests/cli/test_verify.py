"""`weighbridge verify` as its users start it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_scan import weighbridge

PLAIN = b"\x80\x04]\x94(K\x01K\x02e."


@pytest.fixture
def pulled(tmp_path: Path) -> Path:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "plain.pkl").write_bytes(PLAIN)
    assert weighbridge("pull", "from", "here", cwd=tmp_path).returncode == 0
    return tmp_path / "here"


def test_the_same_ends_in_0(pulled: Path) -> None:
    done = weighbridge("verify", "here", cwd=pulled.parent)

    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first == "SAME  here  ·  1 file, 11 bytes in the lock"
    assert second.startswith("Locked on 20")
    assert third == "Nothing was changed, added or removed since."


def test_a_difference_ends_in_1_and_is_named_harmlessly(pulled: Path) -> None:
    (pulled / "\x1b[31mevil.py").write_text("")

    done = weighbridge("verify", "here", cwd=pulled.parent)

    assert done.returncode == 1
    assert done.stdout.startswith("DIFFERS  here")
    assert r"  added     \x1b[31mevil.py: 0 bytes, not in the lock" in done.stdout.splitlines()


def test_json_names_the_same(pulled: Path) -> None:
    (pulled / "plain.pkl").write_bytes(PLAIN + b"x")

    done = weighbridge("verify", "here", "-f", "json", cwd=pulled.parent)

    document = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode == 1
    assert [(one["kind"], one["name"]) for one in document["differences"]] == [("changed", "plain.pkl")]


def test_a_rescan_prints_the_report(pulled: Path) -> None:
    done = weighbridge("verify", "here", "--rescan", cwd=pulled.parent)

    assert done.returncode == 0
    assert "\n\nPASS  from" in done.stdout


def test_a_rescan_that_fails_ends_in_1(pulled: Path) -> None:
    (pulled.parent / "strict.toml").write_text('allowed_sources = ["hf://acme/**"]\n')

    done = weighbridge("verify", "here", "--rescan", "--policy", "strict.toml", cwd=pulled.parent)

    assert done.returncode == 1
    assert "does not pass any more" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["from"], "there is no lock"),
        (["hf://acme/model"], "name one with --lock"),
        (["hf://acme/model", "--rescan", "--lock", "here/weighbridge.lock"], "--rescan is for a folder"),
        (["here", "--lock", "from/plain.pkl"], "not a lock of ours"),
    ],
)
def test_what_can_not_be_done_ends_in_2(pulled: Path, arguments: list[str], words: str) -> None:
    done = weighbridge("verify", *arguments, cwd=pulled.parent)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
