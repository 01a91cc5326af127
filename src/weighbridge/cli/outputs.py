"""Which report goes where."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from weighbridge.errors import UsageError
from weighbridge.reporters.interface import Run

FORMATS = ("human", "json", "sarif")
_EXTENSIONS = {".json": "json", ".sarif": "sarif", ".txt": "human"}


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
        wanted = _EXTENSIONS.get(Path(file).suffix.lower())
        if wanted is not None and (wanted in left or not formats):
            kind = wanted
        elif left:
            kind = left[0]
        elif wanted is not None:
            kind = wanted
        else:
            raise UsageError(
                f"can't tell the format of {file!r}: name it with -f, or end it in .json or .sarif"
            )
        if kind in left:
            left.remove(kind)
        planned.append(Output(kind, Path(file)))
    printed = left or ([] if formats else ["human"])
    if len(printed) > 1:
        raise UsageError(
            f"only one report fits on standard output: give -o FILE for one of {', '.join(printed)}"
        )
    return (*planned, *(Output(kind, None) for kind in printed))


def write_outputs(run: Run, outputs: Sequence[Output], *, verbose: bool) -> None:
    """Render and write every report.

    Raises:
        UsageError: a file can't be written.
    """
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


def _render(run: Run, kind: str, *, colour: bool, verbose: bool) -> str:
    match kind:
        case "json":
            from weighbridge.reporters import json_report

            return json_report.render(run)
        case "sarif":
            from weighbridge.reporters import sarif

            return sarif.render(run)
        case _:
            from weighbridge.reporters import human

            return human.render(run, width=_width(), colour=colour, verbose=verbose)


def _width() -> int:
    # shutil.get_terminal_size would import three compressors.
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdigit() and int(columns) > 0 else 100
