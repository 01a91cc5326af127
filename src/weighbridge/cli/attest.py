"""`weighbridge attest`: scan a target, and state in signed form what was found."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from weighbridge.cli.outputs import Output, write_outputs
from weighbridge.cli.running import run
from weighbridge.cli.scan_options import PolicyOptions, policy_options, scan_options
from weighbridge.core.version import VERSION
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.reporters.words import count


@click.command(short_help="Scan a target and sign what was found.")
@click.argument("target")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the attestations go, one on each line (.intoto.jsonl).",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sign with this private key (PEM); its password is $WEIGHBRIDGE_KEY_PASSWORD.",
)
@click.option("--sigstore", is_flag=True, help="Sign with an OpenID identity, through Sigstore.")
@click.option(
    "--identity-token",
    envvar="WEIGHBRIDGE_IDENTITY_TOKEN",
    metavar="TOKEN",
    help="The identity for --sigstore. Default: that of the CI job.",
)
@click.option("--unsigned", is_flag=True, help="Do not sign: for tools that sign statements themselves.")
@click.option(
    "--subject",
    type=click.Choice(["files", "model"]),
    default="files",
    help="State it of each file, or of the model as a whole. Default: files.",
)
@policy_options
@scan_options
def command(
    *,
    target: str,
    output: Path,
    key: Path | None,
    sigstore: bool,
    identity_token: str | None,
    unsigned: bool,
    subject: str,
    policy: PolicyOptions,
    settings: ScanSettings,
) -> None:
    """Scan TARGET, and write attestations: what was found, and that it passed when it did.

    The statements are those of in-toto: vulns/v0.2 always, svr/v0.2 only on PASS. `weighbridge verify
    --attestation FILE` holds files against them. Exit codes are those of `weighbridge scan`.
    """
    from weighbridge.attestation import signing
    from weighbridge.attestation.statements import Scan, Subject, statements
    from weighbridge.engine.judgement import with_digests
    from weighbridge.policy.digest import policy_digest
    from weighbridge.reporters.interface import Unreachable

    if sum((key is not None, sigstore, unsigned)) != 1:
        raise UsageError("sign with --key FILE or --sigstore, or say --unsigned")
    sign: signing.Sign = signing.unsigned
    if key is not None:
        sign = signing.key_signer(key, os.environ.get("WEIGHBRIDGE_KEY_PASSWORD"))
    elif sigstore:
        sign = signing.sigstore_signer(identity_token)
    signatures = Signatures.installed()
    loaded = policy.load(signatures, [target])
    started = datetime.now(UTC)
    done = run([target], settings, signatures=signatures, policy=loaded)
    write_outputs(done, (Output("human", None),), verbose=False)
    result = done.results[0]
    if isinstance(result, Unreachable):
        raise click.exceptions.Exit(done.exit_code)
    scan = Scan(
        started=started,
        finished=started + timedelta(seconds=done.seconds),
        tool_version=VERSION,
        signatures_version=signatures.version,
        released=signatures.released,
        policy=policy_digest(loaded),
    )
    result = replace(result, report=with_digests(result.report))
    stated = statements(result, Subject(subject), scan)
    _write(output, [sign(one) for one in stated])
    raise click.exceptions.Exit(done.exit_code)


def _write(output: Path, lines: list[str]) -> None:
    try:
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't write {str(output)!r}: {error.strerror}") from error
    click.echo(f"Attested  {count(len(lines), 'statement')} in {output}")
