"""`--opinions` as its users type it: who ran, what it changes, what it costs when nobody asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_scan import EVIL, PLAIN, weighbridge
from tests.opinions.fake_clamd import MARKER, fake_clamd

FLOAT = b"cacme.layers\nMagic\n(F1.5\ntR."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in (("evil.pkl", EVIL), ("plain.pkl", PLAIN), ("float.pkl", FLOAT)):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "bad.bin").write_bytes(MARKER)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plain.pkl", "--opinions", "none"], 0),
        (["plain.pkl", "--opinions", "fickling,yara"], 0),
        (["evil.pkl", "--opinions", "fickling,yara"], 1),
        (["float.pkl", "--opinions", "none"], 0),
        (["float.pkl", "--opinions", "fickling"], 3),
        (["float.pkl", "--opinions", "fickling", "--allow-incomplete"], 0),
        (["plain.pkl", "--opinions", "clamav", "--clamd", "unix:/nowhere/clamd.ctl"], 3),
        (["plain.pkl", "--opinions", "clamav", "--clamd", "tcp:198.51.100.7:3310"], 2),
        (["plain.pkl", "--opinions", "virustotal"], 2),
        (["plain.pkl", "--clamd", "unix:/nowhere/clamd.ctl"], 2),
        (["plain.pkl", "--opinions", "fickling", "--yara-rules", "."], 2),
        (["plain.pkl", "--opinions", "yara", "--yara-rules", "."], 2),
    ],
)
def test_exit_codes(folder: Path, arguments: list[str], code: int) -> None:
    assert weighbridge("scan", *arguments, cwd=folder).returncode == code


def test_the_terminal_says_who_ran_with_version_and_state(folder: Path) -> None:
    said = weighbridge("scan", "evil.pkl", "--opinions", "fickling,yara", cwd=folder).stdout
    assert "\nOpinions  fickling 0.1." in said
    assert "1 agreed\n" in said
    assert "evil.pkl: yara does not object; what we found stays" in said


def test_verbose_shows_what_fickling_decompiled(folder: Path) -> None:
    said = weighbridge("scan", "evil.pkl", "--opinions", "fickling", "-v", cwd=folder).stdout
    assert "_var0 = system('echo weighbridge-marker')" in said


def test_the_terminal_says_which_opinion_is_missing_and_what_to_do(folder: Path) -> None:
    arguments = ("plain.pkl", "--opinions", "clamav", "--clamd", "unix:/nowhere/clamd.ctl")
    said = weighbridge("scan", *arguments, cwd=folder).stdout
    assert said.startswith("INCOMPLETE  plain.pkl")
    assert "but not every opinion that was asked for was given" in said
    assert "Second opinions not given:" in said
    assert "apt-get install clamav-daemon" in " ".join(said.split())
    assert "Could not be read:" not in said


def test_a_signature_of_clamav_fails_the_gate(folder: Path, tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        arguments = ("bad.bin", "--opinions", "clamav", "--clamd", server.address)
        printed = weighbridge("scan", *arguments, "-f", "json", cwd=folder)
    (target,) = json.loads(printed.stdout)["targets"]
    assert printed.returncode == 1
    assert [found["rule"] for found in target["findings"]] == ["OPN005"]
    assert [(one["engine"], one["state"]) for one in target["opinions"]] == [("clamav", "disagreed")]


def test_sarif_counts_who_ran_and_notes_who_did_not(folder: Path) -> None:
    printed = weighbridge("scan", "float.pkl", "--opinions", "fickling,yara", "-f", "sarif", cwd=folder)
    (run,) = json.loads(printed.stdout)["runs"]
    asked = {(one["engine"], one["state"]) for one in run["properties"]["opinions"]}
    assert asked == {("fickling", "failed"), ("yara", "disagreed")}
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert ["FLOAT" in note["message"]["text"] for note in notes] == [True]


def test_rules_of_the_users_own_are_run(folder: Path) -> None:
    (folder / "rules").mkdir()
    rule = 'rule marker { strings: $a = "weighbridge-marker" condition: $a }'
    (folder / "rules" / "mine.yar").write_text(rule)
    arguments = ("plain.pkl", "evil.pkl", "--opinions", "yara", "--yara-rules", "rules", "-f", "json")
    document = json.loads(weighbridge("scan", *arguments, cwd=folder).stdout)
    objections = [target["opinions"][0]["objections"] for target in document["targets"]]
    assert objections == [[], ["user:marker"]]
