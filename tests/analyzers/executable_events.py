"""Inspect bytes by the engine, for the tests of executables, scripts and documents."""

from __future__ import annotations

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")


def events(name: str, data: bytes | str) -> list[Fact]:
    """Everything that the engine says of one file."""
    found: list[Fact] = []
    raw = data.encode() if isinstance(data, str) else data
    inspect_tree(
        Artifact((name,), MemorySource(raw)), Context(Budget(Limits()), KNOWLEDGE), found.append
    )
    return found


def findings(name: str, data: bytes | str) -> list[Finding]:
    return [event for event in events(name, data) if isinstance(event, Finding)]


def rules(name: str, data: bytes | str) -> set[str]:
    """Ids of all rules that hit."""
    return {finding.rule for finding in findings(name, data)}


def rows(name: str, data: bytes | str) -> list[tuple[str, str, str]]:
    """Artifact, format and outcome of every coverage row."""
    return [
        (event.artifact, event.format, event.outcome.value)
        for event in events(name, data)
        if isinstance(event, Coverage)
    ]
