"""`weighbridge disasm`: what a pickle does, line by line, or its trace as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

from weighbridge.bytesource.local import LocalFile
from weighbridge.core.limits import Limits
from weighbridge.errors import ReadError, TargetNotFound
from weighbridge.formats.pickle.contents import Contents, read_contents
from weighbridge.formats.pickle.listing import listing
from weighbridge.formats.pickle.trace_json import trace_document


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-f", "--format", "kind", type=click.Choice(["human", "json"]), default="human", show_default=True
)
def command(file: Path, kind: str) -> None:
    """List the opcodes of every pickle in FILE, with what each import, call and state would do.

    FILE is a pickle itself, not an archive that holds one. Nothing in it is run.
    """
    try:
        source = LocalFile(file.resolve())
    except ReadError as error:
        raise TargetNotFound(f"can't read {str(file)!r}: {error}") from error
    contents = read_contents(source, Limits())
    if kind == "json":
        click.echo(json.dumps(trace_document(contents), indent=2))
        return
    for line in _lines(contents):
        click.echo(line)
    source.close()


def _lines(contents: Contents) -> list[str]:
    lines: list[str] = []
    for stream in contents.streams:
        lines.extend(listing(stream))
        lines.append("")
    lines += [f"bytes {gap.start:,} to {gap.stop:,} belong to no pickle" for gap in contents.gaps]
    return lines or ["There is no pickle in this file."]
