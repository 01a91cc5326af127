"""Chat templates in JSON and YAML: tokenizers, processors, generation settings, prompts of frameworks.

`chat_template` is a text, a list of `{name, template}`, or a mapping of names to texts. Any other text
of a configuration that holds an expression is looked at for ways out of it: workers render such texts
(CVE-2025-65106 in LangChain, ATLAS AML.CS0068).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from weighbridge.analyzers.configuration.config_trees import items_of
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.literal_texts import literal_findings
from weighbridge.analyzers.templates.template_findings import Place, Use
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.kinds import Format
from weighbridge.formats.templates.facts import Emission
from weighbridge.knowledge.chat_templates import installed_chat_templates

_KEYS: Final = frozenset(
    {"chat_template", "chat_templates", "additional_chat_templates", "default_chat_template"}
    | {"tool_chat_template", "custom_chat_template", "chat_template_jinja", "tokenizer.chat_template"}
)
_SYSTEM_KEYS: Final = frozenset(
    {"system_prompt", "system_message", "default_system_prompt", "default_system_message"}
    | {"systemprompt", "llm.prediction.systemprompt", "pre_prompt", "system"}
)
_QUERY_PROMPTS: Final = "config_sentence_transformers.json"
_RUNTIME_FILES: Final = re.compile(
    r"(?:^|/)(?:(?:tokenizer_|processor_|generation_)?config|mlc-chat-config|params|config_sentence_transformers"
    r"|[^/]+\.preset)\.json\Z|(?:^|/)(?:characters|instruction-templates|personas?)/[^/]+\.ya?ml\Z"
)
"""Configurations that a runtime takes prompts from. Elsewhere, one is an example."""
_PROMPT: Final = "chat_template"
"""Stands for the key of what a prompt of LangChain says is Jinja."""
_FORMATS: Final = frozenset({"jinja2", "jinja"})
_MARKS: Final = ("{{", "{%")
_SUSPICIOUS: Final = re.compile(
    r"__|\|\s*attr|\\[xuU0-7]|\[|~|%|\|\s*(?:join|replace|reverse|format|map)|\b(?:lipsum|cycler|joiner|self)\b"
    r"|\b(?:popen|system|eval|exec|open|import|subprocess|range)\b|f_globals|gi_frame|cr_frame|func_globals"
    r"|_TemplateReference|mro\b|\*"
)
"""What an expression needs to have to lead anywhere."""
_MOST_TEMPLATES: Final = 200
_MOST_EXPRESSIONS: Final = 500
_MOST_CHARS: Final = 1 << 20
_LONGEST_EXPRESSION: Final = 64_000
_MOST_NODES: Final = 4_000_000
_MOST_PROMPT_NODES: Final = 200_000
_ROWS: Final = 200
"""A list that is longer holds data, which nobody renders."""


@dataclass(slots=True)
class _Found:
    """Templates of one document, each text once, with its route."""

    chats: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    chars: int = 0
    is_cut: bool = False

    def add(self, text: str, route: str, *, is_chat: bool) -> None:
        table = self.chats if is_chat else self.expressions
        most = _MOST_TEMPLATES if is_chat else _MOST_EXPRESSIONS
        if text in self.chats or text in table:
            return
        if len(table) >= most or (not is_chat and self.chars + len(text) > _MOST_CHARS):
            self.is_cut = True
            return
        self.chars += 0 if is_chat else len(text)
        table[text] = route


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it holds templates."""
    said = _system_prompts(artifact.name.lower(), tree)
    if not said and not _has_marks(tree):
        return None
    found = _Found(said=said)
    for route, text, is_chat in _texts(tree):
        if is_chat or (len(text) <= _LONGEST_EXPRESSION and _SUSPICIOUS.search(text)):
            found.add(text, route, is_chat=is_chat)
    if not found.chats and not found.expressions and not said:
        return None
    return _judged(artifact, found, context)


