"""SHA-256 of local files, computed only where a suppression names one."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.report import Report
from weighbridge.policy import Policy

_BLOCK_BYTES = 1 << 20


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
    root = Path(report.origin.location)
    file = root / name if root.is_dir() else root
    import hashlib  # OpenSSL is slow to load, and few policies ask for a digest

    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
