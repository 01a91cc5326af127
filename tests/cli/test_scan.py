"""The program as its users start it: arguments in, text and an exit code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."
TRUNCATED = PLAIN[:-4]
UNKNOWN_CALLED = b"cacme.layers\nMagic\n)R."


def weighbridge(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    environment["PYTHONPATH"] = os.pathsep.join(
        str(Path(entry).resolve()) for entry in sys.path if entry
    )
    return subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in (("evil.pkl", EVIL), ("plain.pkl", PLAIN), ("cut.pkl", TRUNCATED)):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "unknown.pkl").write_bytes(UNKNOWN_CALLED)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plain.pkl"], 0),
        (["evil.pkl"], 1),
        (["cut.pkl"], 3),
        (["cut.pkl", "--allow-incomplete"], 0),
        (["nowhere.pkl"], 2),
        (["--no-such-option", "plain.pkl"], 2),
        (["plain.pkl", "cut.pkl"], 3),
        (["cut.pkl", "nowhere.pkl"], 2),
        (["nowhere.pkl", "cut.pkl", "evil.pkl", "plain.pkl"], 1),
        (["unknown.pkl"], 0),
        (["unknown.pkl", "--fail-on", "medium"], 1),
        (["evil.pkl", "--fail-on", "critical"], 1),
    ],
)
def test_exit_codes(folder: Path, arguments: list[str], code: int) -> None:
    assert weighbridge("scan", *arguments, cwd=folder).returncode == code


def test_json_repeats_the_target_as_it_was_typed_and_tells_what_was_found(folder: Path) -> None:
    printed = weighbridge("scan", "./evil.pkl", "plain.pkl", "--format", "json", cwd=folder)

    document = json.loads(printed.stdout)
    assert document["verdict"] == "fail"
    assert [(entry["target"], entry["verdict"]) for entry in document["targets"]] == [
        ("./evil.pkl", "fail"),
        ("plain.pkl", "pass"),
    ]
    finding = document["targets"][0]["findings"][0]
    assert (finding["rule"], finding["severity"], finding["path"]) == (
        "PKL002",
        "critical",
        ["evil.pkl"],
    )
    assert finding["evidence"].startswith("posix.system('echo weighbridge-marker')")
    assert document["targets"][1]["coverage"][0]["outcome"] == "analyzed"


def test_a_folder_is_one_target(folder: Path) -> None:
    document = json.loads(weighbridge("scan", ".", "-f", "json", cwd=folder).stdout)

    assert [entry["target"] for entry in document["targets"]] == ["."]
    rows = {row["artifact"]: row["outcome"] for row in document["targets"][0]["coverage"]}
    assert rows == {
        "cut.pkl": "failed",
        "evil.pkl": "analyzed",
        "plain.pkl": "analyzed",
        "unknown.pkl": "analyzed",
    }


def test_several_formats_in_one_run(folder: Path) -> None:
    printed = weighbridge("scan", "evil.pkl", "-o", "r.json", "-o", "r.sarif", cwd=folder)

    assert printed.stdout.startswith("FAIL  evil.pkl")
    assert json.loads((folder / "r.json").read_text())["verdict"] == "fail"
    assert json.loads((folder / "r.sarif").read_text())["version"] == "2.1.0"


def test_in_a_pipe_there_is_no_colour_and_no_progress(folder: Path) -> None:
    printed = weighbridge("scan", ".", cwd=folder)

    assert "\x1b" not in printed.stdout
    assert printed.stderr == ""


def test_a_policy_file_of_the_target_is_left_alone_and_that_is_said(folder: Path) -> None:
    (folder / "weighbridge.toml").write_text('fail-on = "critical"\nallow-incomplete = true\n')

    printed = weighbridge("scan", ".", cwd=folder)

    assert printed.returncode == 1
    assert "weighbridge.toml" in printed.stdout


def test_code_in_the_working_directory_is_not_imported(folder: Path) -> None:
    """A worker that imported `json.py` from the target would run the target."""
    for name in ("json", "dataclasses", "struct", "zlib", "typing"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported from the target')\n")

    printed = subprocess.run(
        [sys.executable, "-P", "-m", "weighbridge", "scan", "evil.pkl"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        check=False,
    )

    assert printed.returncode == 1
    assert "PKL002" in printed.stdout


def test_the_verdict_is_the_same_with_and_without_the_libraries(folder: Path, tmp_path: Path) -> None:
    """Law 2: fake torch, sklearn and tensorflow on the path change nothing, and are not imported."""
    fakes = tmp_path / "fakes"
    for name in ("torch", "sklearn", "tensorflow", "numpy", "acme"):
        (fakes / name).mkdir(parents=True)
        (fakes / name / "__init__.py").write_text("raise SystemExit('imported while scanning')\n")
    scan = [sys.executable, "-P", "-m", "weighbridge", "scan", ".", "-f", "json"]
    path = os.pathsep.join(entry for entry in sys.path if entry)

    documents = []
    for paths in (path, f"{fakes}{os.pathsep}{path}"):
        printed = subprocess.run(
            scan,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
        )
        document = json.loads(printed.stdout)["targets"][0]
        documents.append((document["verdict"], document["findings"]))

    assert documents[0][0] == "fail"
    assert documents[0] == documents[1]


def test_an_unreadable_file_is_said_and_the_rest_goes_on(folder: Path) -> None:
    os.mkfifo(folder / "pipe.pkl")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "evil.pkl").unlink()
    (folder / "cut.pkl").unlink()

    printed = weighbridge("scan", ".", cwd=folder)

    assert printed.returncode == 3
    assert "pipe.pkl" in printed.stdout
    assert "loop" in printed.stdout
