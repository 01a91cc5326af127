"""`weighbridge gate mlflow`: model versions in, tags and an alias out."""

from __future__ import annotations

import dataclasses
import time

import click

from weighbridge.cli.outputs import FORMATS, plan_outputs, write_outputs
from weighbridge.cli.running import run
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.interface import TargetResult
from weighbridge.reporters.words import printable


@click.command(short_help="Scan model versions of MLflow and promote what passes.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--alias", metavar="NAME", help="Move this alias to the version, on PASS only.")
@click.option(
    "--tag/--no-tag",
    "is_tagging",
    default=True,
    help="Write the verdict to the version. Default: --tag.",
)
@click.option(
    "--all-new",
    "is_all_new",
    is_flag=True,
    help="Every version of MODEL, or of every model, that has no verdict of these signatures.",
)
@click.option(
    "--dry-run", "is_rehearsal", is_flag=True, help="Scan, and say what would be written; write nothing."
)
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
    help="Write the report to FILE, in the format of its extension or in the one given with -f.",
)
@policy_options
@scan_options
@click.option("-v", "--verbose", is_flag=True, help="Also show low and info findings.")
def command(
    *,
    models: tuple[str, ...],
    alias: str | None,
    is_tagging: bool,
    is_all_new: bool,
    is_rehearsal: bool,
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    verbose: bool,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Scan each MODEL version of an MLflow registry, tag it, and move an alias on PASS.

    A MODEL is name, name/3, name@alias or name/Staging; a name alone is its latest version. The
    registry is the one of MLFLOW_TRACKING_URI or MLFLOW_REGISTRY_URI.

    Exit codes: 0 pass, 1 fail, 2 not read or not written, 3 incomplete, or changed meanwhile.
    """
    from weighbridge.gate.mlflow import GateRequest, run_gate

    planned = plan_outputs(formats, outputs)
    signatures = Signatures.installed()
    loaded = policy.load(signatures, ())
    clock, shell = time.monotonic(), run((), settings, signatures=signatures, policy=loaded)

    def scan(target: str) -> TargetResult:
        return run((target,), settings, signatures=signatures, policy=loaded).results[0]

    request = GateRequest(
        models=models,
        alias=alias,
        is_tagging=is_tagging,
        is_all_new=is_all_new,
        is_rehearsal=is_rehearsal,
        signatures_version=signatures.version,
    )
    gated = run_gate(request, scan, settings.fetch)
    done = dataclasses.replace(shell, results=tuple(gated.results), seconds=time.monotonic() - clock)
    if done.results:
        write_outputs(done, planned, verbose=verbose)
    is_report_printed = any(one.file is None and one.format != "human" for one in planned)
    if done.results and gated.steps and not is_report_printed:
        click.echo()
    for step in gated.steps:
        click.echo(printable(step.words), err=is_report_printed)
    raise click.exceptions.Exit(gated.exit_code(done.exit_code if done.results else 0))
