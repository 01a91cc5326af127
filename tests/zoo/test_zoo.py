"""No high finding on what real frameworks write, and every file read to its end.

The models are written by `build.py` into a folder that the variable WEIGHBRIDGE_ZOO names.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.build import groups

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ZOO = os.environ.get("WEIGHBRIDGE_ZOO")

pytestmark = pytest.mark.slow


def _scanned(group: str) -> dict[str, Any]:
    """The report of one group, scanned by the program."""
    if ZOO is None:
        pytest.skip("WEIGHBRIDGE_ZOO is not set: `python tests/zoo/build.py FOLDER` writes the models")
    folder = Path(ZOO) / group
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: `python tests/zoo/build.py {ZOO} {group}` writes it")
    command = [sys.executable, "-m", "weighbridge", "scan", str(folder), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1, 3), done.stderr
    target: dict[str, Any] = json.loads(done.stdout)["targets"][0]
    return target


@pytest.fixture(scope="module")
def scanned() -> dict[str, dict[str, Any]]:
    """Reports by group, each made once."""
    return {}


def _report(scanned: dict[str, dict[str, Any]], group: str) -> dict[str, Any]:
    if group not in scanned:
        scanned[group] = _scanned(group)
    return scanned[group]


@pytest.mark.parametrize("group", groups())
def test_no_honest_model_has_a_high_finding(group: str, scanned: dict[str, dict[str, Any]]) -> None:
    report = _report(scanned, group)
    told = [
        (one["rule"], one["severity"], "!/".join(one["path"]), one["evidence"])
        for one in report["findings"]
        if one["severity"] in ("critical", "high")
    ]
    assert report["coverage"]
    assert told == []


@pytest.mark.parametrize("group", groups())
def test_every_honest_model_is_read_to_its_end(group: str, scanned: dict[str, dict[str, Any]]) -> None:
    report = _report(scanned, group)
    page = HERE / group / "incomplete.toml"
    known = tomllib.loads(page.read_text(encoding="utf-8")) if page.is_file() else {}
    told = [
        ("!/".join(row["path"]), row["outcome"], row["detail"])
        for row in report["coverage"]
        if row["outcome"] not in ("analyzed", "opaque")
        and not any(fnmatch.fnmatch("!/".join(row["path"]), glob) for glob in known)
    ]
    assert report["coverage"]
    assert told == []
