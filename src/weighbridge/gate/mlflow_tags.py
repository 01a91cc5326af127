"""What the gate writes to a model version: short, and never a byte of what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from weighbridge.core.finding import Severity
from weighbridge.core.report import Verdict
from weighbridge.reporters.interface import Scanned

VERDICT = "weighbridge.verdict"
SCANNED_AT = "weighbridge.scanned_at"
SIGNATURES = "weighbridge.signatures"
FINDINGS = "weighbridge.findings"
_MOST_RULES = 12


def verdict_tags(
    result: Scanned, *, signatures_version: str, now: datetime, changed: str | None
) -> Mapping[str, str]:
    """Make the tags of one scan. The verdict comes last: a half-written set claims nothing.

    Args:
        result: of the scan.
        signatures_version: of the rules that were used.
        now: with a time zone.
        changed: why what was scanned is not what is there now; None when it is.
    """
    verdict = result.verdict
    if changed is not None and verdict is Verdict.PASS:
        verdict = Verdict.INCOMPLETE
    return {
        FINDINGS: _counted(result) if changed is None else "changed during the scan",
        SCANNED_AT: now.isoformat(timespec="seconds"),
        SIGNATURES: signatures_version,
        VERDICT: verdict.value,
    }


def _counted(result: Scanned) -> str:
    """`1 critical, 2 medium: PKL002 CFG004`; counts and rule ids only."""
    counts = Counter(found.severity for found in result.findings)
    if not counts:
        return "none"
    words = ", ".join(f"{counts[one]} {one.word}" for one in reversed(Severity) if counts[one])
    rules = list(dict.fromkeys(found.finding.rule for found in result.findings))
    more = f" and {len(rules) - _MOST_RULES} more" if len(rules) > _MOST_RULES else ""
    return f"{words}: {' '.join(rules[:_MOST_RULES])}{more}"
