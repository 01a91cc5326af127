"""`weighbridge scan`: targets in, a report on each, an exit code."""

from __future__ import annotations

import click

from weighbridge.cli.outputs import FORMATS, plan_outputs, write_outputs
from weighbridge.cli.running import run
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.knowledge.signatures import Signatures


@click.command(short_help="Scan targets and decide.")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "-f", "--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Default: human."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write to FILE, in the format of its extension (.html, .json, .md, .sarif, ...) or of -f.",
)
@policy_options
@scan_options
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show low and info findings, and what was looked at."
)
def command(
    *,
    targets: tuple[str, ...],
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    verbose: bool,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Scan each TARGET and decide.

    A TARGET is a file, a folder, a glob, or an address: hf://org/name[@revision], an https:// file or
    page of the hub, s3:// gs:// az://, oci:// ollama://, models:/ runs:/, git+https:// github://,
    dvc:// pypi:// modelscope:// kaggle:// wandb:// jfrog:// ngc://. A gated or private repository
    needs a token: docs/sources.md says where each is taken from.

    Exit codes: 0 pass, 1 fail, 2 a target can't be read at all, 3 incomplete.
    """
    planned = plan_outputs(formats, outputs)
    signatures = Signatures.installed()
    done = run(targets, settings, signatures=signatures, policy=policy.load(signatures, targets))
    write_outputs(done, planned, verbose=verbose)
    raise click.exceptions.Exit(done.exit_code)
