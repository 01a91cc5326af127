"""`weighbridge rules`: every rule on one line."""

from __future__ import annotations

import shutil
import sys

import click

from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.explain import render_rules


@click.command()
def command() -> None:
    """List every rule with its severity; `weighbridge explain ID` tells more."""
    rules = Signatures.installed().rules
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(render_rules(rules, width=width, colour=sys.stdout.isatty()).rstrip("\n"))
