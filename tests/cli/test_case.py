"""`weighbridge case`: ATLAS case studies step by step, beside what a target shows of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from samples.recipes.case_studies import samples

from tests.cli.test_scan import weighbridge
from weighbridge.api import scan
from weighbridge.core.finding import Finding
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_cases import CaseStudy, load_cases
from weighbridge.knowledge.atlas_chain import SeenStep, Sight, chain
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.signatures import Signatures

SIGNATURES = Signatures.installed()
CASES = load_cases(signatures_dir() / "atlas", SIGNATURES.release)
NULLIFAI = "AML.CS0031"


def _sights(case: CaseStudy, *rules: str) -> list[Sight]:
    findings = [Finding(rule=rule, path=("a.bin",), subject="", evidence="") for rule in rules]
    steps = chain(case, findings, SIGNATURES.rules, SIGNATURES.release)
    return [one.sight for one in steps]


def _folder(tmp_path: Path, case: str) -> Path:
    for name, content in samples():
        if name.startswith(f"cases/{case}"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return next((tmp_path / "cases").iterdir())


def test_every_case_has_steps_and_every_step_a_technique_of_the_release() -> None:
    unknown = [
        (case.id, step.technique)
        for case in CASES.values()
        for step in case.steps
        if SIGNATURES.release.technique(step.technique) is None
    ]
    assert len(CASES) >= 60
    assert min(len(case.steps) for case in CASES.values()) >= 1
    assert unknown == []


def test_cases_that_the_official_file_lacks_say_so() -> None:
    told = {case.id for case in CASES.values() if case.source.startswith("second-hand")}
    assert told == {"AML.CS0064", "AML.CS0065", "AML.CS0068"}


def test_a_step_is_evidenced_by_a_rule_that_evidences_its_technique() -> None:
    assert _sights(CASES[NULLIFAI], "PKL002")[0] is Sight.EVIDENCED


def test_a_step_is_exposed_by_a_rule_that_only_exposes_to_it() -> None:
    assert Sight.EVIDENCED not in _sights(CASES["AML.CS0019"], "SHD001")
    assert _sights(CASES["AML.CS0019"], "SHD001")[1] is Sight.EXPOSED


def test_without_findings_no_step_is_seen() -> None:
    assert not any(sight.is_seen for sight in _sights(CASES[NULLIFAI]))


def test_findings_for_information_show_no_step() -> None:
    assert not any(sight.is_seen for sight in _sights(CASES[NULLIFAI], "SHD010"))


def test_what_happens_elsewhere_is_told_apart_from_what_was_not_found() -> None:
    sights = _sights(CASES["AML.CS0019"])
    assert {Sight.NOT_SEEN, Sight.NOT_VISIBLE} == set(sights)


def test_the_list_names_every_case(tmp_path: Path) -> None:
    said = weighbridge("case", cwd=tmp_path)
    assert said.returncode == 0
    assert [case for case in CASES if case not in said.stdout] == []


@pytest.mark.parametrize("spelled", ["AML.CS0019", "cs0019", "aml.cs0019"])
def test_a_case_is_found_in_any_spelling(tmp_path: Path, spelled: str) -> None:
    said = weighbridge("case", spelled, cwd=tmp_path)
    assert said.stdout.startswith("AML.CS0019  PoisonGPT")
    assert "[ ]" not in said.stdout


def test_the_steps_of_a_case_stand_in_its_order(tmp_path: Path) -> None:
    said = weighbridge("case", NULLIFAI, cwd=tmp_path).stdout
    places = [
        said.index(SIGNATURES.release.retired.get(one.technique, one.technique))
        for one in CASES[NULLIFAI].steps
    ]
    assert places == sorted(places)


def test_an_unknown_case_is_a_usage_error_that_names_the_nearest(tmp_path: Path) -> None:
    said = weighbridge("case", "CS0131", cwd=tmp_path)
    assert said.returncode == 2
    assert "AML.CS0031" in said.stderr


def test_a_target_is_scanned_and_its_steps_are_marked(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "cs0031")
    said = weighbridge("case", NULLIFAI, str(folder), cwd=tmp_path)
    assert said.returncode == 0
    assert "[x] evidenced by PAY001 at pytorch_model.bin!/archive/data.pkl" in said.stdout
    assert "of 6 steps seen" in said.stdout


def test_a_report_says_the_same_as_the_target_that_it_is_about(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "cs0031")
    weighbridge("scan", str(folder), "-o", "report.json", cwd=tmp_path)
    said = weighbridge("case", NULLIFAI, "--report", "report.json", cwd=tmp_path).stdout
    scanned = weighbridge("case", NULLIFAI, str(folder), cwd=tmp_path).stdout
    assert [line for line in said.splitlines() if "[x]" in line] == [
        line for line in scanned.splitlines() if "[x]" in line
    ]
    assert "[x]" in said


@pytest.mark.parametrize("text", ["{}", "[]", "no json", json.dumps({"schema": "other/1"})])
def test_what_is_no_report_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    said = weighbridge("case", NULLIFAI, "--report", "report.json", cwd=tmp_path)
    assert said.returncode == 2
    assert "report.json" in said.stderr


def test_a_target_and_a_report_together_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    said = weighbridge("case", NULLIFAI, ".", "--report", "report.json", cwd=tmp_path)
    assert said.returncode == 2


def test_a_folder_without_the_data_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reinstall"):
        load_cases(tmp_path, SIGNATURES.release)


def _documented() -> dict[str, list[tuple[str, str]]]:
    """Case -> (technique, mark) of each row of its table."""
    page = (Path(__file__).parents[2] / "docs/repository/case_studies.md").read_text(encoding="utf-8")
    found: dict[str, list[tuple[str, str]]] = {}
    for section in page.split("\n## ")[1:]:
        rows = re.findall(r"(?m)^\| \d+ \| (AML\.T[\d.]+) [^|]*\| (.+) \|$", section)
        if rows:
            found[section[:6].lower()] = [
                (one, re.sub(r"\[(\w+)\]\(\S+\)", r"\1", mark)) for one, mark in rows
            ]
    return found


def _mark(step: SeenStep) -> tuple[str, str]:
    rules = dict.fromkeys(one.rule for one in step.findings)
    by = f" by {', '.join(list(rules)[:3])}" if rules else ""
    technique = step.technique.id if step.technique is not None else ""
    return technique, step.sight.value + by


def test_the_page_says_of_each_case_what_a_scan_of_its_sample_says(tmp_path: Path) -> None:
    for name, content in samples():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    actual = {}
    for folder in sorted((tmp_path / "cases").iterdir()):
        case = CASES[f"AML.{folder.name[:6].upper()}"]
        steps = chain(case, scan(str(folder)).findings, SIGNATURES.rules, SIGNATURES.release)
        actual[folder.name[:6]] = [_mark(step) for step in steps]
    assert len(actual) == 12
    assert _documented() == actual
