"""Ollama's Modelfile: which base model and adapter a build takes, and from where.

Prompts and templates in it are judged as those of every other model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.go_templates import judge_modelfile
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted

_ELSEWHERE = "CFG052"
_NAME = re.compile(r"modelfile(?:[._-].*)?\Z|.*\.modelfile\Z")
_FROM = re.compile(r"\A(?:[^\S\n]*(?:#[^\n]*)?\n)*[^\S\n]*FROM\s+\S", re.IGNORECASE)
_OWN = re.compile(
    r"^[ \t]*(?:PARAMETER|TEMPLATE|SYSTEM|ADAPTER|MESSAGE|LICENSE)\s", re.MULTILINE | re.IGNORECASE
)
_DOCKER = re.compile(r"^[ \t]*(?:RUN|COPY|CMD|ENTRYPOINT|WORKDIR)\s", re.MULTILINE)
_SOURCE = re.compile(r"^[ \t]*(FROM|ADAPTER)[ \t]+(\S[^\n]*)", re.MULTILINE | re.IGNORECASE)
_LARGEST = MIB
_MOST = 50


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is a Modelfile by its name, or by its instructions."""
    is_named = _NAME.match(PurePosixPath(artifact.name.lower()).name) is not None
    if _FROM.match(head) is None:
        return None
    if not is_named and (_OWN.search(head) is None or _DOCKER.search(head) is not None):
        return None
    return _judged(artifact, context)


def _judged(artifact: Artifact, context: Context) -> Iterator[Event]:
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST)))
    whole = data.decode("utf-8", "replace")
    yield from judge_modelfile(artifact, whole, context)
    text = re.sub(r'"""[\s\S]*?(?:"""|\Z)', "", whole)
    for match in list(_SOURCE.finditer(text))[:_MOST]:
        instruction, place = match[1].upper(), match[2].strip().strip('"')
        if _is_elsewhere(place):
            yield Finding(
                rule=_ELSEWHERE,
                path=artifact.path,
                subject=f"{instruction} {place}"[:200],
                evidence=f"{instruction} {quoted(place)}",
                route=instruction,
            )


def _is_elsewhere(place: str) -> bool:
    parts = place.replace("\\", "/").split("/")
    return "://" in place or place.startswith(("/", "~", "@")) or ".." in parts or place[1:3] == ":\\"
