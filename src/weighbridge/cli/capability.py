"""`weighbridge capability os.system torch.hub.load random._os.system`."""

from __future__ import annotations

import json
import shutil
import sys

import click

from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.reporters.capability import capability_document, look_up, render_capability


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "-f", "--format", "kind", type=click.Choice(["human", "json"]), default="human", show_default=True
)
def command(names: tuple[str, ...], kind: str) -> None:
    """Say what a callable can do: as a pickle names it, with the way through its library's source.

    A NAME is dotted (torch.hub.load); write MODULE:NAME to say where the module ends.
    """
    knowledge = CallableKnowledge.load(signatures_dir() / "callables")
    known = [look_up(name, knowledge) for name in names]
    if kind == "json":
        click.echo(json.dumps([capability_document(one) for one in known], indent=2))
        return
    width, colour = shutil.get_terminal_size((100, 24)).columns, sys.stdout.isatty()
    pages = [render_capability(one, width=width, colour=colour).rstrip("\n") for one in known]
    click.echo("\n\n".join(pages))
