"""Containers hide nothing: benign files in them pass, and a planted call is found in each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conftest import Scan
from tests.real.groups import write_and_scan, write_group
from tests.real.scanning import Scanned, complaints

pytestmark = pytest.mark.slow

SPAWNS = "PKL002"


def test_real_files_in_every_container_pass(scan: Scan) -> None:
    scanned = scan("containers.write_containers")

    assert len(scanned) > 50
    assert complaints(scanned) == []


def test_every_file_in_a_container_is_inspected(scan: Scan) -> None:
    wanted = {"model.pt", "legacy.pt", "pipeline.joblib", "frame.pkl", "array.npy", "notes.txt"}
    names = {
        file.name: {part for row in file.rows for part in row.path}
        for file in scan("containers.write_containers")
    }
    packed = {
        name: parts
        for name, parts in names.items()
        if name.startswith(("plain", "packed", "nested", "deflated"))
    }

    assert len(packed) > 8
    assert [name for name, parts in packed.items() if not wanted <= parts] == []


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Scanned]:
    return write_and_scan("containers.write_planted", tmp_path_factory.mktemp("planted") / "files")


def test_a_call_planted_by_any_writer_is_found(planted: list[Scanned]) -> None:
    missed = [file.name for file in planted if SPAWNS not in file.rules]

    assert len(planted) > 60
    assert missed == ["distributed/.metadata"]  # names and shapes; the object is in the .distcp


def test_the_program_says_what_the_library_says(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    write_group("containers.write_planted", folder)
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "scan", str(folder), "--format", "json"],
        capture_output=True,
        check=False,
    )
    (target,) = json.loads(done.stdout)["targets"]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    hit = {finding["path"][0] for finding in target["findings"] if finding["rule"] == SPAWNS}

    assert done.returncode == 1
    assert sorted(row["path"][0] for row in target["coverage"] if len(row["path"]) == 1) == sorted(files)
    assert files - hit == {"distributed/.metadata"}
