"""`weighbridge scan`: targets in, a report on each, an exit code."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge.cli.digests import digests_for
from weighbridge.cli.outputs import FORMATS, plan_outputs, write_outputs
from weighbridge.cli.progress import progress
from weighbridge.core.finding import Severity
from weighbridge.core.limits import MIB, Limits
from weighbridge.core.trust import Trust
from weighbridge.core.version import VERSION
from weighbridge.engine.pool import default_jobs
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import TargetError, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.opinions.interface import EngineName, OpinionSettings
from weighbridge.opinions.registry import parse_engines
from weighbridge.policy import Policy, load_policy
from weighbridge.reporters.interface import Run, TargetResult, Unreachable, scanned

_SEVERITIES = [severity.word for severity in reversed(Severity)]
_DEFAULTS = Limits()


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
    help="Write to FILE, in the format of its extension (.json, .sarif) or in the one given with -f.",
)
@click.option(
    "--fail-on", type=click.Choice(_SEVERITIES), help="Lowest severity that fails. Default: high."
)
@click.option(
    "--allow-incomplete", is_flag=True, default=None, help="Pass although something could not be read."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy file. Default: ./weighbridge.toml, if there is one.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=None,
    help="Worker processes. Default: one per core.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show low and info findings, and what was looked at."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=_DEFAULTS.wall_s,
    metavar="SECONDS",
    help="For one artifact. Default: %(default)s.".replace("%(default)s", f"{_DEFAULTS.wall_s:g}"),
)
@click.option(
    "--max-memory",
    type=click.IntRange(min=64),
    default=_DEFAULTS.memory_bytes // MIB,
    metavar="MIB",
    help="For one worker.",
    show_default=True,
)
@click.option(
    "--max-expanded",
    type=click.IntRange(min=1),
    default=_DEFAULTS.expanded_bytes // MIB,
    metavar="MIB",
    help="What nested archives of one artifact may expand to.",
    show_default=True,
)
@click.option(
    "--max-entries",
    type=click.IntRange(min=1),
    default=_DEFAULTS.entries,
    metavar="N",
    help="Archive members of one artifact.",
    show_default=True,
)
@click.option(
    "--max-pickle",
    type=click.IntRange(min=1),
    default=_DEFAULTS.pickle_bytes // MIB,
    metavar="MIB",
    help="Length of one pickle.",
    show_default=True,
)
@click.option(
    "--base",
    metavar="TARGET",
    help="What the targets derive from: tokenizers, templates and weights are compared with it.",
)
@click.option(
    "--signing-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Verify signatures (model.sig) with this public key.",
)
@click.option(
    "--signing-certificate",
    "signing_certificates",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Verify signatures with the certificates of whoever vouches for the signer.",
)
@click.option(
    "--signing-identity", metavar="ID", help="Verify signatures of Sigstore: who must have signed."
)
@click.option(
    "--signing-provider", metavar="URL", help="Who must have vouched for the identity to Sigstore."
)
@click.option(
    "--signing-trust-root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sigstore's trust root. Default: the one that comes with its library.",
)
@click.option(
    "--online",
    is_flag=True,
    help="Also ask an index of packages whether names in requirements exist. Default: off.",
)
@click.option(
    "--opinions",
    default="none",
    metavar="ENGINES",
    help="Also ask other engines: all, none, or some of fickling,modelscan,clamav,yara. Default: none.",
)
@click.option(
    "--clamd",
    metavar="ADDRESS",
    help="unix:/path or tcp:127.0.0.1:3310. Default: $WEIGHBRIDGE_CLAMD, else the usual socket.",
)
@click.option(
    "--yara-rules",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="YARA rules of your own (*.yar, *.yara), besides ours.",
)
def command(
    targets: tuple[str, ...],
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    fail_on: str | None,
    allow_incomplete: bool | None,
    policy_file: Path | None,
    jobs: int | None,
    verbose: bool,
    timeout: float,
    max_memory: int,
    max_expanded: int,
    max_entries: int,
    max_pickle: int,
    base: str | None,
    signing_key: Path | None,
    signing_certificates: tuple[Path, ...],
    signing_identity: str | None,
    signing_provider: str | None,
    signing_trust_root: Path | None,
    online: bool,
    opinions: str,
    clamd: str | None,
    yara_rules: Path | None,
) -> None:
    """Scan each TARGET and decide.

    A TARGET is a file, a folder, a glob, hf://org/name[@revision], hf://datasets/org/name,
    hf://spaces/org/name or an https://huggingface.co address. A gated or private repository
    needs HF_TOKEN or `hf auth login`.

    Exit codes: 0 pass, 1 fail, 2 a target can't be read at all, 3 incomplete.
    """
    planned = plan_outputs(formats, outputs)
    signatures = Signatures.installed()
    policy = _policy(signatures, policy_file, targets, fail_on, allow_incomplete)
    limits = Limits(
        wall_s=timeout,
        memory_bytes=max_memory * MIB,
        expanded_bytes=max_expanded * MIB,
        entries=max_entries,
        pickle_bytes=max_pickle * MIB,
    )
    settings = ScanSettings(
        jobs=jobs or default_jobs(),
        limits=limits,
        opinions=_asked(opinions, clamd, yara_rules),
        base=base,
        trust=Trust(
            key=_absolute(signing_key),
            certificates=tuple(str(file.absolute()) for file in signing_certificates),
            identity=signing_identity,
            provider=signing_provider,
            trust_root=_absolute(signing_trust_root),
        ),
        online=online,
    )
    run = _run(targets, signatures, policy, settings)
    write_outputs(run, planned, verbose=verbose)
    raise click.exceptions.Exit(run.exit_code)


def _absolute(file: Path | None) -> str | None:
    return str(file.absolute()) if file is not None else None


def _asked(opinions: str, clamd: str | None, yara_rules: Path | None) -> OpinionSettings:
    engines = parse_engines(opinions)
    for option, value, engine in (
        ("--clamd", clamd, EngineName.CLAMAV),
        ("--yara-rules", yara_rules, EngineName.YARA),
    ):
        if value is not None and engine not in engines:
            raise UsageError(f"{option} is for --opinions {engine}, which is not asked for")
    return OpinionSettings(engines=engines, clamd=clamd, yara_rules=yara_rules)


def _policy(
    signatures: Signatures,
    policy_file: Path | None,
    targets: Sequence[str],
    fail_on: str | None,
    allow_incomplete: bool | None,
) -> Policy:
    local = [Path(target) for target in targets if os.path.lexists(target)]
    policy = load_policy(policy_file, directory=Path.cwd(), scanned=local, rules=signatures.rules)
    if fail_on is not None:
        policy = dataclasses.replace(policy, fail_on=Severity.from_word(fail_on))
    if allow_incomplete:
        policy = dataclasses.replace(policy, allow_incomplete=True)
    return policy


def _run(
    targets: Sequence[str],
    signatures: Signatures,
    policy: Policy,
    asked: ScanSettings,
) -> Run:
    started, clock = datetime.now(UTC), time.monotonic()
    with progress(sys.stderr) as watcher:
        fetch = FetchSettings(on_wait=watcher.waiting)
        settings = dataclasses.replace(asked, progress=watcher.advance, fetch=fetch)
        results = tuple(_result(target, settings, signatures, policy) for target in targets)
    return Run(
        tool_version=VERSION,
        signatures_version=signatures.version,
        atlas_label=signatures.release.label,
        started=started,
        seconds=time.monotonic() - clock,
        results=results,
        working_directory=os.getcwd(),
    )


def _result(target: str, settings: ScanSettings, signatures: Signatures, policy: Policy) -> TargetResult:
    try:
        report = scan_target(target, settings)
    except TargetError as error:
        return Unreachable(target=target, error=str(error))
    digests = digests_for(report, policy)
    decision = policy.decide(report, signatures.rules, sha256_of=digests.get)
    return scanned(report, decision, rules=signatures.rules, release=signatures.release)
