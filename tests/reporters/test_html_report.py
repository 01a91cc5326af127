"""The HTML report: what it tells, and that nothing of the target becomes markup.

`test_html_browser.py` opens it in a browser. WEIGHBRIDGE_UPDATE_GOLDEN=1 writes the golden file anew.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from weighbridge.core.finding import Finding
from weighbridge.core.report import ScannedFile
from weighbridge.reporters.html_report import render
from weighbridge.reporters.interface import Run

GOLDEN = Path(__file__).resolve().parent / "golden"
ASSETS = sample.ROOT / "src" / "weighbridge" / "reporters" / "assets"
VOID = {"meta", "input"}


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """All elements in their order, with the text directly in each; complains of what does not nest."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    @property
    def text(self) -> str:
        skipped = {"style", "script"}
        return "\n".join("".join(one.text) for one in self.elements if one.tag not in skipped)


def _page(run: Run) -> Page:
    return Page(render(run, sample.release()))


def _several() -> Run:
    return sample.run(sample.clean(), sample.incomplete(), sample.gated(), sample.hub_failure())


def _huge() -> Run:
    files = [f"run-{number // 200:03}/shard-{number:05}.pt" for number in range(20_000)]
    findings = [sample.unknown_callable(f"a.b{n}", files[n], offset=n) for n in range(5000)]
    report = sample.report(
        "models",
        *findings,
        sample.shell_command(files[-1]),
        rows=tuple(sample.row(name) for name in files),
    )
    listed = tuple(ScannedFile(name=name, size_bytes=1000, sha256="0" * 64) for name in files)
    return sample.run(sample.clean(), sample.judged(replace(report, files=listed)))


def test_document_is_the_golden_one() -> None:
    document = render(sample.run(sample.hub_failure()), sample.release())
    shown = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", document, flags=re.DOTALL)
    shown = re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-…", shown)
    lines = re.sub(
        r"(<(?:section|article|h\d|p|ul|li|tr|dt|div|nav|main|pre|table|form)\b)", r"\n\1", shown
    )
    path = GOLDEN / "hub-failure.html.txt"
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(lines, encoding="utf-8")
    assert lines == path.read_text(encoding="utf-8")


def test_verdict_is_the_first_heading() -> None:
    page = _page(sample.run(sample.hub_failure()))
    first = next(number for number, one in enumerate(page.elements) if one.tag == "h1")
    assert page.elements[first + 1].text == ["FAIL"]
    assert page.all("title")[0].text == ["FAIL · hf://acme/sentiment-xl · weighbridge"]


def test_policy_of_the_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = _page(sample.run(sample.hub_failure()))
    (policy,) = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    digests = {
        tag: base64.b64encode(hashlib.sha256("".join(page.all(tag)[0].text).encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert parts == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digests['style']}'",
        "script-src": f"'sha256-{digests['script']}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert [len(page.all(tag)) for tag in ("style", "script")] == [1, 1]


def test_policy_stands_before_what_it_governs() -> None:
    document = render(sample.run(sample.clean()), sample.release())
    assert document.index("Content-Security-Policy") < document.index("<style>")
    assert document.index("Content-Security-Policy") < document.index("<title>")


def test_nothing_is_fetched_and_nothing_runs_from_an_attribute() -> None:
    page = _page(hostile.run())
    attributes = {name for one in page.elements for name in one.attributes}
    assert attributes & {"src", "srcset", "style", "srcdoc", "action", "formaction", "data"} == set()
    assert [name for name in attributes if name.startswith("on")] == []
    assert {one.tag for one in page.elements} & {
        "img",
        "link",
        "base",
        "iframe",
        "object",
        "svg",
    } == set()


def test_links_lead_to_places_of_the_page_or_to_our_own_references() -> None:
    page = _page(hostile.run())
    links = {one.attributes["href"] for one in page.all("a")}
    outside = {link for link in links if not link.startswith("#")}
    assert outside
    assert {link.split("/")[2] for link in outside} <= {
        *("atlas.mitre.org", "docs.python.org", "nvd.nist.gov"),
    }
    assert all(
        one.attributes.get("rel") == "noreferrer" for one in page.all("a") if "rel" in one.attributes
    )


def _harmless(text: str) -> str:
    """The same length, lines and folders, and nothing else."""
    return re.sub(r"[^/\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", "x", text)


@pytest.mark.parametrize("attack", hostile.ATTACKS, ids=range(len(hostile.ATTACKS)))
def test_no_text_of_the_target_changes_an_element_or_an_attribute(attack: str) -> None:
    shown, plain = _page(hostile.run_of(attack)), _page(hostile.run_of(_harmless(attack)))
    skeletons = [[(one.tag, one.attributes) for one in page.elements] for page in (shown, plain)]
    assert len(skeletons[0]) > 100
    assert skeletons[0] == skeletons[1]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), min_size=1))
def test_any_text_stays_text_that_can_be_seen(text: str) -> None:
    shown, plain = _page(hostile.run_of(text)), _page(hostile.run_of(_harmless(text)))
    assert [one.tag for one in shown.elements] == [one.tag for one in plain.elements]
    assert [char for char in shown.text if char != "\n" and not char.isprintable()] == []


