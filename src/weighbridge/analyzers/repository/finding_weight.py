"""How bad what was found in a file is, for judges that look at several files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from weighbridge.core.finding import Finding, Severity
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules


def has_high(findings: Iterable[Finding], least: Severity = Severity.HIGH) -> bool:
    """True when one of the findings is at or above `least`."""
    return any(_severities().get(one.rule, Severity.INFO) >= least for one in findings)


def rules_at(least: Severity) -> frozenset[str]:
    """Ids of the rules at or above a severity."""
    return frozenset(rule for rule, severity in _severities().items() if severity >= least)


@cache
def _severities() -> Mapping[str, Severity]:
    """Loaded when the first finding is asked about: most targets have none."""
    return {rule.id: rule.severity for rule in load_rules(signatures_dir() / "rules").values()}
