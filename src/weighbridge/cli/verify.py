"""`weighbridge verify`: a folder or a target against its lock."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed, UsageError
from weighbridge.knowledge.signatures import Signatures


@click.command(short_help="Hold a folder or a target against its lock.")
@click.argument("target", metavar="DIR|TARGET")
@click.option(
    "--lock",
    "lock_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The lock. Default: weighbridge.lock in DIR.",
)
@click.option(
    "--attestation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="In place of a lock: what `weighbridge attest` signed, by whom the --signing options name.",
)
@click.option("--remote", is_flag=True, help="Also ask the target that DIR was pulled from.")
@click.option("--rescan", is_flag=True, help="Also scan DIR again, with the signatures of now.")
@click.option("-f", "--format", "kind", type=click.Choice(["human", "json"]), default="human")
@policy_options
@scan_options
def command(
    *,
    target: str,
    lock_file: Path | None,
    attestation: Path | None,
    remote: bool,
    rescan: bool,
    kind: str,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Hold a pulled folder DIR, or a TARGET where it is, against a weighbridge.lock.

    Every file is read and compared; what was changed, added or taken away is named. A TARGET, like
    --remote, is compared by the digests that its registry states.

    Exit codes: 0 the same, 1 different, 2 it can't be done, 3 not everything could be checked.
    """
    if attestation is not None:
        if lock_file is not None or remote or rescan or kind != "human":
            raise UsageError("--attestation goes with none of --lock, --remote, --rescan and -f")
        _check_attestation(target, attestation, settings)
    from weighbridge.pull.verification_text import render, render_json
    from weighbridge.pull.verifying import verify

    signatures = Signatures.installed()
    if rescan and not Path(target).is_dir():
        raise UsageError("--rescan is for a folder; weighbridge scan looks at a target")
    done = verify(
        target,
        lock_file=lock_file,
        with_target=remote,
        settings=settings.fetch,
        signatures=signatures,
    )
    click.echo(render_json(done) if kind == "json" else render(done), nl=False)
    if rescan and done.exit_code == 0:
        _rescan(Path(target), policy, settings, signatures=signatures, lock_file=lock_file)
    raise click.exceptions.Exit(done.exit_code)


def _check_attestation(target: str, attestation: Path, settings: ScanSettings) -> NoReturn:
    from weighbridge.attestation.checking import check, render

    done = check(target, attestation, settings.trust, settings.fetch)
    click.echo(render(target, done), nl=False)
    raise click.exceptions.Exit(0 if done.is_passed else 1)


def _rescan(
    folder: Path,
    policy: PolicyOptions,
    settings: ScanSettings,
    *,
    signatures: Signatures,
    lock_file: Path | None,
) -> None:
    from weighbridge.cli.outputs import plan_outputs, write_outputs
    from weighbridge.cli.running import told
    from weighbridge.pull.lock import read_lock
    from weighbridge.pull.names import LOCK_NAME
    from weighbridge.pull.verifying import rescan

    lock = read_lock(lock_file or folder / LOCK_NAME)
    loaded = policy.load(signatures, [str(folder)])
    try:
        report, decision = rescan(folder, lock, policy=loaded, settings=settings, signatures=signatures)
    except GateClosed as closed:
        if closed.report is not None and closed.decision is not None:
            click.echo("")
            run = told(closed.report, closed.decision, signatures)
            write_outputs(run, plan_outputs([], []), verbose=False)
        raise
    click.echo("")
    write_outputs(told(report, decision, signatures), plan_outputs([], []), verbose=False)
