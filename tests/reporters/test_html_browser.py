"""The HTML report in a real browser: the target runs nothing there, and the filter works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from tests.servers.programs import program
from weighbridge.reporters.html_report import render
from weighbridge.reporters.interface import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog

playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'weighbridge[real]'")
pytestmark = pytest.mark.slow

TRAPS = "window.alert = window.confirm = window.prompt = () => { window.trapped = true; };"
CANARY = "<script>window.trapped = true</script><img src='https://example.invalid/i.png'>"


class Watched:
    """A page that notes all that it does: dialogs, messages of the console, requests, errors."""

    def __init__(self, context: BrowserContext, file: Path) -> None:
        self.heard: list[str] = []
        self.requests: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.page = context.new_page()
        self.page.on("dialog", lambda dialog: self._dialog(dialog))
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "requestfailed", lambda request: self.refused.append((request.url, request.failure))
        )
        self.page.add_init_script(TRAPS)
        self.page.goto(file.as_uri())

    def _dialog(self, dialog: Dialog) -> None:
        self.heard.append(dialog.message)
        dialog.dismiss()

    @property
    def shown(self) -> list[str]:
        """Titles of the rules that can be seen."""
        headings = self.page.locator("article.rule:not([hidden]) > header > :is(h3, h4)")
        return [str(text) for text in headings.all_inner_texts()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context()
    yield fresh
    fresh.close()


def _write(run: Run, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(render(run, sample.release()), encoding="utf-8")
    return file


def test_hostile_names_and_evidence_do_nothing(context: BrowserContext, tmp_path: Path) -> None:
    file = _write(hostile.run(), tmp_path)
    watched = Watched(context, file)
    watched.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    watched.page.wait_for_load_state("networkidle")
    assert watched.requests == [file.as_uri()]
    assert watched.heard == []
    assert watched.page.evaluate("window.trapped") is None
    assert watched.page.evaluate("document.images.length + document.scripts.length") == 1


def test_the_policy_stops_a_script_and_an_image_that_somebody_adds_to_the_file(
    context: BrowserContext, tmp_path: Path
) -> None:
    file = _write(sample.run(sample.hub_failure()), tmp_path)
    text = file.read_text(encoding="utf-8").replace("<h1>", f"{CANARY}<h1>", 1)
    file.write_text(text, encoding="utf-8")
    watched = Watched(context, file)
    assert watched.page.evaluate("window.trapped") is None
    assert watched.refused == [("https://example.invalid/i.png", "csp")]
    assert len([said for said in watched.heard if "Content Security Policy" in said]) == 2


def test_filter_by_severity_and_by_words(context: BrowserContext, tmp_path: Path) -> None:
    watched = Watched(context, _write(sample.run(sample.hub_failure()), tmp_path))
    assert len(watched.shown) == 4
    watched.page.get_by_label("critical").uncheck()
    assert watched.shown[0] == "Pickle calls a callable that weighbridge does not know"
    watched.page.get_by_label("Findings with").fill("TRAIN acme")
    assert watched.shown == ["Pickle calls a callable that weighbridge does not know"]
    assert watched.page.get_by_role("status").inner_text() == "1 of 4 entries"
    watched.page.get_by_label("Findings with").fill("")
    watched.page.get_by_label("critical").check()
    assert len(watched.shown) == 4
    assert watched.heard == []


def test_filter_hides_single_places_of_a_rule(context: BrowserContext, tmp_path: Path) -> None:
    watched = Watched(context, _write(sample.run(sample.repeated_failure()), tmp_path))
    watched.page.get_by_label("Findings with").fill("Layer3")
    assert watched.page.locator("li.seen:visible").count() == 1
    assert watched.shown == ["Pickle calls a callable that weighbridge does not know"]


def test_without_script_all_is_there_but_the_filter(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(_write(sample.run(sample.hub_failure()), tmp_path).as_uri())
    assert page.locator("article.rule:visible").count() == 4
    assert page.locator("#filter:visible").count() == 0
    context.close()


RUNS: dict[str, Callable[[], Run]] = {
    "hub": lambda: sample.run(sample.hub_failure()),
    "hostile": hostile.run,
    "several": lambda: sample.run(sample.repeated_failure(), sample.incomplete(), sample.gated()),
}


@pytest.mark.parametrize("run", RUNS)
def test_no_page_is_wider_than_its_window(context: BrowserContext, tmp_path: Path, run: str) -> None:
    watched = Watched(context, _write(RUNS[run](), tmp_path))
    widths = []
    for width in (360, 768, 1600):
        watched.page.set_viewport_size({"width": width, "height": 900})
        widths.append(watched.page.evaluate("document.documentElement.scrollWidth"))
    assert widths == [360, 768, 1600]


def test_keyboard_reaches_the_report_first_and_then_the_filter(
    context: BrowserContext, tmp_path: Path
) -> None:
    watched = Watched(context, _write(sample.run(sample.hub_failure()), tmp_path))
    watched.page.keyboard.press("Tab")
    assert watched.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    watched.page.keyboard.press("Enter")
    watched.page.keyboard.press("Tab")
    assert watched.page.evaluate("document.activeElement.name") == "words"
