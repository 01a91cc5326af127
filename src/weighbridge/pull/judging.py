"""What a gate adds to a policy: forged bytes never pass, and its signers are asked for."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.finding import Finding
from weighbridge.core.report import Verdict
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Decision, JudgedFinding, Policy


def failed(
    decision: Decision, forged: tuple[Finding, ...], policy: Policy, signatures: Signatures
) -> Decision:
    """Other bytes than were promised never pass, whatever the policy accepts."""
    judged = tuple(
        JudgedFinding(finding=one, severity=policy.severity_of(signatures.rules[one.rule]))
        for one in forged
    )
    others = tuple(one for one in decision.active if one.finding not in forged)
    return replace(
        decision,
        verdict=Verdict.FAIL,
        active=(*judged, *others),
        suppressed=tuple(one for one in decision.suppressed if one.finding not in forged),
    )


def trusting(settings: ScanSettings, policy: Policy, target: str) -> ScanSettings:
    """Return the settings with the signers that the policy trusts for this target.

    Raises:
        UsageError: the options trust others.
    """
    trust = policy.trust_for(target)
    if trust.is_given and settings.trust.is_given and trust != settings.trust:
        raise UsageError(f"the policy and the options trust different signers of {target[:200]!r}")
    return replace(settings, trust=trust) if trust.is_given else settings


def why_closed(decision: Decision, *, is_forged: bool) -> str:
    """Say in a clause why the gate is shut."""
    if is_forged:
        return "the bytes that arrived are not those that were promised"
    if decision.verdict is Verdict.INCOMPLETE:
        return "not everything in it could be read"
    worst = max(judged.severity for judged in decision.active)
    return f"it has findings up to {worst.word}"
