"""JUnit XML, parsed back: what fails, what errs, what is skipped, and hostile names."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from weighbridge.policy import Policy
from weighbridge.reporters.interface import Run
from weighbridge.reporters.junit import render

GOLDEN = Path(__file__).resolve().parent / "golden"


def _parsed(run: Run) -> ElementTree.Element:
    return ElementTree.fromstring(render(run))


def test_document_is_the_golden_one() -> None:
    path = GOLDEN / "several.junit.xml"
    text = render(sample.run(sample.hub_failure(), sample.incomplete(), sample.gated()))
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_rule_above_the_line_is_a_failure_and_other_files_pass() -> None:
    (suite,) = _parsed(sample.run(sample.hub_failure())).findall("testsuite")
    failed = [case.get("name") for case in suite.findall("testcase") if case.find("failure") is not None]
    assert failed == ["pytorch_model.bin: PKL901"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "0")


def test_what_could_not_be_looked_at_is_an_error() -> None:
    (suite,) = _parsed(sample.run(sample.incomplete())).findall("testsuite")
    errors = {error.get("type") for error in suite.iter("error")}
    assert errors == {"failed", "limited", "unsupported"}
    assert suite.get("errors") == "4"


def test_what_the_policy_accepts_unread_is_skipped() -> None:
    root = _parsed(sample.run(sample.incomplete(Policy(allow_incomplete=True))))
    assert (root.get("errors"), root.get("skipped")) == ("0", "4")


def test_a_target_that_cannot_be_read_is_an_error() -> None:
    (error,) = _parsed(sample.run(sample.gated())).iter("error")
    assert "set HF_TOKEN" in str(error.get("message"))


@pytest.mark.parametrize("run", list(hostile.single_runs()), ids=range(len(hostile.ATTACKS)))
def test_hostile_names_stay_text(run: Run) -> None:
    root = _parsed(run)
    known = {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "error"}
    assert {one.tag for one in root.iter()} == known
    texts = [value for one in root.iter() for value in one.attrib.values()]
    assert [text for text in texts if not text.isprintable()] == []


def test_totals_are_the_sums_of_the_suites() -> None:
    root = _parsed(hostile.run())
    failures = sum(len(list(suite.iter("failure"))) for suite in root)
    assert failures == len(hostile.ATTACKS)
    assert root.get("failures") == str(failures)
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
