"""Prompts in Ollama's own language: Go templates, `SYSTEM` and `MESSAGE` of a Modelfile.

Go's templates reach no interpreter: what is left is what they say. Their tests are few, and a test of
what the user wrote is none that an honest one has.

Source: https://docs.ollama.com/modelfile and https://pkg.go.dev/text/template
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.braces import braced
from weighbridge.analyzers.templates.instructions import instruction_findings
from weighbridge.analyzers.templates.literal_texts import literal_findings
from weighbridge.analyzers.templates.template_findings import Place, Use
from weighbridge.core.artifact import Artifact
from weighbridge.formats.templates.facts import About, Condition, Emission, TemplateFacts
from weighbridge.knowledge.chat_templates import installed_chat_templates

_OWN: Final = re.compile(
    r"\{\{-?\s*(?:range[^}]{0,80}|if[^}]{0,80}|or[^}]{0,40})?\s*\.(?:Prompt|Messages|System)\b"
)
_CONTENT: Final = re.compile(r"\.(?:Content|Prompt)\b")
_DATE: Final = re.compile(r"\bcurrentDate\b")
_TEXT: Final = re.compile(r'"((?:[^"\\\n]|\\.){0,2000})"|`([^`]{0,2000})`')
_TEST: Final = re.compile(r"(?:else\s+)?(?:if|with)\b")
_OPENS: Final = re.compile(r"(?:if|with|range|block|define)\b")
_MOST_ACTIONS: Final = 10_000
_MOST_OPEN: Final = 100
_LONGEST_ACTION: Final = 2_000
_INSTRUCTION: Final = re.compile(
    r'^[ \t]*(TEMPLATE|SYSTEM|MESSAGE[ \t]+\w+)[ \t]+(?:"""(.*?)(?:"""|\Z)|"([^"\n]*)"|([^\n]*))',
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
_MOST_INSTRUCTIONS: Final = 500


def is_go_template(name: str, head: str) -> bool:
    """True for a template of Ollama that stands alone: a layer of an image, or a file."""
    return (
        _OWN.search(head) is not None and "{%" not in head and not name.lower().endswith((".md", ".py"))
    )


def judge_modelfile(artifact: Artifact, text: str, context: Context) -> Iterator[Event]:
    """Yield what the prompts of a Modelfile show."""
    for number, found in enumerate(_INSTRUCTION.finditer(text)):
        if number == _MOST_INSTRUCTIONS:
            return
        words = found[2] or found[3] or found[4] or ""
        place = Place(artifact, found[1].upper(), found[1].upper(), Use.CHAT)
        yield from judge_go_template(place, words, context)


def judge_go_template(place: Place, text: str, context: Context) -> Iterator[Event]:
    """Yield what a Go template says, and what it waits for."""
    context.budget.check_time()
    emissions = tuple(_emissions(text))
    conditions = dict.fromkeys(one for emission in emissions for one in emission.conditions)
    facts = TemplateFacts(
        emissions=emissions,
        conditions=tuple(conditions),
        accesses=(),
        calls=(),
        directives=(),
        costs=(),
        rewrites=(),
        texts=(),
        is_cut=False,
    )
    tables = installed_chat_templates()
    yield from instruction_findings(place, facts, tables)
    yield from literal_findings(place, emissions, tables)


def _emissions(text: str) -> Iterator[Emission]:
    """Texts between the actions, under the tests that are open there."""
    opened: list[Condition | None] = []
    at, line = 0, 1
    for action in braced(text, {"{{": "}}"}, most=_MOST_ACTIONS):
        yield _emission(text[at : action.start], line, opened)
        line += text.count("\n", at, action.stop)
        at = action.stop
        _follow(action.code.strip("- \t\r\n")[:_LONGEST_ACTION], line, opened)
    yield _emission(text[at:], line, opened)


def _follow(action: str, line: int, opened: list[Condition | None]) -> None:
    if action.startswith("end") and opened:
        opened.pop()
    elif action.startswith("else") and opened and _TEST.match(action):
        opened[-1] = _condition(action, line) or opened[-1]
    elif _OPENS.match(action) and len(opened) < _MOST_OPEN:
        opened.append(_condition(action, line))


def _condition(action: str, line: int) -> Condition | None:
    words = tuple(found[1] or found[2] or "" for found in _TEXT.finditer(action))[:32]
    about = set()
    if _CONTENT.search(action) and words:
        about.add(About.CONTENT)
    if _DATE.search(action) and words:
        about.add(About.DATE)
    return Condition(action[:300], line, frozenset(about), words) if about else None


def _emission(text: str, line: int, opened: list[Condition | None]) -> Emission:
    conditions = tuple(one for one in opened if one is not None)
    return Emission(text, line, "", conditions[-16:], begins_answer=False)