def test_directions_and_control_characters_are_spelled_out() -> None:
    text = _page(sample.run(sample.hostile())).text
    assert "ok\\x1b[2J\\x1b[31m\\u202etxt.exe\\u200b\\n\\nPASS" in text
    assert "\\udcff\\udc80.pkl" in text


@pytest.mark.parametrize("run", [_several(), _huge()], ids=["several", "huge"])
def test_headings_are_in_order_and_every_place_exists_once(run: Run) -> None:
    page = _page(run)
    levels = [int(one.tag[1]) for one in page.elements if re.fullmatch(r"h[1-6]", one.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(after - before for before, after in pairwise(levels)) == 1
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    targets = {one.attributes["href"][1:] for one in page.all("a") if one.attributes["href"][0] == "#"}
    assert targets - set(ids) == set()
    named = {
        one.attributes["aria-labelledby"] for one in page.elements if "aria-labelledby" in one.attributes
    }
    assert named - set(ids) == set()


def test_finding_stands_with_evidence_place_techniques_and_what_to_do() -> None:
    text = _page(sample.run(sample.hub_failure())).text
    for expected in (
        sample.COMMAND,
        "byte 1,204 · opcode 37",
        "Do not load this file.",
        "AML.T0018.002",
        " Manipulate AI Model: Embed Malware",
        "Model Development and Evaluation · CWE-502 · CWE-506",
    ):
        assert expected in text


def test_matrix_has_every_tactic_and_lights_what_the_run_shows() -> None:
    page = _page(sample.run(sample.hub_failure()))
    tactics = [one.text[0] for one in page.all("h3") if one.text and not one.attributes.get("id")]
    assert [
        one for one in tactics if one in {row.name for row in sample.release().tactics.values()}
    ] == [row.name for row in sample.release().tactics.values()]
    strong = [one for one in page.all("li") if one.attributes.get("class", "").startswith("strong")]
    weak = [one for one in page.all("li") if one.attributes.get("class", "").startswith("weak")]
    assert len(strong) == 4  # Embed Malware stands under two tactics
    assert len(weak) == 3


def test_mitigations_stand_by_phase() -> None:
    text = _page(sample.run(sample.hub_failure())).text
    assert text.index("Design/Setup\n") < text.index("Operations\nDeployment · Monitoring")
    assert "AML.M0013" in text


def test_gaps_say_why_and_what_to_do() -> None:
    text = _page(sample.run(sample.incomplete())).text
    assert "Nothing found at or above high, but not everything could be read." in text
    assert "needs an extra: pip install 'weighbridge[archives]'" in text
    assert "bomb.gz!/bomb" in text


def test_accepted_findings_say_why_by_whom_and_until_when() -> None:
    text = _page(sample.run(sample.accepted())).text
    assert "written by our own trainer, see MLP-311" in text
    assert "ml-platform" in text
    assert "until 2027-01-31" in text
    assert "expired on 2026-11-20 and no longer counts" in text


def test_unreachable_target_is_never_a_pass() -> None:
    page = _page(sample.run(sample.gated()))
    assert page.all("title")[0].text[0].startswith("CAN'T READ")
    assert "ask for access at the model's page" in page.text


def test_digests_and_sizes_of_files_are_shown() -> None:
    report = replace(
        sample.report("m", rows=(sample.row("a/b.pt", size_bytes=2_000_000),)),
        files=(ScannedFile(name="a/b.pt", size_bytes=2_000_000, sha256="ab" * 32),),
    )
    text = _page(sample.run(sample.judged(report))).text
    assert "ab" * 32 in text
    assert "a/\n" in text
    assert "2.0 MB" in text


def test_large_run_is_cut_with_a_sentence_and_keeps_the_worst() -> None:
    document = render(_huge(), sample.release())
    text = Page(document).text
    assert len(document) < 3_000_000
    assert "And 4,950 more findings of this rule: --format json has all of them." in text
    assert "17,002 more rows would make this page too long; 2,003 of them have a finding" in text
    assert sample.COMMAND in text
    assert "shard-19999.pt\n" in text


def test_many_targets_are_cut_with_a_sentence() -> None:
    text = _page(sample.run(*[sample.clean()] * 2100)).text
    assert "And 100 more targets: --format json has all of them." in text
    assert "1,900 more targets would make this page too long: --format json has all." in text


def test_empty_target_is_told() -> None:
    text = _page(sample.run(sample.judged(sample.report("empty")))).text
    assert "There is nothing to look at: the target holds no file." in text
    assert "The target holds no file." in text


def test_finding_of_the_target_as_a_whole_names_no_file() -> None:
    finding = Finding(rule="GEN901", path=("(repository)",), subject="name", evidence="looks alike")
    text = _page(sample.run(sample.judged(sample.report("m", finding, rows=(sample.row("a"),))))).text
    assert "the target as a whole" in text
    assert "(repository)" not in text


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_has_the_contrast_of_wcag_aa(scheme: int) -> None:
    css = (ASSETS / "report.css").read_text(encoding="utf-8")
    colours = _colours(re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme])
    inks = ("ink", "quiet", "critical", "high", "medium", "low", "info")
    pairs = [(ink, ground) for ink in inks for ground in ("page", "raised")]
    pairs += [("on", tone) for tone in inks[2:]]
    ratios = {}
    for one, other in pairs:
        low, high = sorted((_luminance(colours[one]), _luminance(colours[other])))
        ratios[one, other] = (high + 0.05) / (low + 0.05)
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
