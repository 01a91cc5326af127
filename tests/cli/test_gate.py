"""`weighbridge gate mlflow` as its users start it: text, exit codes, and what reaches the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.test_scan import weighbridge
from tests.servers.mlflow_stub import Stub, running_stub

EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with running_stub() as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
        server.files = {"store/m/plain.pkl": PLAIN}
        yield server


def gate(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return weighbridge("gate", "mlflow", *arguments, cwd=folder)


def written(stub: Stub) -> list[str]:
    return [path.rpartition("/")[2] for method, path, _ in stub.seen if method == "POST"]


def test_the_group_lists_its_gates(tmp_path: Path) -> None:
    shown = weighbridge("gate", "--help", cwd=tmp_path)

    assert shown.returncode == 0
    assert "  mlflow  Scan model versions of MLflow" in shown.stdout


def test_the_verdict_comes_first_and_what_was_done_after_it(stub: Stub, tmp_path: Path) -> None:
    done = gate(tmp_path, "m/1", "--alias", "champion")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("PASS  models:/m/1 @ v1")
    assert lines[-2:] == [
        "Tagged models:/m/1: weighbridge.verdict = pass, findings: none.",
        "The alias champion of m is at version 1 already.",
    ]
    assert written(stub) == ["set-tag"] * 4
    assert "t0ken" not in done.stdout + done.stderr


def test_a_failing_version_is_exit_code_one_and_moves_nothing(stub: Stub, tmp_path: Path) -> None:
    stub.files = {"store/m/evil.pkl": EVIL}

    done = gate(tmp_path, "m/1", "--alias", "champion", "--no-tag")

    assert done.returncode == 1
    assert "Left the alias champion of m at version 1: nothing passed." in done.stdout
    assert written(stub) == []


def test_a_registry_that_takes_no_tags_is_exit_code_two_and_the_verdict_is_printed(
    stub: Stub, tmp_path: Path
) -> None:
    stub.statuses["model-versions/set-tag"] = 403

    done = gate(tmp_path, "m/1", "--alias", "champion")

    assert done.returncode == 2
    assert done.stdout.startswith("PASS  models:/m/1")
    assert "Could not tag models:/m/1, so it is not promoted: 127.0.0.1 answered" in done.stdout
    assert set(written(stub)) == {"set-tag"}


def test_an_alias_that_can_not_be_moved_is_exit_code_two(stub: Stub, tmp_path: Path) -> None:
    stub.statuses["registered-models/alias"] = 404

    done = gate(tmp_path, "m/1", "--alias", "champion", "--no-tag")

    assert done.returncode == 2
    assert "Could not move the alias champion of m to version 1: 127.0.0.1" in done.stdout


def test_json_on_standard_output_stays_json(stub: Stub, tmp_path: Path) -> None:
    done = gate(tmp_path, "m/1", "--dry-run", "-f", "json")

    assert json.loads(done.stdout)["verdict"] == "pass"
    assert done.stderr == "Would tag models:/m/1: weighbridge.verdict = pass, findings: none.\n"
    assert written(stub) == []


def test_a_version_that_can_not_be_read_is_exit_code_two(stub: Stub, tmp_path: Path) -> None:
    stub.source = "file:///etc"

    done = gate(tmp_path, "m/1", "--alias", "champion")

    assert done.returncode == 2
    assert "Not followed: the registry says that models:/m/1 lies at 'file:///etc'" in done.stdout
    assert "Wrote nothing to models:/m/1: it could not be scanned." in done.stdout
    assert written(stub) == []


def test_without_a_server_the_user_is_told_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    done = gate(tmp_path, "m/1")

    assert done.returncode == 2
    assert "set MLFLOW_TRACKING_URI" in done.stderr
