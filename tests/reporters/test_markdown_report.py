"""The Markdown report, parsed back: nothing of the target becomes a link, HTML or a mention.

WEIGHBRIDGE_UPDATE_GOLDEN=1 writes the golden files anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from weighbridge.core.report import Outcome
from weighbridge.reporters.interface import Run
from weighbridge.reporters.markdown_report import render
from weighbridge.reporters.markdown_text import cell_code, code

GOLDEN = Path(__file__).resolve().parent / "golden"
PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
MIB = 1 << 20

RUNS: dict[str, Callable[[], Run]] = {
    "hub-failure": lambda: sample.run(sample.hub_failure()),
    "repeated": lambda: sample.run(sample.repeated_failure()),
    "clean": lambda: sample.run(sample.clean()),
    "incomplete": lambda: sample.run(sample.incomplete()),
    "accepted": lambda: sample.run(sample.accepted()),
    "hostile": lambda: sample.run(sample.hostile()),
    "several": lambda: sample.run(sample.clean(), sample.incomplete(), sample.gated()),
}


def _tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def _shape(text: str) -> list[str]:
    """The elements of a text in their order, without the text in them."""
    return [token.type for token in _tokens(text) if token.type not in ("text", "softbreak")]


@pytest.mark.parametrize("name", RUNS)
def test_text_is_the_golden_one(name: str) -> None:
    path = GOLDEN / f"{name}.md"
    text = render(RUNS[name]())
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_verdict_is_the_first_word() -> None:
    words = {name: re.findall(r"[A-Z]+", render(run()))[0] for name, run in RUNS.items()}
    assert words["hub-failure"] == "FAIL"
    assert words["clean"] == "PASS"
    assert words["incomplete"] == "INCOMPLETE"
    assert words["several"] == "INCOMPLETE"


def test_hostile_text_stands_in_code_only() -> None:
    text = render(hostile.run())
    outside = " ".join(token.content for token in _tokens(text) if token.type == "text")
    assert "weighbridge 0.0.0" in outside
    for sign in ("example", "@", "octocat", "<", "#", "GH-", "alert", "\u202e", "xxx", "א"):
        assert sign not in outside


def test_hostile_text_makes_no_html_and_no_link() -> None:
    tokens = list(_tokens(render(hostile.run())))
    assert [token.content for token in tokens if "html" in token.type] == []
    assert [token for token in tokens if token.type in ("image", "hr", "blockquote_open")] == []
    links = {str(token.attrGet("href")) for token in tokens if token.type == "link_open"}
    assert links
    assert [
        link for link in links if not link.startswith("https://atlas.mitre.org/techniques/AML.")
    ] == []


def _harmless(text: str) -> str:
    return re.sub(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", "x", text)


VISIBLE = [attack for attack in hostile.ATTACKS if attack.strip()]


@pytest.mark.parametrize("attack", VISIBLE, ids=range(len(VISIBLE)))
def test_no_attack_changes_the_shape_of_the_text(attack: str) -> None:
    assert _shape(render(hostile.run_of(attack))) == _shape(render(hostile.run_of(_harmless(attack))))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None, exclude_categories=["Zs", "Cc"]), min_size=1, max_size=60))
def test_no_text_changes_the_shape_of_the_text(text: str) -> None:
    assert _shape(render(hostile.run_of(text))) == _shape(render(hostile.run_of(_harmless(text))))


MARKS = st.text("`|\\ a<@#[](*_~\n", min_size=1, max_size=40).filter(str.strip)


@settings(max_examples=300, deadline=None)
@given(MARKS)
def test_code_span_holds_exactly_its_text(text: str) -> None:
    (inline,) = [token for token in PARSER.parse(f"before {code(text)} after") if token.children]
    parts = [(token.type, token.content) for token in inline.children or ()]
    assert parts == [("text", "before "), ("code_inline", text.replace("\n", "\\n")), ("text", " after")]


@settings(max_examples=300, deadline=None)
@given(MARKS)
def test_code_span_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {cell_code(text)} | {cell_code(text)} |\n"
    tokens = list(_tokens(table))
    spans = [token.content for token in tokens if token.type == "code_inline"]
    shown = text.replace("\n", "\\n")
    assert [token.type for token in tokens].count("td_open") == 2
    assert spans in ([shown] * 2, [shown.replace("|", "\\x7c")] * 2)


def test_evidence_with_fences_stays_in_its_block() -> None:
    finding = replace(sample.shell_command("a.pkl"), evidence="```\n````\n# x\n    y\n~~~")
    text = render(sample.run(sample.judged(sample.report("m", finding))))
    (block,) = [token for token in PARSER.parse(text) if token.type == "fence"]
    assert block.content == "```\n````\n# x\n    y\n~~~\n"


def test_findings_atlas_and_what_to_do_are_told() -> None:
    text = render(RUNS["hub-failure"]())
    assert "| critical | PKL901 | `pytorch_model.bin!/archive/data.pkl` |" in text
    assert "[AML.T0018.002](https://atlas.mitre.org/techniques/AML.T0018.002)" in text
    assert "Do not load this file." in text
    assert text.index("**What to do**") < text.index("### MITRE ATLAS")


def test_gaps_are_told_with_their_reason() -> None:
    text = render(RUNS["incomplete"]())
    assert "- `b/1.pkl`, `b/2.pkl` failed: `the file can't be read: Permission denied`" in text
    assert "`--allow-incomplete` accepts this." in text


def _too_much() -> Run:
    bad = "\u202e|`<" * 200
    findings = [sample.unknown_callable(f"{bad}{n}", f"{n}{bad}") for n in range(3000)]
    rows = [sample.row(f"{n}{bad}", outcome=Outcome.FAILED, detail=f"{n}{bad}") for n in range(3000)]
    result = sample.judged(sample.report(bad, *findings, rows=tuple(rows)))
    return sample.run(*[result] * 60)


def test_summary_stays_below_one_mebibyte_and_says_what_was_cut() -> None:
    text = render(_too_much())
    assert len(text.encode()) < MIB
    assert text.count("`--format json` has everything.") > 1
    assert "exit code 3" in text.splitlines()[-1]


def test_one_target_of_many_findings_says_how_many_are_left_out() -> None:
    findings = [sample.unknown_callable(f"a.b{number}", "x.pkl") for number in range(250)]
    text = render(sample.run(sample.judged(sample.report("m", *findings))))
    assert "And 150 more rows of findings: `--format json` has everything." in text
