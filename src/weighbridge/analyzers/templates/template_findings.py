"""Where a template stands, and findings about it: each once, and not without end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.templates.facts import Condition

_MOST_OF_A_RULE: Final = 20
_SHOWN_CHARS: Final = 300
_SHOWN_CONDITIONS: Final = 3


class Use(Enum):
    """What a template is for: what is an attack in one is ordinary in another."""

    CHAT = "chat"
    """Writes prompts of a model: rendered for every message, mostly by code that nobody watches."""
    DOCUMENT = "document"
    """Writes pages or programs: has other templates to build on, and addresses to write."""
    EXPRESSION = "expression"
    """A text of a configuration with an expression in it."""


@dataclass(slots=True)
class Place:
    """One template of a file.

    Attributes:
        route: where it stands: `/chat_template`, `metadata tokenizer.chat_template`, or nothing.
        name: what tells it from other templates of the file, in fingerprints.
    """

    artifact: Artifact
    route: str
    name: str
    use: Use
    _told: dict[str, set[str]] = field(default_factory=dict)

    def finding(self, rule: str, subject: str, evidence: str, *, line: int = 0) -> Finding | None:
        """Return a finding; None when it was told already, or often enough."""
        told = self._told.setdefault(rule, set())
        if subject in told or len(told) >= _MOST_OF_A_RULE:
            return None
        told.add(subject)
        where = f"line {line}: " if line else ""
        head = f"{self.route}, {where}" if self.route else where
        return Finding(
            rule=rule,
            path=self.artifact.path,
            subject=f"{self.name[:100]} {subject}".strip()[:200],
            evidence=f"{head}{evidence}",
            route=f"{self.route} line {line}".strip() if line else self.route,
        )


def shown(text: str, around: int = 0) -> str:
    """Return a text as a literal, cut to what is worth showing: the part around a place in it."""
    begin = max(0, around - _SHOWN_CHARS // 3)
    part = text[begin : begin + _SHOWN_CHARS]
    return ("…" if begin else "") + repr(part) + ("…" if begin + _SHOWN_CHARS < len(text) else "")


def conditions_text(conditions: Sequence[Condition]) -> str:
    """Say in words what must hold."""
    if not conditions:
        return ""
    tests = [f"{one.expression} (line {one.line})" for one in conditions[-_SHOWN_CONDITIONS:]]
    return "\nwhen: " + "; ".join(tests)
