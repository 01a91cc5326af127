"""What a person reads. The golden files beside this test are the product: read them in review.

WEIGHBRIDGE_UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.reporters import sample_runs as sample
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Report
from weighbridge.policy import Policy
from weighbridge.reporters.human import render
from weighbridge.reporters.interface import Run

GOLDEN = Path(__file__).resolve().parent / "golden"

RUNS: dict[str, Callable[[], Run]] = {
    "hub-failure": lambda: sample.run(sample.hub_failure()),
    "repeated": lambda: sample.run(sample.repeated_failure()),
    "clean": lambda: sample.run(sample.clean()),
    "incomplete": lambda: sample.run(sample.incomplete()),
    "accepted": lambda: sample.run(sample.accepted()),
    "hostile": lambda: sample.run(sample.hostile()),
    "closed-at-low": lambda: sample.run(sample.closed_at_low()),
    "several": lambda: sample.run(sample.clean(), sample.incomplete(), sample.gated()),
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def _plain(run: Run, *, width: int = 100, verbose: bool = False) -> str:
    return render(run, width=width, colour=False, verbose=verbose)


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", RUNS)
def test_text_is_the_golden_one(name: str, width: int) -> None:
    _compare(GOLDEN / f"{name}-{width}.txt", _plain(RUNS[name](), width=width))


@pytest.mark.parametrize("name", ["hub-failure", "incomplete"])
def test_verbose_text_is_the_golden_one(name: str) -> None:
    _compare(GOLDEN / f"{name}-100-verbose.txt", _plain(RUNS[name](), verbose=True))


def _compare(path: Path, text: str) -> None:
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_colour_changes_nothing_but_colour(name: str) -> None:
    coloured = render(RUNS[name](), width=100, colour=True, verbose=True)
    assert "\x1b[" in coloured
    assert ANSI.sub("", coloured) == _plain(RUNS[name](), verbose=True)


def test_colour_stands_for_severity_only() -> None:
    coloured = render(sample.run(sample.repeated_failure()), width=100, colour=True, verbose=False)
    colours = set(re.findall(r"\x1b\[(?:1;)?(3[0-7])m", coloured))
    assert colours == {"31", "33"}


@pytest.mark.parametrize("variable", ["NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"])
def test_environment_changes_nothing(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _plain(RUNS["hub-failure"]())
    monkeypatch.setenv(variable, "42")
    assert _plain(RUNS["hub-failure"]()) == expected


@pytest.mark.parametrize("width", [1, 72, 80, 120, 160, 1000])
@pytest.mark.parametrize("name", RUNS)
def test_no_line_is_wider_than_the_page_or_ends_in_a_blank(name: str, width: int) -> None:
    lines = _plain(RUNS[name](), width=width, verbose=True).splitlines()
    assert max(map(cell_len, lines)) <= max(72, min(width, 120))
    assert [line for line in lines if line != line.rstrip()] == []


NAMES = st.text(st.characters(codec=None), min_size=1, max_size=200)


@given(NAMES, NAMES, NAMES)
def test_no_name_can_act_on_the_terminal(file: str, member: str, evidence: str) -> None:
    finding = Finding(rule="PKL901", path=(file, member), subject=member, evidence=evidence, route=file)
    report = Report(
        target=file,
        origin=Origin(kind="x", location=member, registry_verdicts={file: member}),
        findings=(finding,),
        coverage=(sample.row(file), sample.row(file, member, detail=evidence, format=member)),
    )
    text = _plain(sample.run(sample.judged(report)), verbose=True)
    assert all(char == "\n" or char.isprintable() for char in text)


def test_verdict_is_the_first_word() -> None:
    words = {name: _plain(run()).split()[0] for name, run in RUNS.items()}
    assert words["hub-failure"] == "FAIL"
    assert words["clean"] == "PASS"
    assert words["incomplete"] == "INCOMPLETE"


def test_incomplete_says_what_was_not_read_and_what_to_do() -> None:
    text = _plain(sample.run(sample.incomplete()))
    assert "pip install 'weighbridge[archives]'" in text
    assert "b/1.pkl and 1 more" in text
    assert "--allow-incomplete accepts this." in text
    assert text.endswith("Exit 3.\n")


def test_several_targets_share_one_exit_code() -> None:
    text = _plain(sample.run(sample.incomplete(), sample.gated(), sample.hub_failure()))
    assert text.endswith("3 targets: 1 fail, 1 could not be read, 1 incomplete. Exit 1.\n")
    assert text.count("Exit ") == 1


def test_allowed_gaps_are_still_told() -> None:
    policy = Policy(allow_incomplete=True)
    text = _plain(sample.run(sample.incomplete(policy)))
    assert text.startswith("PASS")
    assert "the policy accepts the rest unread" in text
    assert "weights.7z" in text
    assert "Looked at everything" not in text


def test_empty_target_is_not_praised() -> None:
    text = _plain(
        sample.run(sample.judged(Report(target="x", origin=sample.LOCAL, findings=(), coverage=())))
    )
    assert "There is nothing to look at: the target holds no file." in text


def test_repeated_finding_is_one_paragraph_with_a_count() -> None:
    text = _plain(sample.run(sample.repeated_failure()))
    assert text.count("Pickle runs a shell command on load") == 1
    assert text.count("posix.system") == 1
    assert "and in 37 more places (--verbose)" in text


def test_verbose_hides_no_place() -> None:
    text = _plain(sample.run(sample.repeated_failure()), verbose=True)
    assert text.count("opcode 37") == 40
    assert text.count("acme.layers.Layer") == 8


def test_low_findings_are_counted_and_shown_on_demand() -> None:
    run = sample.run(sample.hub_failure())
    assert "GEN901" not in _plain(run)
    assert "1 low, 1 info (--verbose)" in _plain(run)
    assert "GEN901" in _plain(run, verbose=True)


def test_finding_that_closes_the_gate_is_never_only_counted() -> None:
    assert "GEN901" in _plain(sample.run(sample.closed_at_low()))


def test_spotless_safetensors_of_the_same_target_is_pointed_to() -> None:
    text = _plain(sample.run(sample.hub_failure()))
    assert "model.safetensors of the same target has no finding." in text


def test_suppressions_say_why_by_whom_and_until_when() -> None:
    text = " ".join(_plain(sample.run(sample.accepted())).split())
    assert "PKL901 in models/*.pt, 1 finding: written by our own trainer, see MLP-311" in text
    assert "(ml-platform, until 2027-01-31)" in text
    assert "expired on 2026-11-20 and no longer counts" in text
