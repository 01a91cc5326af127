"""`weighbridge explain PKL001`, `weighbridge explain AML.T0011.000`."""

from __future__ import annotations

import shutil
import sys

import click

from weighbridge.knowledge.atlas_index import load_index
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules
from weighbridge.reporters.explain import explain


@click.command()
@click.argument("identifier", metavar="ID")
def command(identifier: str) -> None:
    """Explain a rule (PKL001), an ATLAS technique (AML.T0011.000) or a mitigation (AML.M0014)."""
    signatures = signatures_dir()
    text = explain(
        identifier,
        rules=load_rules(signatures / "rules"),
        release=load_index(signatures / "atlas" / "index.json"),
        width=shutil.get_terminal_size((100, 24)).columns,
        colour=sys.stdout.isatty(),
    )
    click.echo(text.rstrip("\n"))
