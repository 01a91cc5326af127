"""The workflows of the documentation: their own steps, run with the installed program."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "docs" / "workflows"
CLEAN = b"\x80\x04K\x01."
DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def _steps(name: str) -> list[Mapping[str, Any]]:
    (job,) = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))["jobs"].values()
    steps: list[Mapping[str, Any]] = job["steps"]
    return steps


def _run(step: Mapping[str, Any], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one `run:` step as its runner does; `WEIGHBRIDGE` is the installed program."""
    program = str(Path(sys.prefix, "bin", "weighbridge"))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={**os.environ, "WEIGHBRIDGE": program, "RUNNER_TEMP": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _step(name: str, words: str) -> Mapping[str, Any]:
    (found,) = [step for step in _steps(name) if words in step.get("run", "")]
    return found


@pytest.mark.parametrize(("content", "code"), [(CLEAN, 0), (DIRTY, 1)])
def test_the_nightly_audit_keeps_its_reports_and_ends_with_the_verdict(
    tmp_path: Path, content: bytes, code: int
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "model.pkl").write_bytes(content)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "targets.txt").write_text(f"{tmp_path / 'store'}\n", encoding="utf-8")
    done = _run(_step("nightly-audit.yml", "audit run"), tmp_path)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "audit.json").stat().st_size > 0
    with (tmp_path / "audit.csv").open(encoding="utf-8", newline="") as file:
        rules = {row["rule"] for row in csv.DictReader(file)}
    assert ("PKL002" in rules) is (code == 1)


def test_the_registry_gate_attests_what_passed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").write_bytes(CLEAN)
    key = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    done = _run(_step("registry-gate.yml", "attest"), tmp_path, SIGNING_KEY=key)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "model.intoto.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert not (tmp_path / "gate.pem").exists()


@pytest.mark.parametrize("name", ["pull-request.yml", "registry-gate.yml", "nightly-audit.yml"])
def test_a_workflow_gives_the_action_only_inputs_that_it_has(name: str) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (used,) = [one for one in _steps(name) if one.get("uses", "").startswith("weighbridge/")]
    assert "targets" in used["with"]
    assert set(used["with"]) <= set(action["inputs"])


def test_every_input_of_the_action_is_documented() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    missing = [name for name in (*action["inputs"], *action["outputs"]) if f"`{name}`" not in page]
    assert missing == []
