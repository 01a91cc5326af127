"""Scan bytes in this process, and tell a finding about a payload from one about structure."""

from __future__ import annotations

from dataclasses import dataclass

from samples.recipes.pickles import pairs

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules

RULES = load_rules(signatures_dir() / "rules")
_CALLABLES = CallableKnowledge.load(signatures_dir() / "callables")
_PAYLOAD_RULES = frozenset(
    {rule for rule in RULES if "PKL000" < rule < "PKL040"}
    | {"COD001", "COD004", "COD005", "PKL040", "PKL053"}
)
"""What loading would run. All other rules speak of structure."""
_PAIRS = pairs()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one scan said."""

    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(finding.rule for finding in self.findings)

    @property
    def payloads(self) -> frozenset[str]:
        """Rules of high or critical severity that speak of what would run."""
        return frozenset(
            rule for rule in self.rules & _PAYLOAD_RULES if RULES[rule].severity >= Severity.HIGH
        )

    @property
    def is_complete(self) -> bool:
        return all(row.outcome.is_complete for row in self.coverage)


def scan(data: bytes, name: str = "sample.pkl") -> Seen:
    """Inspect bytes as the engine's workers do."""
    events: list[Fact] = []
    context = Context(Budget(Limits()), _CALLABLES)
    inspect_tree(Artifact((name,), MemorySource(data)), context, events.append)
    return Seen(
        tuple(event for event in events if isinstance(event, Finding)),
        tuple(event for event in events if isinstance(event, Coverage)),
    )


def assert_caught(name: str, *rules: str, twin_rules: tuple[str, ...] = ()) -> None:
    """The hit of a sample is a payload finding and hits `rules`; its twin holds no payload.

    Args:
        name: a sample without its folder (`pko-01-inst.pkl`).
        rules: must be among the rules that the hit hits; at least one of them at high.
        twin_rules: all that the twin hits, info left out.
    """
    hit, twin = (scan(data, name) for data in _PAIRS[name])
    assert hit.payloads
    assert hit.rules >= set(rules)
    assert not twin.payloads
    assert {rule for rule in twin.rules if RULES[rule].severity > Severity.INFO} == set(twin_rules)
