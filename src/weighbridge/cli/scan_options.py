"""Options that several commands share: how to scan, and what to decide by."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.finding import Severity
from weighbridge.core.limits import MIB, Limits
from weighbridge.core.trust import Trust
from weighbridge.engine.pool import default_jobs
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import CloudCredentials, FetchSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.opinions.interface import EngineName, OpinionSettings
from weighbridge.opinions.registry import parse_engines
from weighbridge.policy import Policy, load_policy, read_baseline

_SEVERITIES = [severity.word for severity in reversed(Severity)]
_DEFAULTS = Limits()
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """What the user says of the policy on the command line."""

    file: Path | None = None
    fail_on: Severity | None = None
    allow_incomplete: bool = False
    baseline: Path | None = None

    def load(self, signatures: Signatures, targets: Sequence[str]) -> Policy:
        """Read the policy and lay the options over it.

        Args:
            signatures: whose rules the policy may name.
            targets: as typed; a policy file that lies inside one of them does not count.

        Raises:
            UsageError: the policy file is unreadable or wrong.
        """
        local = [Path(target) for target in targets if os.path.lexists(target)]
        policy = load_policy(self.file, directory=Path.cwd(), scanned=local, rules=signatures.rules)
        if self.fail_on is not None:
            policy = dataclasses.replace(policy, fail_on=self.fail_on)
        if self.allow_incomplete:
            policy = dataclasses.replace(policy, allow_incomplete=True)
        if self.baseline is not None:
            policy = dataclasses.replace(policy, baseline=read_baseline(self.baseline))
        if policy.signatures_age_days is not None:
            policy = dataclasses.replace(policy, signatures_released=signatures.released)
        return policy


def policy_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Give a command the options of a policy, as one argument `policy: PolicyOptions`."""

    @functools.wraps(command)
    def wrapped(
        *,
        fail_on: str | None,
        allow_incomplete: bool,
        policy_file: Path | None,
        baseline: Path | None,
        **others: object,
    ) -> _R:
        policy = PolicyOptions(
            file=policy_file,
            fail_on=Severity.from_word(fail_on) if fail_on is not None else None,
            allow_incomplete=allow_incomplete,
            baseline=baseline,
        )
        return command(policy=policy, **others)

    return _with(_POLICY, wrapped)


