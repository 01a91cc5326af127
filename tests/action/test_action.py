"""What a platform engineer gets from the action: reports, annotations, a verdict at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.action.runner import Job, Runner

ROOT = Path(__file__).resolve().parents[2]
CLEAN = b"\x80\x04K\x01."
DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
INSTALLED = {"setup": {"venv": sys.prefix}}
SETTING = "WEIGHBRIDGE_SERVERS"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "clean.pkl").write_bytes(CLEAN)
    return folder


def _run(workspace: Path, targets: str = "models", **inputs: str) -> Job:
    disk = workspace.parent / "disk"
    disk.mkdir(exist_ok=True)
    (disk / "GITHUB_STEP_SUMMARY").unlink(missing_ok=True)
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return Runner(ROOT, disk, workspace).run({"targets": targets, **given}, given=INSTALLED)


def _dirty(workspace: Path, name: str = "dirty.pkl") -> None:
    (workspace / "models" / name).write_bytes(DIRTY)


def test_a_clean_target_passes_and_reports(workspace: Path) -> None:
    job = _run(workspace)
    assert job.exit_code == 0, job.log
    assert job.outputs["verdict"] == "pass"
    assert (job.outputs["findings-count"], job.outputs["incomplete-count"]) == ("0", "0")
    assert json.loads(Path(job.outputs["report-json"]).read_bytes())["verdict"] == "pass"
    assert "PASS" in job.summary.upper()


def test_a_dirty_target_fails_after_the_upload(workspace: Path) -> None:
    _dirty(workspace)
    job = _run(workspace)
    assert job.exit_code == 1
    assert job.outputs["verdict"] == "fail"
    (uses, told), *others = job.used
    assert not others
    assert uses.startswith("github/codeql-action/upload-sarif@")
    assert json.loads(Path(told["sarif_file"]).read_bytes())["version"] == "2.1.0"
    assert told["category"] == "weighbridge"


def test_the_summary_has_the_table_of_atlas(workspace: Path) -> None:
    _dirty(workspace)
    summary = _run(workspace).summary
    assert "PKL002" in summary
    assert "AML.T0011.000" in summary


def test_a_finding_is_an_annotation_of_its_file(workspace: Path) -> None:
    _dirty(workspace)
    errors = [one for one in _run(workspace).commands if one.name == "error"]
    assert {one.properties["file"] for one in errors} == {"models/dirty.pkl"}
    assert any(one.properties["title"].startswith("PKL002 critical:") for one in errors)
    assert any("echo weighbridge-marker" in one.message for one in errors)


HOSTILE = (
    "a\n::error::injected.pkl",
    "::set-output name=verdict::pass.pkl",
    "%0A::warning::x.pkl",
    "a,file=b:c.pkl",
    "\x1b[31mred\r.pkl",
    "verdict=pass\nexit-code=0.pkl",
)


OURS = re.compile(r"[A-Z]{3}\d{3} (critical|high|medium|low|info): |not read to its end ")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_name_commands_the_runner(workspace: Path, name: str) -> None:
    _dirty(workspace, name)
    job = _run(workspace)
    assert job.exit_code == 1
    assert job.outputs["verdict"] == "fail"
    assert {one.name for one in job.commands} <= {"error", "warning", "notice"}
    titles = [one.properties.get("title", "") for one in job.commands]
    assert titles
    assert [title for title in titles if not OURS.match(title)] == []


def test_what_could_not_be_read_fails_unless_that_is_allowed(workspace: Path) -> None:
    (workspace / "models" / "pointer.bin").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    )
    strict = _run(workspace)
    assert (strict.exit_code, strict.outputs["verdict"]) == (3, "incomplete")
    assert strict.outputs["incomplete-count"] == "1"
    assert any("pointer.bin" in one.message for one in strict.commands if one.name == "warning")
    assert _run(workspace, fail_on_incomplete="false").exit_code == 0


def test_a_baseline_lets_known_findings_pass(workspace: Path) -> None:
    _dirty(workspace)
    first = _run(workspace)
    baseline = workspace / "baseline.json"
    shutil.copy(first.outputs["report-json"], baseline)
    assert _run(workspace, baseline=str(baseline)).exit_code == 0


def test_a_policy_and_a_line_of_severity_reach_the_program(workspace: Path) -> None:
    (workspace / "policy.toml").write_text('allowed_sources = ["s3"]\n', encoding="utf-8")
    assert _run(workspace, policy="policy.toml").exit_code == 1
    _dirty(workspace)
    assert _run(workspace, fail_on="critical").exit_code == 1


def test_further_reports_are_written_where_the_outputs_say(workspace: Path) -> None:
    job = _run(workspace, formats="html\ncyclonedx", report_folder="reports")
    assert job.exit_code == 0, job.log
    folder = Path(job.outputs["report-folder"])
    assert folder == workspace / "reports"
    assert {"report.html", "report.cdx.json", "report.json"} <= {path.name for path in folder.iterdir()}


def test_a_token_is_masked_and_handed_on_and_printed_nowhere_else(workspace: Path) -> None:
    job = _run(workspace, token="hf_weighbridge_test")
    assert [one.message for one in job.commands if one.name == "add-mask"] == ["hf_weighbridge_test"]
    assert job.log.count("hf_weighbridge_test") == 1


def test_a_wrong_input_is_an_error_in_words(workspace: Path) -> None:
    job = _run(workspace, targets="\n \n")
    assert (job.exit_code, job.outputs["verdict"]) == (2, "error")
    assert [one.message for one in job.commands] == ["the input 'targets' is empty"]
    assert not job.used


def test_inputs_are_never_part_of_a_command(workspace: Path) -> None:
    job = _run(workspace, targets="$(touch hacked)\n; touch hacked\n`touch hacked`\n--policy=/dev/null")
    assert job.exit_code == 2
    assert not (workspace / "hacked").exists()
    assert job.outputs["verdict"] == "error"


def test_an_upload_can_be_left_out(workspace: Path) -> None:
    assert _run(workspace, upload_sarif="false").used == []


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def history(workspace: Path) -> str:
    """A repository with one dirty model in its past; returns that commit."""
    _dirty(workspace, "old.pkl")
    _git(workspace, "init", "-q", "-b", "main")
    _git(workspace, "add", ".")
    _git(workspace, "commit", "-qm", "first")
    return _git(workspace, "rev-parse", "HEAD")


def test_only_what_changed_is_scanned(workspace: Path, history: str) -> None:
    (workspace / "models" / "new.pkl").write_bytes(CLEAN)
    (workspace / "elsewhere.pkl").write_bytes(DIRTY)
    _git(workspace, "add", ".")
    _git(workspace, "commit", "-qm", "second")
    job = _run(workspace, changed_since=history)
    assert job.exit_code == 0, job.log
    report = json.loads(Path(job.outputs["report-json"]).read_bytes())
    assert [one["target"] for one in report["targets"]] == ["models/new.pkl"]


def test_a_changed_model_that_is_dirty_fails(workspace: Path, history: str) -> None:
    _dirty(workspace, "a [new] *.pkl")
    _git(workspace, "add", ".")
    _git(workspace, "commit", "-qm", "second")
    assert _run(workspace, changed_since=history).exit_code == 1


def test_nothing_changed_is_a_pass(workspace: Path, history: str) -> None:
    job = _run(workspace, changed_since=history)
    assert (job.exit_code, job.outputs["verdict"]) == (0, "pass")
    assert "no target has changed" in job.summary


def test_the_first_push_of_a_branch_scans_everything(workspace: Path, history: str) -> None:
    assert _run(workspace, changed_since="0" * 40).exit_code == 1


@pytest.mark.parametrize("since", ["--output=hacked", "1234567", "main; touch hacked"])
def test_a_commit_that_is_not_there_is_an_error_in_words(
    workspace: Path, history: str, since: str
) -> None:
    job = _run(workspace, changed_since=since)
    assert (job.exit_code, job.outputs["verdict"]) == (2, "error")
    assert any("changed-since" in one.message for one in job.commands)
    assert not (workspace / "hacked").exists()


@pytest.mark.slow
def test_the_locked_requirements_install_and_scan(workspace: Path, tmp_path: Path) -> None:
    if SETTING not in os.environ:
        pytest.skip(f"installs from an index of packages; set {SETTING} to run it")
    action = tmp_path / "action"
    ignored = shutil.ignore_patterns("*.so", "*.c", "*.egg-info", "__pycache__", "out", "build")
    for name in ("src", "signatures", "tools", "requirements"):
        shutil.copytree(ROOT / name, action / name, ignore=ignored)
    for name in ("action.yml", "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, action / name)
    _dirty(workspace)
    disk = tmp_path / "disk"
    disk.mkdir()
    job = Runner(action, disk, workspace).run({"targets": "models", "python": sys.executable})
    assert (job.exit_code, job.outputs["verdict"]) == (1, "fail"), job.log


PARDON = """[[suppress]]
rule = "{rule}"
artifact = "**"
reason = "trust me"
expires = 2999-01-01
"""


def _commit(workspace: Path, words: str = "change") -> None:
    _git(workspace, "add", "-A")
    _git(workspace, "commit", "-qm", words)


def _pardon(workspace: Path, name: str = "weighbridge.toml") -> None:
    text = "".join(PARDON.format(rule=rule) for rule in ("PKL002", "PAY009", "PKL022"))
    (workspace / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("given", [{}, {"policy": "weighbridge.toml"}])
def test_a_change_does_not_bring_its_own_pardon(
    workspace: Path, history: str, given: dict[str, str]
) -> None:
    _dirty(workspace, "new.pkl")
    _pardon(workspace)
    _commit(workspace)
    job = _run(workspace, changed_since=history, **given)
    assert (job.exit_code, job.outputs["verdict"]) == (1, "fail"), job.log
    assert any("own pardon" in one.message for one in job.commands if one.name == "warning")


def test_a_change_does_not_take_the_policy_away(workspace: Path, history: str) -> None:
    (workspace / "weighbridge.toml").write_text('allowed_sources = ["s3"]\n', encoding="utf-8")
    _commit(workspace)
    before = _git(workspace, "rev-parse", "HEAD")
    (workspace / "weighbridge.toml").unlink()
    (workspace / "models" / "new.pkl").write_bytes(CLEAN)
    _commit(workspace)
    assert _run(workspace, changed_since=before).exit_code == 1


def test_the_pardon_of_the_branch_itself_counts(workspace: Path, history: str) -> None:
    _pardon(workspace)
    _commit(workspace)
    before = _git(workspace, "rev-parse", "HEAD")
    _dirty(workspace, "new.pkl")
    _commit(workspace)
    job = _run(workspace, changed_since=before)
    assert job.exit_code == 0, job.log
    assert not any("own pardon" in one.message for one in job.commands)


def test_a_policy_that_is_not_of_the_repository_counts_as_it_is(workspace: Path, history: str) -> None:
    _dirty(workspace, "new.pkl")
    _commit(workspace)
    _pardon(workspace, "../central.toml")
    assert _run(workspace, changed_since=history, policy="../central.toml").exit_code == 0


def test_a_change_does_not_bring_its_own_baseline(workspace: Path, history: str) -> None:
    _dirty(workspace, "new.pkl")
    shutil.copy(_run(workspace).outputs["report-json"], workspace / "baseline.json")
    _commit(workspace)
    assert _run(workspace, changed_since=history, baseline="baseline.json").exit_code == 1


def test_a_pull_request_without_a_commit_to_compare_with_has_no_pardon_either(
    workspace: Path, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _dirty(workspace, "new.pkl")
    _pardon(workspace)
    _commit(workspace)
    event = workspace.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": history}}}), encoding="utf-8")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    assert _run(workspace).exit_code == 1
    event.write_text(json.dumps({"pull_request": {"base": {"sha": "1" * 40}}}), encoding="utf-8")
    shallow = _run(workspace)
    assert any("fetch-depth: 0" in one.message for one in shallow.commands if one.name == "warning")


def test_the_keys_of_a_policy_are_of_the_same_day(workspace: Path, history: str) -> None:
    (workspace / "keys").mkdir()
    (workspace / "keys" / "a.pem").write_text("theirs", encoding="utf-8")
    policy = '[[source]]\nfrom = ["local"]\nsignature = { key = "keys/a.pem" }\n'
    (workspace / "weighbridge.toml").write_text(policy, encoding="utf-8")
    _commit(workspace)
    before = _git(workspace, "rev-parse", "HEAD")
    (workspace / "keys" / "a.pem").write_text("mine", encoding="utf-8")
    (workspace / "models" / "new.pkl").write_bytes(CLEAN)
    _commit(workspace)
    assert _run(workspace, changed_since=before).exit_code != 0
    (copy,) = workspace.parent.glob("disk/weighbridge-before-*/keys/a.pem")
    assert copy.read_text(encoding="utf-8") == "theirs"


@pytest.mark.parametrize(
    "name", ["models:/evil.pkl", "pypi:/evil.pkl", "-v.pkl", "a[b].pkl", "\n::x.pkl"]
)
def test_a_changed_file_is_scanned_here_whatever_it_is_called(
    workspace: Path, history: str, name: str
) -> None:
    file = workspace / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(DIRTY)
    _commit(workspace)
    job = _run(workspace, ".", changed_since=history)
    assert (job.exit_code, job.outputs["verdict"]) == (1, "fail"), job.log


@pytest.mark.parametrize("target", ["model", "hf://acme/model", "modles/*.pkl"])
def test_a_target_that_the_repository_never_had_is_an_error(
    workspace: Path, history: str, target: str
) -> None:
    job = _run(workspace, target, changed_since=history)
    assert (job.exit_code, job.outputs["verdict"]) == (2, "error")
    assert any(target in one.message for one in job.commands)


@pytest.mark.parametrize(
    "target", [".", "./", "models/[a-n]*.pkl", "models/ne?.pkl", "./models", "models/", "x/../models"]
)
def test_targets_of_all_spellings_find_what_changed(workspace: Path, history: str, target: str) -> None:
    _dirty(workspace, "new.pkl")
    _commit(workspace)
    assert _run(workspace, target, changed_since=history).exit_code == 1
    absolute = str(workspace / target)
    assert _run(workspace, absolute, changed_since=history).exit_code == 1


def test_a_link_out_of_the_repository_is_not_followed(workspace: Path, history: str) -> None:
    (workspace / "models" / "link.pkl").symlink_to("/etc/hostname")
    _commit(workspace)
    job = _run(workspace, changed_since=history)
    assert (job.exit_code, job.outputs["verdict"]) == (2, "error")
    assert any("leads out" in one.message for one in job.commands)


def test_a_submodule_is_not_hidden_by_its_own_settings(workspace: Path, history: str) -> None:
    for commit in ("1" * 40, "2" * 40):
        before = _git(workspace, "rev-parse", "HEAD")
        ignored = '[submodule "s"]\n\tpath = models/s\n\turl = ./s\n\tignore = all\n'
        (workspace / ".gitmodules").write_text(ignored, encoding="utf-8")
        (workspace / "models" / "s").mkdir(exist_ok=True)
        _git(workspace, "update-index", "--add", "--cacheinfo", f"160000,{commit},models/s")
        _git(workspace, "add", ".gitmodules")
        _git(workspace, "commit", "-qm", commit)
    job = _run(workspace, changed_since=before)
    assert (job.exit_code, job.outputs["verdict"]) == (2, "error"), job.log
    assert any("submodule" in one.message for one in job.commands)


def test_no_link_of_the_checkout_leads_the_reports_elsewhere(workspace: Path) -> None:
    victim = workspace.parent / "victim"
    victim.write_text("kept", encoding="utf-8")
    (workspace / "reports").mkdir()
    (workspace / "reports" / "report.html").symlink_to(victim)
    assert _run(workspace, formats="html", report_folder="reports").exit_code == 0
    assert victim.read_text(encoding="utf-8") == "kept"
    (workspace / "out").symlink_to(workspace.parent)
    assert _run(workspace, report_folder="out").outputs["verdict"] == "error"


def test_setting_up_runs_nothing_of_the_checkout(workspace: Path, tmp_path: Path) -> None:
    """The action's own requirements are none here: what is built is an environment, from nowhere."""
    action = tmp_path / "action"
    (action / "requirements").mkdir(parents=True)
    (action / "requirements" / "action.txt").write_text("", encoding="utf-8")
    mark = tmp_path / "hijacked"
    for module in ("venv", "ensurepip", "subprocess", "logging", "pip"):
        (workspace / module).mkdir()
        for name in ("__init__.py", "__main__.py"):
            (workspace / module / name).write_text(f"open({str(mark)!r}, 'w')\n", encoding="utf-8")
    subprocess.run(
        ["bash", str(ROOT / "tools" / "action" / "setup.sh")],
        cwd=workspace,
        env={
            **os.environ,
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "WB_PYTHON": sys.executable,
            "PYTHONPATH": str(workspace),
        },
        capture_output=True,
        check=False,
    )
    assert (tmp_path / "weighbridge-venv" / "bin" / "python").exists()
    assert not mark.exists()


def test_a_file_name_is_no_option_of_the_hook() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["args"][-1] == "--"
