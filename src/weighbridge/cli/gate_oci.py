"""`weighbridge gate oci`: an artifact of a registry in, its report and a tag out."""

from __future__ import annotations

import click

from weighbridge.cli.outputs import FORMATS, plan_outputs, write_outputs
from weighbridge.cli.running import run
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.interface import Run
from weighbridge.reporters.words import printable


@click.command(short_help="Scan an artifact of an OCI registry and tag it when it passes.")
@click.argument("target", metavar="TARGET")
@click.option("--promote", metavar="TAG", help="Give this tag to what was scanned, on PASS only.")
@click.option(
    "--attach", "is_attaching", is_flag=True, help="Push the report (JSON and SARIF) as a referrer."
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
    target: str,
    promote: str | None,
    is_attaching: bool,
    is_rehearsal: bool,
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    verbose: bool,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Scan TARGET, attach the report to it, and give it a tag on PASS.

    A TARGET is oci://registry/repository:tag or oci://registry/repository@sha256:digest. The tag
    goes to the digest that was scanned, wherever the one in TARGET points by then.

    Exit codes: 0 pass, 1 fail, 2 not read or not written, 3 incomplete.
    """
    from weighbridge.gate.oci import GateRequest, gate_oci

    planned = plan_outputs(formats, outputs)
    signatures = Signatures.installed()
    loaded = policy.load(signatures, ())

    def scan(target: str) -> Run:
        done = run((target,), settings, signatures=signatures, policy=loaded)
        write_outputs(done, planned, verbose=verbose)
        return done

    request = GateRequest(
        target=target, promote=promote, is_attaching=is_attaching, is_rehearsal=is_rehearsal
    )
    gated = gate_oci(request, scan, settings.fetch)
    is_report_printed = any(one.file is None and one.format != "human" for one in planned)
    if gated.steps and not is_report_printed:
        click.echo()
    for step in gated.steps:
        click.echo(printable(step.words), err=is_report_printed)
    raise click.exceptions.Exit(gated.exit_code)
