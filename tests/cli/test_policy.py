"""`weighbridge policy` and `--baseline`, as a user runs them, on reports that `scan` wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.main import commands
from weighbridge.policy import read_baseline, read_report

DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
OTHER = DIRTY.replace(b"marker", b"other-marker")
NOTHING = "[severity]\n"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(one) for one in arguments])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text(NOTHING, encoding="utf-8")
    (tmp_path / "model.pkl").write_bytes(DIRTY)
    return tmp_path / "model.pkl"


@pytest.fixture
def report(model: Path) -> Path:
    file = model.with_name("report.json")
    assert _run("scan", model, "-o", file, "--policy", model.with_name("policy.toml")).exit_code == 1
    return file


def _scan(model: Path, report: Path) -> Result:
    return _run("scan", model, "--baseline", report, "--policy", model.with_name("policy.toml"))


def test_what_the_baseline_holds_does_not_fail_again(model: Path, report: Path) -> None:
    done = _scan(model, report)
    assert done.exit_code == 0
    assert "known from report.json of" in done.output


def test_a_payload_that_changed_its_words_is_new(model: Path, report: Path) -> None:
    model.write_bytes(OTHER)
    assert _scan(model, report).exit_code == 1


def test_a_baseline_takes_no_gap_for_known(model: Path, report: Path) -> None:
    model.write_bytes(DIRTY[:-1])
    assert _scan(model, report).exit_code in (1, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a table"),
        ('{"schema": "other/1"}', "is no report of weighbridge"),
        ('{"schema": "weighbridge-report/1", "started": "x"}', "no moment in time"),
    ],
)
def test_a_baseline_that_is_no_report_is_refused_in_words(model: Path, text: str, said: str) -> None:
    file = model.with_name("baseline.json")
    file.write_text(text, encoding="utf-8")
    done = _scan(model, file)
    assert done.exit_code != 0
    assert said in str(done.exception)


def test_a_report_is_read_back_as_it_was_written(report: Path) -> None:
    stored = read_report(report)
    written = json.loads(report.read_bytes())["targets"][0]
    assert [found.fingerprint for found in stored.reports[0].findings] == [
        found["fingerprint"] for found in written["findings"]
    ]
    assert stored.reports[0].files[0].name == "model.pkl"
    assert len(read_baseline(report).known) == len(written["findings"])


def test_a_policy_is_tried_on_a_stored_report(model: Path, report: Path) -> None:
    model.unlink()
    done = _run("policy", "test", report, "--policy", model.with_name("policy.toml"))
    assert done.exit_code == 1
    assert done.output.startswith("FAIL ")
    assert "PKL002 critical  model.pkl: posix.system" in done.output
    assert "nothing was scanned" in done.output


CASES = """
[[case]]
report = "report.json"
verdict = "fail"
because = ["PKL002"]
"""


@pytest.mark.parametrize(
    ("cases", "code", "said"),
    [
        (CASES, 0, "1 case, 0 not as expected"),
        (CASES.replace('"fail"', '"pass"'), 1, "NOT AS EXPECTED: expected pass"),
        (CASES.replace("PKL002", "GGF001"), 1, "expected because of GGF001"),
    ],
)
def test_cases_say_what_a_policy_is_expected_to_do(
    model: Path, report: Path, cases: str, code: int, said: str
) -> None:
    file = model.with_name("cases.toml")
    file.write_text(cases, encoding="utf-8")
    done = _run("policy", "test", file, "--policy", model.with_name("policy.toml"))
    assert done.exit_code == code
    assert said in done.output


def test_a_case_for_a_target_that_is_not_there_is_refused(model: Path, report: Path) -> None:
    file = model.with_name("cases.toml")
    file.write_text(CASES + 'target = "other"\n', encoding="utf-8")
    done = _run("policy", "test", file, "--policy", model.with_name("policy.toml"))
    assert "holds no target 'other'" in str(done.exception)


def test_a_policy_file_is_checked(model: Path) -> None:
    done = _run("policy", "check", model.with_name("policy.toml"))
    assert done.exit_code == 0
    assert "fails on high, 0 suppressions, 0 rules for sources" in done.output
