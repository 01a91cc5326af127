"""The Python interface: scan a target, decide on the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.core.limits import Limits
from weighbridge.core.report import Report
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.engine.pool import default_jobs
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.opinions.interface import OpinionSettings
from weighbridge.policy import Decision, Policy

if TYPE_CHECKING:
    from weighbridge.pull.pulling import Pulled
    from weighbridge.pull.verifying import Verification


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


def pull(
    target: str,
    folder: str | Path,
    *,
    policy: Policy | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    update: bool = False,
    settings: ScanSettings | None = None,
) -> Pulled:
    """Scan a target, and download it into a folder only if the policy lets it pass.

    Args:
        target: as for `scan`.
        folder: where to; it must not exist or be empty.
        policy: what decides; the default fails on high and critical findings, and on gaps.
        include: only files that match one of these patterns.
        exclude: no files that match one of these.
        update: the folder may hold an older pull of this target.
        settings: how to scan.

    Raises:
        GateClosed: the policy does not let it pass; `report` and `decision` say why.
        DestinationError: the folder can't take it.
        UsageError: no fetcher takes such a target, or no file is asked for.
        TargetError: the target can't be reached, or broke off; pull again to go on.
    """
    from weighbridge.pull.folder import FolderDestination
    from weighbridge.pull.pulling import PullRequest
    from weighbridge.pull.pulling import pull as run
    from weighbridge.pull.selection import Selection, patterns

    request = PullRequest(
        target=target,
        destination=FolderDestination(Path(folder), update=update),
        policy=policy or Policy(),
        scan=settings or ScanSettings(),
        selection=Selection(include=patterns(include), exclude=tuple(exclude)),
    )
    return run(request, Signatures.installed())


def verify(target: str | Path, *, lock: str | Path | None = None, remote: bool = False) -> Verification:
    """Hold a pulled folder, or a target where it is, against a lock.

    Args:
        target: a folder, or any target.
        lock: the lock; by default the one in the folder.
        remote: also ask the target that the folder was pulled from.

    Raises:
        UsageError: there is no lock, or it can't be read.
        DestinationError: the folder can't be listed.
        TargetError: the target can't be reached.
    """
    from weighbridge.pull.verifying import verify as run

    file = Path(lock) if lock is not None else None
    return run(str(target), lock_file=file, with_target=remote)


def decide(report: Report, policy: Policy | None = None) -> Decision:
    """Judge a report; the default policy fails on high and critical findings.

    Raises:
        UsageError: the installed rules are broken.
    """
    return (policy or Policy()).decide(report, Signatures.installed().rules)
