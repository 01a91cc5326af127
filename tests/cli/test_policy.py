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


def _report_of(model: Path, *targets: dict[str, object]) -> Path:
    file = model.with_name("stored.json")
    root = {"schema": "weighbridge-report/1", "started": "2026-11-22T00:00:00+00:00", "targets": targets}
    file.write_text(json.dumps(root), encoding="utf-8")
    return file


def _target(**changes: object) -> dict[str, object]:
    lists: dict[str, object] = {"findings": [], "suppressed": [], "coverage": []}
    return {"target": "x", "origin": {"kind": "local"}, **lists, **changes}


@pytest.mark.parametrize("missing", ["findings", "suppressed", "coverage", "origin"])
def test_a_report_with_a_part_taken_out_is_no_pass(model: Path, missing: str) -> None:
    target = _target()
    del target[missing]
    done = _run("policy", "test", _report_of(model, target))
    assert done.exit_code != 0
    assert f"'{missing}' is missing" in str(done.exception)


def test_a_rule_that_is_not_known_here_asks_for_an_update(model: Path) -> None:
    finding = {"rule": "NEW001", "path": ["x"]}
    done = _run("policy", "test", _report_of(model, _target(findings=[finding])))
    assert "update weighbridge" in str(done.exception)


def test_a_report_beside_cases_still_counts(model: Path, report: Path) -> None:
    cases = model.with_name("cases.toml")
    cases.write_text(CASES, encoding="utf-8")
    policy = ("--policy", model.with_name("policy.toml"))
    assert _run("policy", "test", report, cases, *policy).exit_code == 1
    assert _run("policy", "test", cases, *policy).exit_code == 0


def test_a_digest_that_a_registry_states_serves_no_waiver_here_either(model: Path) -> None:
    policy = model.with_name("waived.toml")
    policy.write_text(_waiver(sha256="a" * 64), encoding="utf-8")
    target = _target(
        origin={"kind": "huggingface"},
        findings=[{"rule": "PKL002", "path": ["model.pkl"]}],
        files=[{"name": "model.pkl", "sha256": "a" * 64}],
    )
    assert _run("policy", "test", _report_of(model, target), "--policy", policy).exit_code == 1


def _waiver(expires: str = "2999-01-01", **further: str) -> str:
    more = "".join(f'{key} = "{value}"\n' for key, value in further.items())
    return "".join(
        f'[[suppress]]\nrule = "{rule}"\nartifact = "**"\nreason = "x"\nexpires = {expires}\n{more}'
        for rule in ("PKL002", "PAY009")
    )


def test_a_baseline_does_not_prolong_a_waiver(model: Path) -> None:
    policy, baseline = model.with_name("waived.toml"), model.with_name("baseline.json")
    policy.write_text(_waiver(), encoding="utf-8")
    assert _run("scan", model, "--policy", policy, "-o", baseline).exit_code == 0
    policy.write_text(_waiver("2020-01-01"), encoding="utf-8")
    assert _run("scan", model, "--policy", policy, "--baseline", baseline).exit_code == 1


def test_a_baseline_that_was_taken_with_a_baseline_still_knows(model: Path, report: Path) -> None:
    second = model.with_name("second.json")
    policy = ("--policy", model.with_name("policy.toml"))
    assert _run("scan", model, "--baseline", report, "-o", second, *policy).exit_code == 0
    assert _scan(model, second).exit_code == 0


def test_a_baseline_is_of_its_own_target(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ours", "theirs"):
        Path(name, "sub").mkdir(parents=True)
        Path(name, "sub", "model.pkl").write_bytes(DIRTY)
    assert _run("scan", "ours", "-o", "base.json").exit_code == 1
    for known in ("ours", "./ours/", "ours/sub", "ours/sub/model.pkl", tmp_path / "ours"):
        assert _run("scan", known, "--baseline", "base.json").exit_code == 0, known
    for other in ("theirs", "theirs/sub", "theirs/sub/model.pkl", "model.pkl"):
        assert _run("scan", other, "--baseline", "base.json").exit_code == 1, other


def test_a_report_of_nothing_but_values_is_refused_before_it_fills_the_memory(model: Path) -> None:
    file = model.with_name("many.json")
    file.write_bytes(b"[" + b"0," * 4_000_000 + b"0]")
    done = _run("policy", "test", file)
    assert "more than 4,000,000 values" in str(done.exception)
