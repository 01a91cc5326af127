"""The run as one HTML file that stands alone: nothing is fetched, nothing of the target is markup.

The policy in its head lets a browser use the style and the script that stand in the file, by their
hashes, and nothing else. Without the script all is there but the filter.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from weighbridge.knowledge.atlas_release import AtlasRelease
from weighbridge.reporters.atlas_matrix import called_mitigations, lit_techniques
from weighbridge.reporters.html.atlas import matrix_section, mitigations_section
from weighbridge.reporters.html.coverage import (
    accepted_section,
    coverage_section,
    notes_section,
    opinions_section,
)
from weighbridge.reporters.html.files import file_rows, files_section
from weighbridge.reporters.html.findings import findings_section, severities_shown
from weighbridge.reporters.html.markup import (
    Child,
    Markup,
    element,
    fragment,
    lines,
    name,
    section,
    severity_label,
)
from weighbridge.reporters.html.selection import FILES, TARGETS, ShownGroup, shown_groups
from weighbridge.reporters.html.summary import (
    lead,
    number_of_targets,
    run_word,
    summary_section,
    target_title,
)
from weighbridge.reporters.interface import Run, Scanned, TargetResult
from weighbridge.reporters.verdict_text import (
    command,
    shown_target,
    verdict_word,
)
from weighbridge.reporters.words import count, duration, printable

_COMMANDS = 20


@dataclass(slots=True)
class _Room:
    """Rows of files that may still stand on the page."""

    files: int = FILES


def render(run: Run, release: AtlasRelease) -> str:
    """Return the document.

    Args:
        run: what to tell.
        release: whose tactics are the columns of the matrix.
    """
    parts = fragment(_head(run), _body(run, release))
    return f"<!doctype html>\n{element('html', parts, lang='en').text}\n"


@cache
def _asset(file: str) -> str:
    return (files("weighbridge.reporters") / "assets" / file).read_text(encoding="utf-8")


def content_security_policy() -> str:
    """The policy of the page: its own style and script by their hashes, and nothing else at all."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(_asset('report.css'))}'",
            f"script-src '{_digest(_asset('report.js'))}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _head(run: Run) -> Markup:
    about = shown_target(run.results[0].target) if len(run.results) == 1 else number_of_targets(run)
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=content_security_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{run_word(run)} · {about} · weighbridge"),
        element("style", Markup(_asset("report.css"))),
    )


def _body(run: Run, release: AtlasRelease) -> Markup:
    groups = shown_groups(run)
    lit, called = lit_techniques(run), called_mitigations(run)
    mitigations = mitigations_section(called, release)
    matrix = matrix_section(lit, release)
    main = (summary_section(run), _targets(run, groups), matrix, mitigations, _about(run))
    return element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        _masthead(run),
        _contents(run, has_mitigations=mitigations is not None),
        element("main", *main, id="report"),
        element("script", Markup(_asset("report.js"))),
    )


def _masthead(run: Run) -> Markup:
    moment = run.started.strftime("%Y-%m-%d %H:%M %Z").strip()
    return element(
        "header",
        element("p", element("strong", "weighbridge"), " what would loading this do?"),
        element("p", element("time", moment, datetime=run.started.isoformat())),
        class_="masthead",
    )


def _contents(run: Run, *, has_mitigations: bool) -> Markup:
    if len(run.results) == 1:
        links = [("t0-findings", "Findings"), ("t0-files", "Files"), ("t0-coverage", "Coverage")]
        links = links if isinstance(run.results[0], Scanned) else []
        entries = [element("li", element("a", label, href=f"#{key}")) for key, label in links]
    else:
        entries = [_target_link(number, result) for number, result in enumerate(run.results[:TARGETS])]
    rest = [("atlas", "MITRE ATLAS"), ("mitigations", "Mitigations"), ("about", "This report")]
    for key, label in rest:
        if key != "mitigations" or has_mitigations:
            entries.append(element("li", element("a", label, href=f"#{key}")))
    return element("nav", element("ul", *entries), class_="contents", aria_label="Contents")


