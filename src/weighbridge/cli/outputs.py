"""Which report goes where."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from weighbridge.errors import UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.interface import Run, Scanned

FORMATS = ("human", "json", "sarif", "html", "markdown", "cyclonedx", "junit", "navigator")
_EXTENSIONS = {
    ".cdx.json": "cyclonedx",
    ".layer.json": "navigator",
    ".junit.xml": "junit",
    ".html": "html",
    ".json": "json",
    ".md": "markdown",
    ".sarif": "sarif",
    ".txt": "human",
}
"""In this order: the longer ends first."""
_WITH_DIGESTS = frozenset({"html", "cyclonedx"})
"""Formats that name local files by their bytes."""


@dataclass(frozen=True, slots=True)
class Output:
    """One report: its format, and its file; None is standard output."""

    format: str
    file: Path | None


def plan_outputs(formats: Sequence[str], files: Sequence[str]) -> tuple[Output, ...]:
    """Pair formats with files: by extension first, then in order; what has no file is printed.

    Raises:
        UsageError: a file whose format can't be told, or two reports for standard output.
    """
    left = list(formats)
    planned: list[Output] = []
    for file in files:
        kind = _kind(file, left, is_free=not formats)
        if kind in left:
            left.remove(kind)
        planned.append(Output(kind, Path(file)))
    printed = left or ([] if formats else ["human"])
    if len(printed) > 1:
        raise UsageError(
            f"only one report fits on standard output: give -o FILE for one of {', '.join(printed)}"
        )
    return (*planned, *(Output(kind, None) for kind in printed))


def _kind(file: str, left: Sequence[str], *, is_free: bool) -> str:
    """The format of one file, when `left` are the formats that were asked for and have no file yet.

    `-f sarif -o report.json` is SARIF; but `-f human -o report.json` is JSON in the file, and the
    human report on standard output.
    """
    wanted = _by_extension(file)
    if wanted is None and not left:
        raise UsageError(
            f"can't tell the format of {file!r}: name it with -f, or end it in "
            f"{', '.join(sorted(_EXTENSIONS))}"
        )
    if wanted is None:
        return left[0]
    if wanted in left or is_free:
        return wanted
    return next((kind for kind in left if kind != "human"), wanted)


def _by_extension(file: str) -> str | None:
    name = Path(file).name.lower()
    return next((kind for end, kind in _EXTENSIONS.items() if name.endswith(end)), None)


def write_outputs(run: Run, outputs: Sequence[Output], *, verbose: bool) -> None:
    """Render and write every report.

    Raises:
        UsageError: a file can't be written.
    """
    if any(output.format in _WITH_DIGESTS for output in outputs):
        run = _with_digests(run)
    for output in outputs:
        on_terminal = output.file is None and sys.stdout.isatty()
        text = _render(
            run, output.format, colour=on_terminal and "NO_COLOR" not in os.environ, verbose=verbose
        )
        if output.file is None:
            click.echo(text.rstrip("\n"))
            continue
        try:
            output.file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"can't write {str(output.file)!r}: {error.strerror}") from error


def _with_digests(run: Run) -> Run:
    """Add the sha256 of every local file: known to be of these bytes only if nobody writes meanwhile."""
    from weighbridge.engine.judgement import with_digests

    results = (
        replace(result, report=with_digests(result.report)) if isinstance(result, Scanned) else result
        for result in run.results
    )
    return replace(run, results=tuple(results))


def _render(run: Run, kind: str, *, colour: bool, verbose: bool) -> str:
    match kind:
        case "json":
            from weighbridge.reporters import json_report

            return json_report.render(run)
        case "sarif":
            from weighbridge.reporters import sarif

            return sarif.render(run)
        case "html":
            from weighbridge.reporters import html_report

            return html_report.render(run, Signatures.installed().release)
        case "markdown":
            from weighbridge.reporters import markdown_report

            return markdown_report.render(run)
        case "cyclonedx":
            from weighbridge.reporters import cyclonedx

            return cyclonedx.render(run)
        case "junit":
            from weighbridge.reporters import junit

            return junit.render(run)
        case "navigator":
            from weighbridge.reporters import navigator

            return navigator.render(run)
        case _:
            from weighbridge.reporters import human

            return human.render(run, width=width_of_terminal(), colour=colour, verbose=verbose)


def width_of_terminal() -> int:
    """Columns of the terminal, else what COLUMNS says, else 100."""
    # shutil.get_terminal_size would import three compressors.
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdigit() and int(columns) > 0 else 100
