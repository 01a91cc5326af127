"""`weighbridge audit`: whole stores into a database, again and again; reports out of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from weighbridge.cli.outputs import FORMATS, Output, plan_outputs, width_of_terminal, write_outputs
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.words import printable, shortened

if TYPE_CHECKING:
    from weighbridge.audit.report import Judging
    from weighbridge.audit.sqlite_store import SqliteStore
    from weighbridge.audit.summary import Tally
    from weighbridge.reporters.interface import TargetResult

_EVERY_S: Final = 0.2
_NAME_CHARS: Final = 40
_RUNS_SHOWN: Final = 5
_TABLE: Final = "csv"

_STORE = click.option(
    "--store",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Database of the audit (SQLite).",
)


@click.group(short_help="Audit whole stores into a database, again and again.")
def command() -> None:
    """Audit whole stores: list them, scan what is new or changed, and keep what was found."""


@command.command("run", short_help="List sources, scan what is new, and decide.")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@_STORE
@click.option(
    "--retry", is_flag=True, help="Also look again at what broke the scanner and was set aside."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=500,
    metavar="FILES",
    help="Files scanned between two commits: what a kill costs at most.",
    show_default=True,
)
@policy_options
@scan_options
def run_command(
    *,
    targets: tuple[str, ...],
    store: Path,
    retry: bool,
    batch: int,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Audit each TARGET into the store, and decide over all of them.

    A TARGET is whatever `weighbridge scan` takes, or a list: @FILE, or a file that ends in .txt, with a
    target on each line. A run that was killed goes on where it was when it is started again.

    Exit codes: 0 pass, 1 fail, 2 a target can't be read at all, 3 incomplete.
    """
    from weighbridge.audit.auditing import audit
    from weighbridge.audit.report import Judging, results_of
    from weighbridge.audit.settings import AuditSettings
    from weighbridge.audit.sqlite_store import SqliteStore
    from weighbridge.audit.summary import Tally, render_run
    from weighbridge.audit.targets import read_targets

    signatures = Signatures.installed()
    sources = read_targets(targets)
    loaded = policy.load(signatures, [source.target for source in sources])
    with _opened(SqliteStore.for_writing(store)) as opened, _watching(sys.stderr) as line:
        fetch = replace(settings.fetch, on_wait=line.waiting)
        asked = AuditSettings(
            scan=replace(settings, fetch=fetch),
            signatures_version=signatures.version,
            trust_for=loaded.trust_for,
            retries_set_aside=retry,
            batch_files=batch,
            watcher=line,
        )
        try:
            run_id = audit(sources, opened, asked)
        except KeyboardInterrupt:
            line.clear()
            raise UsageError(
                f"interrupted; what was scanned is in {str(store)!r}. Start it again to go on"
            ) from None
        line.clear()
        tally = Tally()
        for result in results_of(opened, Judging(loaded, signatures), run_id=run_id):
            tally.add(result)
        click.echo(tally.headline(store))
        click.echo(render_run(opened.runs(1)[0]))
        for missing in tally.unreachable:
            click.echo(f"Can't read {printable(missing.target)}: {printable(missing.error)}")
        click.echo(f"weighbridge audit report --store {store}  tells what was found.")
    raise click.exceptions.Exit(tally.exit_code)


@command.command("status", short_help="Say how far an audit is.")
@_STORE
def status_command(*, store: Path) -> None:
    """Say for each source how many files it holds, and what is left to scan. Reads the store only."""
    from weighbridge.audit.sqlite_store import SqliteStore
    from weighbridge.audit.summary import render_status

    with _opened(SqliteStore.for_reading(store)) as opened:
        rows = [(one, opened.totals(one.id, one.examiner_id)) for one in opened.sources()]
        runs = opened.runs(_RUNS_SHOWN)
        versions = opened.examiner_of(runs[0].examiner_id) if runs else None
        click.echo(render_status(rows, runs, versions))


@command.command("report", short_help="Report on all that a store holds.")
@_STORE
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    type=click.Choice((*FORMATS, _TABLE)),
    help="Default: human.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write to FILE, in the format of its extension or in the one given with -f.",
)
@policy_options
@click.option("-v", "--verbose", is_flag=True, help="Also tell of what passes.")
def report_command(
    *,
    store: Path,
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    policy: PolicyOptions,
    verbose: bool,
) -> None:
    """Hold what the store knows against today's policy, and report.

    Nothing is listed or scanned. Each repository is a target in the report, as if it had been scanned
    alone.

    Exit codes: 0 pass, 1 fail, 2 a source can't be read at all, 3 incomplete.
    """
    from weighbridge.audit.report import Judging
    from weighbridge.audit.sqlite_store import SqliteStore

    planned = _planned(formats, outputs)
    signatures = Signatures.installed()
    with _opened(SqliteStore.for_reading(store)) as opened:
        local = [source.target for source in opened.sources()]
        judging = Judging(policy.load(signatures, local), signatures)
        codes = [_write(opened, judging, output, store, verbose=verbose) for output in planned]
    raise click.exceptions.Exit(codes[0])


