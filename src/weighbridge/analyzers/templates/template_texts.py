"""Templates that are files: `chat_template.jinja`, `additional_chat_templates/*`, prompts of Ollama."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.go_templates import is_go_template, judge_go_template
from weighbridge.analyzers.templates.template_findings import Place, Use
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB, MIB

_SUFFIXES: Final = frozenset({".jinja", ".jinja2", ".j2"})
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
    if is_go_template(artifact.name, head):
        place = Place(artifact, "", "", Use.CHAT)
        return judge_go_template(place, _whole(artifact, head), context)
    return None


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
