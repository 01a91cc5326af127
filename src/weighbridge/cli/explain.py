"""`weighbridge explain PKL001`, `weighbridge explain AML.T0011.000`."""

from __future__ import annotations

import shutil
import sys

import click

from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.explain import explain


@click.command()
@click.argument("identifier", metavar="ID")
def command(identifier: str) -> None:
    """Explain a rule (PKL001), an ATLAS technique (AML.T0011.000) or a mitigation (AML.M0014)."""
    signatures = Signatures.installed()
    text = explain(
        identifier,
        rules=signatures.rules,
        release=signatures.release,
        width=shutil.get_terminal_size((100, 24)).columns,
        colour=sys.stdout.isatty(),
    )
    click.echo(text.rstrip("\n"))
