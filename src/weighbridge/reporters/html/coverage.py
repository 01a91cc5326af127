"""What was looked at in one target, what was not and why, and what other engines said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from weighbridge.core.report import OPINION, REPOSITORY, Coverage, Opinion, OpinionState, Outcome
from weighbridge.reporters.html.markup import Markup, element, fragment, name, row, section, table
from weighbridge.reporters.html.selection import GAPS, NAMES, OPINIONS, head
from weighbridge.reporters.interface import AcceptedFinding, Scanned
from weighbridge.reporters.words import count, printable, shortened, size


def coverage_section(result: Scanned, *, level: int, anchor: str) -> Markup:
    """Gaps first, then a row for each format."""
    rows = [one for one in result.report.coverage if one.format not in (OPINION, REPOSITORY)]
    open_rows = [one for one in result.report.coverage if not one.outcome.is_complete]
    extra = [one for one in result.decision.gaps if one.outcome.is_complete]
    gaps = [*open_rows, *extra]
    note = f"{len(rows) - sum(not one.outcome.is_complete for one in rows):,} of {len(rows):,} artifacts"
    return section("Coverage", *_gaps(gaps), *_formats(rows), level=level, anchor=anchor, note=note)


def _gaps(gaps: Sequence[Coverage]) -> Iterator[Markup]:
    if not gaps:
        yield element("p", "Everything that a loader would run was read to its end.")
        return
    by_reason: dict[tuple[Outcome, str], list[Coverage]] = {}
    for gap in gaps:
        by_reason.setdefault((gap.outcome, gap.detail), []).append(gap)
    reasons, cut = head(list(by_reason.items()), GAPS)
    yield element("p", "Not looked at, or not to the end:")
    items = (_reason(outcome, detail, members) for (outcome, detail), members in reasons)
    yield element("ul", *items, class_="gaps")
    if cut:
        yield _cut(f"And {count(cut, 'more reason')}: --format json has all of them.")


def _cut(sentence: str) -> Markup:
    return element("p", sentence, class_="cut")


def _reason(outcome: Outcome, detail: str, members: Sequence[Coverage]) -> Markup:
    shown, cut = head(members, NAMES)
    names = [element("li", name(gap.artifact)) for gap in shown]
    if cut:
        names.append(element("li", f"and {cut:,} more"))
    listed = element("ul", *names)
    if len(members) > 3:
        summary = element("summary", count(len(members), "artifact"))
        listed = element("details", summary, listed)
    said = element("bdi", printable(shortened(detail, 600))) if detail else None
    reason = element("p", element("strong", outcome.value), ": " if said else None, said)
    return element("li", reason, listed)


def _formats(rows: Sequence[Coverage]) -> Iterator[Markup]:
    if not rows:
        return
    groups: dict[tuple[str, Outcome], list[Coverage]] = {}
    for one in rows:
        groups.setdefault((one.format, one.outcome), []).append(one)
    body = [
        row(
            printable(shortened(kind, 60)),
            outcome.value,
            f"{len(members):,}",
            size(sum(one.size_bytes or 0 for one in members)),
            size(sum(one.bytes_read for one in members)),
        )
        for (kind, outcome), members in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    yield table(
        *("Format", "Looked at", "Artifacts", "Size", "Read"),
        body=[element("tbody", *body)],
        caption="What was looked at, by format",
        class_="from3",
    )


def accepted_section(accepted: Sequence[AcceptedFinding], *, level: int, anchor: str) -> Markup | None:
    """Findings that the user's policy accepts, by which entry; None when there are none."""
    if not accepted:
        return None
    numbers = Counter(entry.suppression for entry in accepted)
    shown, cut = head(list(numbers.items()), GAPS)
    body = [
        row(
            element("span", entry.rule, class_="id"),
            name(entry.artifact),
            f"{number:,}",
            element("bdi", entry.reason),
            element("bdi", entry.owner) if entry.owner else "nobody named",
            entry.lasts,
        )
        for entry, number in shown
    ]
    drawn = table(
        *("Rule", "Where", "Findings", "Reason", "Owner", "Lasts"),
        body=[element("tbody", *body)],
        caption="Findings that the policy accepts",
    )
    more = _cut(f"And {count(cut, 'more suppression')}.") if cut else None
    said = element("p", "The policy suppresses these; they do not count for the verdict.")
    note = f"{len(accepted):,}"
    return section("Accepted by the policy", said, drawn, more, level=level, anchor=anchor, note=note)


def notes_section(result: Scanned, *, level: int, anchor: str) -> Markup | None:
    """The policy's notes and what the registry says of the target; None when there are none."""
    said = [element("li", element("bdi", note)) for note in result.decision.notes]
    verdicts = result.report.origin.registry_verdicts
    for vendor, word in list(verdicts.items())[:NAMES]:
        said.append(element("li", "The registry shows: ", name(vendor), " ", name(word)))
    if not said:
        return None
    return section("Notes", element("ul", *said), level=level, anchor=anchor)


def opinions_section(opinions: Sequence[Opinion], *, level: int, anchor: str) -> Markup | None:
    """What other engines made of it; None when none was asked."""
    if not opinions:
        return None
    engines = dict.fromkeys((one.engine, one.version) for one in opinions)
    tally = [element("li", *_engine(opinions, *engine)) for engine in engines]
    telling = [one for one in opinions if one.state is not OpinionState.SKIPPED]
    telling.sort(key=lambda one: one.state is OpinionState.AGREED)
    shown, cut = head(telling, OPINIONS)
    body = [
        row(
            name(one.artifact), one.engine, one.state.value, element("bdi", one.reason), _objections(one)
        )
        for one in shown
    ]
    drawn = table(
        *("Artifact", "Engine", "State", "Why", "Objects to"),
        body=[element("tbody", *body)],
        caption="Second opinions",
    )
    return section(
        "Second opinions",
        element("ul", *tally),
        drawn if body else None,
        _cut(f"And {count(cut, 'more opinion')}: --format json has all of them.") if cut else None,
        level=level,
        anchor=anchor,
    )


def _engine(opinions: Sequence[Opinion], engine: str, version: str | None) -> Iterator[Markup | str]:
    numbers = Counter(one.state for one in opinions if (one.engine, one.version) == (engine, version))
    states = ", ".join(f"{numbers[state]:,} {state.value}" for state in OpinionState if numbers[state])
    yield element("strong", engine if version is None else f"{engine} {version}")
    yield f": {states}"


def _objections(one: Opinion) -> Markup | None:
    shown, cut = head(one.objections, 5)
    words = [fragment("; " if number else "", name(text, most=160)) for number, text in enumerate(shown)]
    return fragment(*words, f" and {cut:,} more" if cut else None) if words else None