def scan_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Give a command the options of a scan, as one argument `settings: ScanSettings`."""

    @functools.wraps(command)
    def wrapped(
        *,
        jobs: int | None,
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
        offline: bool,
        net_timeout: float,
        ca_bundle: Path | None,
        cloud_credentials: str,
        **others: object,
    ) -> _R:
        if online and offline:
            raise UsageError("--online and --offline exclude each other")
        settings = ScanSettings(
            jobs=jobs or default_jobs(),
            limits=Limits(
                wall_s=timeout,
                memory_bytes=max_memory * MIB,
                expanded_bytes=max_expanded * MIB,
                entries=max_entries,
                pickle_bytes=max_pickle * MIB,
            ),
            fetch=FetchSettings(
                http=HttpSettings(ca_bundle=_absolute_path(ca_bundle)).within(net_timeout),
                is_offline=offline,
                cloud=CloudCredentials(cloud_credentials),
            ),
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
        return command(settings=settings, **others)

    return _with(_SCAN, wrapped)


def _with(
    options: Sequence[Callable[[Callable[..., _R]], Callable[..., _R]]], command: Callable[..., _R]
) -> Callable[..., _R]:
    for option in reversed(options):
        command = option(command)
    return command


def _absolute(file: Path | None) -> str | None:
    return str(file.absolute()) if file is not None else None


def _absolute_path(file: Path | None) -> Path | None:
    return file.absolute() if file is not None else None


def _asked(opinions: str, clamd: str | None, yara_rules: Path | None) -> OpinionSettings:
    engines = parse_engines(opinions)
    for option, value, engine in (
        ("--clamd", clamd, EngineName.CLAMAV),
        ("--yara-rules", yara_rules, EngineName.YARA),
    ):
        if value is not None and engine not in engines:
            raise UsageError(f"{option} is for --opinions {engine}, which is not asked for")
    return OpinionSettings(engines=engines, clamd=clamd, yara_rules=yara_rules)


_POLICY = (
    click.option(
        "--fail-on", type=click.Choice(_SEVERITIES), help="Lowest severity that fails. Default: high."
    ),
    click.option("--allow-incomplete", is_flag=True, help="Pass although something could not be read."),
    click.option(
        "--policy",
        "policy_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Policy file. Default: ./weighbridge.toml, if there is one.",
    ),
    click.option(
        "--baseline",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A JSON report of an earlier scan: only findings that it does not hold count.",
    ),
)

_SCAN = (
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 256),
        default=None,
        help="Worker processes. Default: one per core.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=_DEFAULTS.wall_s,
        metavar="SECONDS",
        help="For one artifact. Default: %(default)s.".replace("%(default)s", f"{_DEFAULTS.wall_s:g}"),
    ),
    click.option(
        "--max-memory",
        type=click.IntRange(min=64),
        default=_DEFAULTS.memory_bytes // MIB,
        metavar="MIB",
        help="For one worker.",
        show_default=True,
    ),
    click.option(
        "--max-expanded",
        type=click.IntRange(min=1),
        default=_DEFAULTS.expanded_bytes // MIB,
        metavar="MIB",
        help="What nested archives of one artifact may expand to.",
        show_default=True,
    ),
    click.option(
        "--max-entries",
        type=click.IntRange(min=1),
        default=_DEFAULTS.entries,
        metavar="N",
        help="Archive members of one artifact.",
        show_default=True,
    ),
    click.option(
        "--max-pickle",
        type=click.IntRange(min=1),
        default=_DEFAULTS.pickle_bytes // MIB,
        metavar="MIB",
        help="Length of one pickle.",
        show_default=True,
    ),
    click.option(
        "--base",
        metavar="TARGET",
        help="What the targets derive from: tokenizers, templates and weights are compared with it.",
    ),
    click.option(
        "--signing-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Verify signatures (model.sig) with this public key.",
    ),
    click.option(
        "--signing-certificate",
        "signing_certificates",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Verify signatures with the certificates of whoever vouches for the signer.",
    ),
    click.option(
        "--signing-identity", metavar="ID", help="Verify signatures of Sigstore: who must have signed."
    ),
    click.option(
        "--signing-provider", metavar="URL", help="Who must have vouched for the identity to Sigstore."
    ),
    click.option(
        "--signing-trust-root",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Sigstore's trust root. Default: the one that comes with its library.",
    ),
    click.option(
        "--online",
        is_flag=True,
        help="Also ask an index of packages whether names in requirements exist. Default: off.",
    ),
    click.option(
        "--opinions",
        default="none",
        metavar="ENGINES",
        help="Also ask other engines: all, none, or some of fickling,modelscan,clamav,yara. "
        "Default: none.",
    ),
    click.option(
        "--clamd",
        metavar="ADDRESS",
        help="unix:/path or tcp:127.0.0.1:3310. Default: $WEIGHBRIDGE_CLAMD, else the usual socket.",
    ),
    click.option(
        "--yara-rules",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="YARA rules of your own (*.yar, *.yara), besides ours.",
    ),
    click.option(
        "--offline",
        is_flag=True,
        envvar="WEIGHBRIDGE_OFFLINE",
        help="Ask nothing but this machine; targets elsewhere can't be read then.",
    ),
    click.option(
        "--net-timeout",
        type=click.FloatRange(min=0.1, max=3600),
        default=HttpSettings().deadline_s,
        metavar="SECONDS",
        help=f"For one answer of a server, besides what its length needs. "
        f"Default: {HttpSettings().deadline_s:g}.",
    ),
    click.option(
        "--ca-bundle",
        type=click.Path(exists=True, path_type=Path),
        metavar="FILE",
        help="Certificates (PEM) to believe, instead of the built-in ones. Default: $SSL_CERT_FILE.",
    ),
    click.option(
        "--cloud-credentials",
        type=click.Choice([one.value for one in CloudCredentials]),
        default=CloudCredentials.ENVIRONMENT.value,
        help="Where credentials for s3://, gs:// and az:// may be looked for. Default: environment.",
    ),
)
