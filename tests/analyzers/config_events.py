"""Run the analyzers of documents on a text, with the tables of callables that they ask."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from pathlib import Path

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge

ROOT = Path(__file__).parents[2]
OWN = ("CFG", "SKO")


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    """The tables, loaded once for all tests."""
    return CallableKnowledge.load(ROOT / "signatures" / "callables")


def context() -> Context:
    return Context(Budget(Limits()), callables())


def scan(name: str, content: str | bytes | object) -> tuple[list[Finding], list[Coverage]]:
    """Inspect one file as the engine does; what is no text is written as JSON."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    data = content.encode() if isinstance(content, str) else content
    findings: list[Finding] = []
    rows: list[Coverage] = []

    def emit(event: Fact) -> None:
        if isinstance(event, Finding):
            findings.append(event)
        elif isinstance(event, Coverage):
            rows.append(event)

    inspect_tree(Artifact((name,), MemorySource(data)), context(), emit)
    return findings, rows


def told(name: str, content: str | bytes | object) -> list[str]:
    """The rules of configurations and skops that a file hits, each once."""
    findings, _ = scan(name, content)
    return sorted({finding.rule for finding in findings if finding.rule.startswith(OWN)})


def outcome(name: str, content: str | bytes | object) -> Outcome:
    """How far the scan of the file itself came."""
    _, rows = scan(name, content)
    return next(row.outcome for row in rows if row.path == (name,))


def severities(family: str) -> dict[str, str]:
    """Severity by rule id, of one file of rules."""
    text = (ROOT / "signatures" / "rules" / f"{family}.toml").read_text(encoding="utf-8")
    return {rule["id"]: rule["severity"] for rule in tomllib.loads(text)["rule"]}
