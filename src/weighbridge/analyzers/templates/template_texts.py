"""Templates that are files: `chat_template.jinja`, `additional_chat_templates/*`, prompts of Ollama."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.go_templates import is_go_template, judge_go_template
from weighbridge.analyzers.templates.literal_texts import literal_findings
from weighbridge.analyzers.templates.template_findings import Place, Use
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB, MIB
from weighbridge.formats.templates.facts import Emission
from weighbridge.knowledge.chat_templates import installed_chat_templates

_SUFFIXES: Final = frozenset({".jinja", ".jinja2", ".j2"})
_OTHER_SUFFIXES: Final = frozenset(
    {".tmpl", ".tpl", ".template", ".prompty", ".prompt", ".toml", ".txt"}
)
_PAGES: Final = re.compile(r"(?:^|/)templates/(?:.{1,200}/)?[^/]+\.(?:html?|xml|txt|md)\Z")
_PROMPT_NAME: Final = re.compile(r"prompt|template|system[-_ ]?message|instruction")
_SYSTEM_NAME: Final = re.compile(
    r"(?:^|/)(?:default[-_])?system[-_ ]?(?:prompt|message)s?\.(?:txt|md)\Z"
)
"""What a publisher lays beside the weights for chat servers to put before every dialogue."""
_FRONT_MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_CHAT_NAME: Final = re.compile(r"chat[_-]?template|tool_chat|(?:^|/)additional_chat_templates/")
_CHAT_TEXT: Final = re.compile(
    r"\badd_generation_prompt\b|\bin messages\b|\bmessages\s*\["
    r"|\bmessage(?:\.|\[['\"])(?:content|role)\b|\braise_exception\b|\b[be]os_token\b"
)
_LARGEST: Final = 2 * MIB
_HEAD: Final = 64 * KIB


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is a template, by its name or, for those of Ollama, by what it says."""
    name = artifact.name.lower()
    suffixes = PurePosixPath(name).suffixes[-2:]
    has_marks = "{%" in head or "{{" in head
    if not _SUFFIXES.isdisjoint(suffixes) or (has_marks and _is_template_name(name)):
        return _judged(artifact, head, context)
    if _SYSTEM_NAME.search(name):
        return _said(artifact, head)
    if has_marks and _is_rendered(name, suffixes):
        return _expressions(artifact, _whole(artifact, head), context)
    card = _FRONT_MATTER.match(head) if has_marks and name.endswith(".md") else None
    if card is not None and ("{{" in card[1] or "{%" in card[1]):
        return _expressions(artifact, card[1], context)
    if is_go_template(artifact.name, head):
        place = Place(artifact, "", "", Use.CHAT)
        return judge_go_template(place, _whole(artifact, head), context)
    return None


def _is_rendered(name: str, suffixes: Sequence[str]) -> bool:
    """Texts that frameworks render: prompts, pages, configurations with expressions."""
    if not suffixes or suffixes[-1] not in _OTHER_SUFFIXES:
        return _PAGES.search(name) is not None
    return suffixes[-1] != ".txt" or _PROMPT_NAME.search(name) is not None


def _expressions(artifact: Artifact, text: str, context: Context) -> Iterator[Event]:
    """Only ways out are told: what such a text says is for whoever renders it."""
    from weighbridge.analyzers.templates.judgement import judge_template

    yield from judge_template(Place(artifact, "", "", Use.EXPRESSION), text, context)


def _said(artifact: Artifact, text: str) -> Iterator[Event]:
    yield from literal_findings(
        Place(artifact, "", "", Use.CHAT),
        (Emission(text, 1, "", (), begins_answer=False),),
        installed_chat_templates(),
    )


def _is_template_name(name: str) -> bool:
    """Without a suffix: what `additional_chat_templates` holds, and copies of `chat_template`."""
    return "additional_chat_templates/" in name or PurePosixPath(name).stem == "chat_template"


def _judged(artifact: Artifact, head: str, context: Context) -> Iterator[Event]:
    from weighbridge.analyzers.templates.judgement import judge_template

    is_chat = _CHAT_NAME.search(artifact.name.lower()) or _CHAT_TEXT.search(head)
    use = Use.CHAT if is_chat else Use.DOCUMENT
    yield from judge_template(Place(artifact, "", "", use), _whole(artifact, head), context)


def _whole(artifact: Artifact, head: str) -> str:
    if artifact.source.size <= _HEAD:
        return head
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST)))
    return data.decode("utf-8-sig", "backslashreplace")
