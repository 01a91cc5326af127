"""What a person reads of an audit: the verdict over all, then only what does not pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from weighbridge.audit.store import RunRow, SourceRow, SourceTotals
from weighbridge.core.report import Verdict
from weighbridge.policy import exit_code
from weighbridge.reporters import human
from weighbridge.reporters.interface import Run, TargetResult, Unreachable
from weighbridge.reporters.words import count, duration, printable, size

_SHOWN = 50
"""Targets that do not pass and are told of in full; the rest is counted."""
_VERDICTS = ((Verdict.FAIL, "fail"), (Verdict.INCOMPLETE, "incomplete"), (Verdict.PASS, "pass"))


@dataclass(slots=True)
class Tally:
    """What is kept of results as they pass by: counts, and the worst few of them.

    Attributes:
        unreachable: the first of the sources that could not be read.
        shown: those that do not pass, what fails first; with `is_verbose` all of them.
    """

    is_verbose: bool = False
    files: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    unreachable: list[Unreachable] = field(default_factory=list)
    shown: list[TargetResult] = field(default_factory=list)
    _codes: set[Verdict | None] = field(default_factory=set)

    def add(self, result: TargetResult) -> None:
        self.verdicts[result.verdict] += 1
        if isinstance(result, Unreachable):
            self._codes.add(None)
            self.unreachable += [result] if len(self.unreachable) < _SHOWN else []
        else:
            self._codes.add(result.verdict)
            self.files += len(result.report.files)
        if self.is_verbose or result.verdict is not Verdict.PASS:
            self._show(result)

    def _show(self, result: TargetResult) -> None:
        self.shown.append(result)
        if not self.is_verbose and len(self.shown) > 2 * _SHOWN:
            self.shown = self.worst()

    def worst(self) -> list[TargetResult]:
        """Return those to tell of: what fails, then what is incomplete, each in its order."""
        order = [verdict for verdict, _ in _VERDICTS]
        ranked = sorted(self.shown, key=lambda one: order.index(one.verdict))
        return ranked if self.is_verbose else ranked[:_SHOWN]

    @property
    def verdict(self) -> Verdict:
        """The worst of all; incomplete when there is nothing."""
        return next((one for one, _ in _VERDICTS if self.verdicts[one]), Verdict.INCOMPLETE)

    @property
    def exit_code(self) -> int:
        return exit_code(self._codes)

    def headline(self, store: Path) -> str:
        """Return one line: the verdict over all, and of how much."""
        parts = [count(self.verdicts.total(), "target"), count(self.files, "file")]
        parts += [f"{self.verdicts[one]:,} {word}" for one, word in _VERDICTS if self.verdicts[one]]
        return f"{self.verdict.value.upper()}  {printable(str(store))}  ·  {'  ·  '.join(parts)}"


def render_report(frame: Run, tally: Tally, *, store: Path, width: int, colour: bool) -> str:
    """Return the text of `audit report`.

    Args:
        frame: the run without its results.
        tally: of all results.
        store: where they come from.
        width: of the terminal, in columns.
        colour: with ANSI colours for severities.
    """
    lines = [tally.headline(store), ""]
    told = tuple(tally.worst())
    if told:
        run = replace(frame, results=told)
        lines += [human.render(run, width=width, colour=colour, verbose=tally.is_verbose)]
    total = tally.verdicts.total()
    left = (total if tally.is_verbose else total - tally.verdicts[Verdict.PASS]) - len(told)
    if left:
        lines += [f"{left:,} more do not pass: --verbose tells of all, -f csv -o report.csv lists them."]
    return "\n".join(lines)


def render_run(run: RunRow) -> str:
    """Return what a run did, as one line."""
    done = run.counters
    rate = f", {done.listed / done.seconds:,.0f} files/s" if done.seconds > 0 else ""
    traffic = (
        f"; {done.requests:,} requests, {size(done.bytes_received)} received" if done.requests else ""
    )
    return (
        f"{count(done.listed, 'file')} listed, {done.scanned:,} scanned, "
        f"{done.reused:,} known already, {count(done.judged, 'repository', 'repositories')} judged "
        f"in {duration(done.seconds)}{rate}{traffic}"
    )


def render_status(
    rows: Iterable[tuple[SourceRow, SourceTotals]],
    runs: Sequence[RunRow],
    versions: tuple[str, str] | None,
) -> str:
    """Return the text of `audit status`."""
    lines: list[str] = []
    for source, totals in rows:
        left = sum(totals.states.get(state, 0) for state in ("new", "pending", "leased"))
        lines.append(f"{printable(source.target)}")
        lines.append(
            f"    {source.state}  ·  {count(totals.repositories, 'repository', 'repositories')}  ·  "
            f"{count(totals.files, 'file')}, {left:,} still to scan{_special(totals)}"
        )
        lines += [f"    {printable(line)}" for line in source.detail.splitlines()]
    lines.append("")
    for run in runs:
        lines.append(f"Run {run.id}  {run.started}  {run.state}  ({run.place})")
        lines.append(f"    {render_run(run)}")
    if versions is not None:
        lines += ["", f"weighbridge {versions[0]}, signatures {versions[1]}"]
    return "\n".join(lines)


def _special(totals: SourceTotals) -> str:
    words = (
        (totals.states.get("unread", 0), "could not be read, the next run tries again"),
        (totals.states.get("set aside", 0), "set aside, --retry tries again"),
        (totals.gone, "gone"),
    )
    return "".join(f"  ·  {number:,} {word}" for number, word in words if number)
