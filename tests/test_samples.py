"""The end-to-end test: every sample, through the real program, gives what is expected of it.

`samples/build.py` writes them; `samples/expected/*.toml` say the verdict of each, and every rule at
low or above that it must hit.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
NOT_A_FILE = "not-a-file"
FAILING = ("critical", "high")
COMPLETE = ("analyzed", "opaque")


def _expected() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """What is expected of each file, and the rules that no single file can hit."""
    files: dict[str, dict[str, Any]] = {}
    for page in sorted((SAMPLES / "expected").glob("*.toml")):
        entries = tomllib.loads(page.read_text(encoding="utf-8"))
        elsewhere = files.get(NOT_A_FILE, {}) | entries.get(NOT_A_FILE, {})
        assert not files.keys() & entries.keys() - {NOT_A_FILE}, f"{page.name} repeats a sample"
        files |= entries | {NOT_A_FILE: elsewhere}
    return files, files.pop(NOT_A_FILE)


EXPECTED, ELSEWHERE = _expected()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scan said of one file: its verdict, and the rules at low or above."""

    verdict: str
    rules: list[str]


@dataclass(frozen=True, slots=True)
class Results:
    exit_code: int
    verdict: str
    files: dict[str, Outcome]
    hit: set[str]


def _build(folder: Path, *, hash_seed: str = "0") -> None:
    done = subprocess.run(
        [sys.executable, str(SAMPLES / "build.py"), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr


def _scan(target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "weighbridge", "scan", str(target), "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1, 3), done.stderr
    return done


def _outcome(name: str, target: dict[str, Any]) -> Outcome:
    """The verdict of one file of the target, by the default policy."""
    found = [finding for finding in target["findings"] if finding["path"][0] == name]
    rows = [row for row in target["coverage"] if row["path"][0] == name]
    if any(finding["severity"] in FAILING for finding in found):
        verdict = "fail"
    elif not rows or any(row["outcome"] not in COMPLETE for row in rows):
        verdict = "incomplete"
    else:
        verdict = "pass"
    return Outcome(verdict, sorted({one["rule"] for one in found if one["severity"] != "info"}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "out"
    _build(folder)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    """One run of the program over all samples."""
    done = _scan(folder)
    report = json.loads(done.stdout)
    target = report["targets"][0]
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return Results(
        exit_code=done.returncode,
        verdict=report["verdict"],
        files={name: _outcome(name, target) for name in names},
        hit={finding["rule"] for finding in target["findings"]},
    )


def test_every_sample_has_an_expectation_and_every_expectation_a_sample(results: Results) -> None:
    assert sorted(results.files) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_gives_what_is_expected(results: Results, name: str) -> None:
    expected = EXPECTED[name]
    assert results.files[name] == Outcome(expected["verdict"], sorted(expected["rules"]))


def test_a_folder_with_attacks_in_it_fails(results: Results) -> None:
    assert (results.verdict, results.exit_code) == ("fail", 1)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("pass", 0), ("fail", 1), ("incomplete", 3)],
    ids=["pass", "fail", "incomplete"],
)
def test_one_file_alone_has_the_verdict_that_it_has_in_the_folder(
    folder: Path, verdict: str, code: int
) -> None:
    name = next(name for name, expected in EXPECTED.items() if expected["verdict"] == verdict)
    done = _scan(folder / name)
    assert (json.loads(done.stdout)["verdict"], done.returncode) == (verdict, code)


def test_the_verdicts_do_not_depend_on_the_number_of_workers(folder: Path, results: Results) -> None:
    target = json.loads(_scan(folder, "--jobs", "1").stdout)["targets"][0]
    assert {name: _outcome(name, target) for name in results.files} == results.files


def test_every_rule_has_a_sample_or_a_test_that_covers_it(results: Results) -> None:
    rules = set(load_rules(signatures_dir() / "rules"))
    assert sorted(rules - results.hit - ELSEWHERE.keys()) == []


def test_the_rules_that_no_file_can_hit_are_rules_and_are_not_hit(results: Results) -> None:
    rules = set(load_rules(signatures_dir() / "rules"))
    assert sorted(ELSEWHERE.keys() - rules) == []
    assert sorted(ELSEWHERE.keys() & results.hit) == []


@pytest.mark.parametrize("rule", ELSEWHERE)
def test_a_rule_that_no_file_can_hit_names_the_test_that_does(rule: str) -> None:
    file, _, test = ELSEWHERE[rule]["test"].partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert ELSEWHERE[rule]["why"]
    assert f"def {test}(" in text
    assert rule in text


def test_building_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    _build(tmp_path / "again", hash_seed="4711")
    assert _digests(tmp_path / "again") == _digests(folder)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
