"""weighbridge: what would loading this model do? Scan before you load.

    import weighbridge

    report = weighbridge.scan("hf://org/name@revision")
    decision = weighbridge.decide(report)
    if decision.verdict is not weighbridge.Verdict.PASS:
        ...

Errors are drawn in `weighbridge.errors`. Names are imported when they are first used: importing
this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.api import decide as decide
    from weighbridge.api import scan as scan
    from weighbridge.api import verify as verify
    from weighbridge.core.finding import Finding as Finding
    from weighbridge.core.finding import Severity as Severity
    from weighbridge.core.limits import Limits as Limits
    from weighbridge.core.report import Coverage as Coverage
    from weighbridge.core.report import Outcome as Outcome
    from weighbridge.core.report import Report as Report
    from weighbridge.core.report import Verdict as Verdict
    from weighbridge.policy import Decision as Decision
    from weighbridge.policy import Policy as Policy

    __version__: str

_HOMES = {
    "scan": "weighbridge.api",
    "decide": "weighbridge.api",
    "verify": "weighbridge.api",
    "Finding": "weighbridge.core.finding",
    "Severity": "weighbridge.core.finding",
    "Limits": "weighbridge.core.limits",
    "Coverage": "weighbridge.core.report",
    "Outcome": "weighbridge.core.report",
    "Report": "weighbridge.core.report",
    "Verdict": "weighbridge.core.report",
    "Decision": "weighbridge.policy",
    "Policy": "weighbridge.policy",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("weighbridge.core.version").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module 'weighbridge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
