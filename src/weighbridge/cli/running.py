"""Scan targets one by one with progress on the terminal, and put together what reporters need."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from weighbridge.cli.progress import progress
from weighbridge.core.address import shown_address
from weighbridge.core.report import Report
from weighbridge.core.version import VERSION
from weighbridge.engine.judgement import scan_and_judge
from weighbridge.engine.pool import Crew
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import TargetError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Decision, Policy
from weighbridge.reporters.interface import Run, TargetResult, Unreachable, scanned


def run(
    targets: Sequence[str], settings: ScanSettings, *, signatures: Signatures, policy: Policy
) -> Run:
    """Scan and judge each target.

    Raises:
        UsageError: a target is spelt wrong, or an engine was asked for in a wrong way.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    with progress(sys.stderr) as watcher, Crew(settings.jobs) as crew:
        fetch = replace(settings.fetch, on_wait=watcher.waiting)
        watched = replace(settings, progress=watcher.advance, fetch=fetch)
        results = tuple(_result(target, watched, signatures, policy, crew=crew) for target in targets)
    return Run(
        tool_version=VERSION,
        signatures_version=signatures.version,
        atlas_label=signatures.release.label,
        started=started,
        seconds=time.monotonic() - clock,
        results=results,
        working_directory=os.getcwd(),
    )


def told(report: Report, decision: Decision, signatures: Signatures) -> Run:
    """Put together what reporters need for one target that was judged already."""
    return Run(
        tool_version=VERSION,
        signatures_version=signatures.version,
        atlas_label=signatures.release.label,
        started=datetime.now(UTC),
        seconds=report.seconds,
        results=(scanned(report, decision, rules=signatures.rules, release=signatures.release),),
        working_directory=os.getcwd(),
    )


def _result(
    target: str, settings: ScanSettings, signatures: Signatures, policy: Policy, *, crew: Crew
) -> TargetResult:
    try:
        report, decision = scan_and_judge(target, settings, policy, signatures.rules, crew=crew)
    except TargetError as error:
        return Unreachable(target=shown_address(target), error=str(error))
    return scanned(report, decision, rules=signatures.rules, release=signatures.release)