def _judged(artifact: Artifact, found: _Found, context: Context) -> Iterator[Event]:
    from weighbridge.analyzers.templates.judgement import judge_template

    for table, use in ((found.chats, Use.CHAT), (found.expressions, Use.EXPRESSION)):
        for text, route in table.items():
            yield from judge_template(Place(artifact, route, route, use), text, context)
    for text, route in found.said.items():
        emission = Emission(text, 0, "", (), begins_answer=False)
        place = Place(artifact, route, route, Use.CHAT)
        yield from literal_findings(place, (emission,), installed_chat_templates())
    if found.is_cut:
        most = f"{_MOST_TEMPLATES} templates or {_MOST_EXPRESSIONS} expressions"
        detail = f"more than {most}: not all of them were read"
        yield Coverage(path=artifact.path, format=Format.TEXT, outcome=Outcome.LIMITED, detail=detail)


def _system_prompts(name: str, tree: Json) -> dict[str, str]:
    """Texts, with their routes, that a runtime puts before every dialogue or query."""
    if _RUNTIME_FILES.search(name) is None:
        return {}
    is_prompts = name.endswith(_QUERY_PROMPTS)
    keys = _SYSTEM_KEYS if name.endswith(".json") else _SYSTEM_KEYS | {"context"}
    found: dict[str, str] = {}
    pending: list[tuple[str, bool, Json]] = [("", False, tree)]
    for _ in range(_MOST_PROMPT_NODES):
        if not pending:
            break
        route, is_prompt, value = pending.pop()
        if isinstance(value, str):
            if is_prompt and " " in value and len(found) < _MOST_TEMPLATES:
                found.setdefault(value, route)
        elif isinstance(value, Mapping):
            stated = value.get("key")
            is_field = isinstance(stated, str) and stated.lower() in keys
            for key, inner in value.items():
                said = key.lower() in keys or (is_prompts and (key == "prompts" or is_prompt))
                pending.append((_below(route, key), said or (is_field and key == "value"), inner))
        elif isinstance(value, Sequence) and len(value) <= _ROWS:
            pending.extend((_below(route, str(at)), False, item) for at, item in enumerate(value))
    return found


def _has_marks(tree: Json) -> bool:
    """One quick pass: most documents hold no template."""
    pending: list[Json] = [tree]
    for _ in range(_MOST_NODES):
        if not pending:
            return False
        value = pending.pop()
        if isinstance(value, str):
            if "{{" in value or "{%" in value:
                return True
        elif isinstance(value, Mapping):
            if not _KEYS.isdisjoint(value):
                return True
            pending.extend(value.values())
        elif isinstance(value, Sequence) and len(value) <= _ROWS:
            pending.extend(value)
    return False


def _texts(tree: Json) -> Iterator[tuple[str, str, bool]]:
    """Yield (route, text, is it a chat template) of texts that are written as templates."""
    pending: list[tuple[str, str, Json]] = [("", "", tree)]
    for _ in range(_MOST_NODES):
        if not pending:
            return
        route, key, value = pending.pop()
        is_chat = key in _KEYS
        if isinstance(value, str):
            # `chat_template: chatml` is the name of a template, or of a file.
            if any(mark in value for mark in _MARKS) or (is_chat and " " in value):
                yield route, value, is_chat
        elif isinstance(value, Mapping):
            pending.extend(_inside(route, key, value))
        elif is_chat and _is_lines(value):
            pending.append((route, key, "\n".join(map(str, items_of(value)))))
        elif isinstance(value, Sequence) and len(value) <= _ROWS:
            pending.extend(
                (_named(route, item, number), key if is_chat else "", item)
                for number, item in reversed(list(enumerate(value)))
            )


def _inside(route: str, key: str, value: Mapping[str, Json]) -> Iterator[tuple[str, str, Json]]:
    """What a mapping holds; that of one of several chat templates is `{name, template}`."""
    if key in _KEYS and isinstance(value.get("template"), str):
        yield route, key, value["template"]
        return
    said = value.get("template_format")
    is_jinja = isinstance(said, str) and said.lower() in _FORMATS
    for name, inner in reversed(list(value.items())):
        is_prompt = is_jinja and name == "template"
        # A name below `chat_template` is that of one of several.
        yield _below(route, name), key if key in _KEYS else _PROMPT if is_prompt else name, inner


def _is_lines(value: Json) -> bool:
    """True for a template written as a list of its lines, as llama-cpp-python's server has it."""
    items = items_of(value)
    return len(items) > 1 and all(isinstance(item, str) for item in items)


def _named(route: str, item: Json, number: int) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return _below(route, name if isinstance(name, str) else str(number))


def _below(route: str, key: str) -> str:
    return f"{route}/{key[:80]}" if len(route) < 300 else route