@contextmanager
def _opened(store: SqliteStore) -> Iterator[SqliteStore]:
    try:
        yield store
    finally:
        store.close()


def _planned(formats: Sequence[str], files: Sequence[str]) -> tuple[Output, ...]:
    """As for a scan; a table besides."""
    tables = [file for file in files if file.lower().endswith(f".{_TABLE}")]
    left = list(formats)
    for _ in tables:
        if _TABLE in left:
            left.remove(_TABLE)
    others = [file for file in files if file not in tables]
    if formats and not left and not others:
        return tuple(Output(_TABLE, Path(file)) for file in tables)
    return (*(Output(_TABLE, Path(file)) for file in tables), *plan_outputs(left, others))


def _write(opened: SqliteStore, judging: Judging, output: Output, store: Path, *, verbose: bool) -> int:
    """Write one report; return the exit code. Tables and texts take little memory, the others all."""
    from weighbridge.audit.report import frame_of, results_of
    from weighbridge.audit.summary import Tally, render_report

    frame = frame_of(opened)
    tally = Tally(is_verbose=verbose)
    results = _counted(results_of(opened, judging), tally)
    match output.format:
        case "csv":
            from weighbridge.audit import csv_report

            _put(csv_report.lines_of(results), output.file)
        case "human":
            for _ in results:
                pass
            on_terminal = output.file is None and sys.stdout.isatty()
            colour = on_terminal and "NO_COLOR" not in os.environ
            width = width_of_terminal()
            text = render_report(frame, tally, store=store, width=width, colour=colour)
            _put([f"{text.rstrip()}\n"], output.file)
        case _:
            write_outputs(replace(frame, results=tuple(results)), (output,), verbose=verbose)
    return tally.exit_code


def _counted(results: Iterator[TargetResult], tally: Tally) -> Iterator[TargetResult]:
    for result in results:
        tally.add(result)
        yield result


def _put(lines: Iterable[str], file: Path | None) -> None:
    if file is None:
        for line in lines:
            click.echo(line.rstrip("\r\n"))
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise UsageError(f"can't write {str(file)!r}: {error.strerror}") from error


class _Line:
    """How an audit goes on, in one line of a terminal, with rate and what is left. Silent in a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = stream.isatty()
        self._head = ""
        self._listed = self._done = self._known = 0
        self._began = self._drawn = time.monotonic()

    def source(self, shown: str, number: int, count: int) -> None:
        self._head = f"{number} of {count}  {shortened(printable(shown), _NAME_CHARS)}"
        self._listed = self._done = self._known = 0
        self._draw(f"{self._head}  listing")

    def listed(self, files: int) -> None:
        self._listed += files
        self._draw(f"{self._head}  {self._listed:,} files listed")

    def planned(self, files: int) -> None:
        self._known = files
        self._began = time.monotonic()

    def scanned(self, name: str) -> None:
        self._done += 1
        rate = self._done / max(0.001, time.monotonic() - self._began)
        left = max(0, self._known - self._done) / rate
        words = f"{self._done:,} of {self._known:,} scanned, {rate:,.0f}/s, {_clock(left)} left"
        self._draw(f"{self._head}  {words}")

    def waiting(self, seconds: float, reason: str) -> None:
        """Say that a server makes us wait, on a terminal and in a pipe alike."""
        self.clear()
        print(f"Waiting {seconds:.0f} s: {printable(reason)}", file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _draw(self, words: str) -> None:
        if self._is_shown and time.monotonic() - self._drawn >= _EVERY_S:
            self._drawn = time.monotonic()
            self._stream.write(f"\r\x1b[K{shortened(words, max(20, width_of_terminal() - 1))}")
            self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _watching(stream: TextIO) -> Iterator[_Line]:
    """A line that is gone when the block ends; meanwhile SIGTERM ends the audit as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    line = _Line(stream)
    try:
        yield line
    finally:
        line.clear()
        signal.signal(signal.SIGTERM, before)
