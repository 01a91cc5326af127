"""The Python interface: scan a target, decide on the report."""

from __future__ import annotations

from weighbridge.core.limits import Limits
from weighbridge.core.report import Report
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.engine.pool import default_jobs
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.opinions.interface import OpinionSettings
from weighbridge.policy import Decision, Policy


def scan(
    target: str,
    *,
    jobs: int | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    opinions: OpinionSettings | None = None,
    base: str | None = None,
    trust: Trust = NOBODY,
    online: bool = False,
) -> Report:
    """Scan one target; nothing in it is executed, imported or unpickled.

    Args:
        target: a path, a glob, `hf://org/name[@revision]` or an address of the hub.
        jobs: worker processes; one for each processor when None.
        limits: bounds for each artifact.
        token: for the registry; what its own login left on this machine when None.
        opinions: other engines to ask; nobody when None.
        base: what the target derives from, to compare tokenizers, templates and weights with.
        trust: what signatures of models are verified with.
        online: also ask an index of packages for the names that requirements name.

    Raises:
        UsageError: no fetcher takes such a target.
        TargetError: the target can't be reached at all.
    """
    settings = ScanSettings(
        jobs=jobs or default_jobs(),
        limits=limits or Limits(),
        fetch=FetchSettings(token=token),
        opinions=opinions or OpinionSettings(),
        base=base,
        trust=trust,
        online=online,
    )
    return scan_target(target, settings)


def decide(report: Report, policy: Policy | None = None) -> Decision:
    """Judge a report; the default policy fails on high and critical findings.

    Raises:
        UsageError: the installed rules are broken.
    """
    return (policy or Policy()).decide(report, Signatures.installed().rules)