def _target_link(number: int, result: TargetResult) -> Markup:
    link = element("a", name(result.target, most=60), href=f"#t{number}")
    word = verdict_word(result)
    return element("li", link, element("small", f" {word.lower()}"))


def _filter(groups: Sequence[ShownGroup]) -> Markup | None:
    """Hidden until the script shows it: without the script it would do nothing."""
    if not groups:
        return None
    boxes = [
        element(
            "label",
            element("input", type="checkbox", name="severity", value=level.word, checked="checked"),
            severity_label(level.word),
        )
        for level in severities_shown(groups)
    ]
    words = element("input", type="search", name="words", autocomplete="off", spellcheck="false")
    return element(
        "form",
        element("label", "Findings with ", words),
        element("fieldset", element("legend", "Severity", class_="unseen"), *boxes),
        element("p", id="filtered", role="status", aria_live="polite"),
        id="filter",
        hidden="hidden",
        role="search",
        aria_label="Filter findings",
    )


def _targets(run: Run, groups: Mapping[int, Sequence[ShownGroup]]) -> Markup:
    """Each target with all that is said of it; one form filters the findings of all."""
    form = _filter([group for of_target in groups.values() for group in of_target])
    room = _Room()
    if len(run.results) == 1:
        parts = _parts(run.results[0], groups.get(0, ()), room=room, level=2, anchor="t0", form=form)
        return fragment(*parts)
    sections = [
        _target(number, result, groups.get(number, ()), room)
        for number, result in enumerate(run.results[:TARGETS])
    ]
    if (cut := len(run.results) - TARGETS) > 0:
        more = f"{count(cut, 'more target')} would make this page too long: --format json has all."
        sections.append(element("p", more, class_="cut"))
    return element("div", form, *sections)


def _target(number: int, result: TargetResult, groups: Sequence[ShownGroup], room: _Room) -> Markup:
    anchor = f"t{number}"
    return element(
        "section",
        element("h2", target_title(result), id=f"{anchor}-title"),
        *lead(result),
        *_parts(result, groups, room=room, level=3, anchor=anchor, form=None),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
        class_="target",
    )


def _parts(
    result: TargetResult,
    groups: Sequence[ShownGroup],
    *,
    room: _Room,
    level: int,
    anchor: str,
    form: Markup | None,
) -> Iterator[Child]:
    if not isinstance(result, Scanned):
        return
    yield findings_section(groups, level=level, anchor=f"{anchor}-findings", filter_form=form)
    rows = file_rows(result)
    yield files_section(rows, room=room.files, level=level, anchor=f"{anchor}-files")
    room.files -= min(len(rows), room.files)
    yield coverage_section(result, level=level, anchor=f"{anchor}-coverage")
    yield accepted_section(result.accepted, level=level, anchor=f"{anchor}-accepted")
    yield opinions_section(result.report.opinions, level=level, anchor=f"{anchor}-opinions")
    yield notes_section(result, level=level, anchor=f"{anchor}-notes")


def _about(run: Run) -> Markup:
    facts = (
        ("weighbridge", run.tool_version),
        ("Signatures", run.signatures_version),
        ("ATLAS", run.atlas_label),
        ("Started", run.started.isoformat(timespec="seconds")),
        ("Took", duration(run.seconds)),
        ("Exit code", str(run.exit_code)),
    )
    described = [fragment(element("dt", label), element("dd", value)) for label, value in facts]
    commands = [printable(command(run, result)) for result in run.results[:_COMMANDS]]
    if len(run.results) > _COMMANDS:
        commands.append(f"# and {len(run.results) - _COMMANDS:,} more")
    return section(
        "This report",
        element("dl", *described, class_="facts"),
        element("p", "To see the same again, with the same versions and the same policy:"),
        element("pre", element("code", lines(commands))),
        element(
            "p",
            "Names and quotations from the target are shown with invisible characters and marks of "
            "direction spelled out, and cut where they are long. Nothing of the target is markup here, "
            "and this file asks the network for nothing.",
            class_="quiet",
        ),
        level=2,
        anchor="about",
    )
