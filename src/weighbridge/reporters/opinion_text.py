"""Tell a person which other engines were asked, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weighbridge.core.report import Opinion, OpinionState
from weighbridge.reporters.page import COLUMN, Page
from weighbridge.reporters.words import count, printable, shortened

_SHOWN = 5
_SHOWN_VERBOSE = 2000
_NAME_CHARACTERS = 80
_EVIDENCE_LINES = 12


def write_opinions(page: Page, opinions: Sequence[Opinion], *, verbose: bool) -> None:
    """A line for each engine, and one for each artifact on which it disagrees.

    Args:
        page: where to.
        opinions: of one target; nothing is written without any.
        verbose: also those that agree, with their evidence. Failures stand among the gaps.
    """
    for number, engine in enumerate(dict.fromkeys(opinion.engine for opinion in opinions)):
        own = [opinion for opinion in opinions if opinion.engine == engine]
        page.row("Opinions" if number == 0 else "", f"{_name(own)}: {_states(own)}")
        _write_rows(page, [one for one in own if _is_told(one, verbose=verbose)], verbose=verbose)


def _name(own: Sequence[Opinion]) -> str:
    version = next((one.version for one in own if one.version is not None), None)
    return printable(own[0].engine if version is None else f"{own[0].engine} {version}")


def _states(own: Sequence[Opinion]) -> str:
    numbers = Counter(one.state for one in own)
    return ", ".join(f"{numbers[state]:,} {state.value}" for state in OpinionState if numbers[state])


def _is_told(one: Opinion, *, verbose: bool) -> bool:
    return one.state is OpinionState.DISAGREED or (verbose and one.state is OpinionState.AGREED)


def _write_rows(page: Page, rows: Sequence[Opinion], *, verbose: bool) -> None:
    most = _SHOWN_VERBOSE if verbose else _SHOWN
    for one in rows[:most]:
        name = printable(shortened(one.artifact, _NAME_CHARACTERS))
        page.prose(f"{name}: {printable(one.reason)}", indent=COLUMN + 2)
        if verbose:
            _write_evidence(page, one)
    if len(rows) > most:
        page.prose(f"and {count(len(rows) - most, 'more artifact')} (--verbose)", indent=COLUMN + 2)


def _write_evidence(page: Page, one: Opinion) -> None:
    lines = one.evidence.splitlines()
    for line in lines[:_EVIDENCE_LINES]:
        page.prose(printable(shortened(line, 200)), indent=COLUMN + 6)
    if len(lines) > _EVIDENCE_LINES:
        rest = count(len(lines) - _EVIDENCE_LINES, "more line")
        page.prose(f"and {rest} (--format json)", indent=COLUMN + 6)
