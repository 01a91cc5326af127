"""Hold a report against a policy, with the digests that the policy asks for, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from weighbridge.core.finding import Rule
from weighbridge.core.report import Report
from weighbridge.engine.pool import Crew
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import UsageError
from weighbridge.fetchers.glob_pattern import GlobPattern
from weighbridge.policy import Decision, Policy

_BLOCK_BYTES = 1 << 20


def scan_and_judge(
    target: str,
    settings: ScanSettings,
    policy: Policy,
    rules: Mapping[str, Rule],
    *,
    crew: Crew | None = None,
) -> tuple[Report, Decision]:
    """Scan a target, with the trust that the policy asks for, and decide.

    Args:
        target: as the user typed it.
        settings: how to scan; the policy's trust comes in addition.
        policy: what to decide by.
        rules: every rule that a finding may name.
        crew: see `scan_target`.

    Raises:
        UsageError: the target is spelt wrong, or policy and command line trust different signers.
        TargetError: it can't be reached at all.
    """
    trust = policy.trust_for(target)
    if trust.is_given and settings.trust.is_given and trust != settings.trust:
        raise UsageError(f"the policy and the options trust different signers of {target[:200]!r}")
    if trust.is_given:
        settings = replace(settings, trust=trust)
    report = scan_target(target, settings, crew=crew)
    return report, judge(report, policy, rules)


def judge(report: Report, policy: Policy, rules: Mapping[str, Rule]) -> Decision:
    """Decide on a report; local files are hashed where a suppression names their digest.

    Raises:
        UsageError: a finding names a rule that `rules` does not hold.
    """
    return policy.decide(report, rules, sha256_of=digests_for(report, policy).get)


def with_digests(report: Report) -> Report:
    """Return the report with the sha256 of every local file, taken from its bytes.

    Also of those that have one stated: in a cache of the hub that is only the name of a file.
    """
    if report.origin.kind != "local":
        return report
    files = (replace(file, sha256=_digest(report, file.name)) for file in report.files)
    return replace(report, files=tuple(files))


def digests_for(report: Report, policy: Policy) -> dict[str, str]:
    """Top-level artifact name -> hex digest, for findings that a suppression by digest may cover."""
    wanted = {
        finding.path[0] for finding in report.findings if policy.needs_sha256(finding.path, finding.rule)
    }
    digests = {name: _digest(report, name) for name in wanted}
    return {name: digest for name, digest in digests.items() if digest is not None}


def _digest(report: Report, name: str) -> str | None:
    if report.origin.kind != "local":
        return None
    file = _local_file(Path(report.origin.location), name)
    import hashlib  # OpenSSL is slow to load, and few policies ask for a digest

    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _local_file(root: Path, name: str) -> Path:
    """Return where a file is that was listed below a folder, by a glob pattern, or alone."""
    if root.is_dir() or root.is_file():
        return root / name if root.is_dir() else root
    wild = next((at for at, part in enumerate(root.parts) if GlobPattern.is_pattern(part)), None)
    return Path(*root.parts[:wild]) / name if wild is not None else root
