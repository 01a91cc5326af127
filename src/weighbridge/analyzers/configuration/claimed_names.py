"""Repositories that a file names as its source, when their names are made to look well known.

A loader fetches what `base_model_name_or_path` says, and people copy what a card says. One letter
in an organisation's name makes both go to somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.yaml_tree import parse_yaml
from weighbridge.knowledge.known_names import imitation

_RULE: Final = "IDN005"
_KEYS: Final = (
    *("_name_or_path", "name_or_path", "base_model", "base_model_name_or_path", "model_name_or_path"),
    *("model_name", "tokenizer_name", "tokenizer_name_or_path", "teacher_model", "text_encoder"),
    *("processor_name_or_path", "hf_hub_id", "repo_id", "pretrained_model_name_or_path", "parent_model"),
)
_BELOW: Final = ("text_config", "vision_config", "audio_config", "pretrained_cfg", "model")
_REPOSITORY: Final = re.compile(
    r"(?:https?://(?:huggingface\.co|hf\.co)/|hf://)?([^\s/\\:@]{2,96}/[^\s/\\:@]{2,96})/?\Z"
)
_FRONT_MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_MOST: Final = 200


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge a configuration when a name in it is made to look like another."""
    if not isinstance(tree, Mapping):
        return None
    found = list(claimed_findings(artifact, _claims(tree)))
    return iter(found) if found else None


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a card: Markdown that begins with YAML."""
    match = _FRONT_MATTER.match(head)
    if match is None or "base_model" not in match[1] or not artifact.name.lower().endswith(".md"):
        return None
    trees = parse_yaml(match[1][: 64 * KIB], check=context.budget.check_time).documents
    card = trees[0] if trees and isinstance(trees[0], Mapping) else {}
    found = list(claimed_findings(artifact, _texts("/base_model", card.get("base_model"))))
    return iter(found) if found else None


def claimed_findings(artifact: Artifact, claims: Iterator[tuple[str, str]]) -> Iterator[Finding]:
    """Yield a finding for each name, with its route, that imitates a well-known repository."""
    for _, (route, text) in zip(range(_MOST), claims, strict=False):
        name = repository_of(text)
        likeness = imitation(name) if name is not None else None
        if name is not None and likeness is not None:
            evidence = f"{quoted(name)}: looks like {likeness.known} ({likeness.trick.value})"
            subject = name[:200]
            yield Finding(
                rule=_RULE, path=artifact.path, subject=subject, evidence=evidence, route=route
            )


def repository_of(text: str) -> str | None:
    """Return the repository that a text names; None when it is a path or something else."""
    if len(text) > 300 or text.startswith(("/", ".", "~")):
        return None
    match = _REPOSITORY.match(text.strip())
    return match[1] if match else None


def _claims(tree: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for key in _KEYS:
        yield from _texts(f"/{key}", tree.get(key))
    for below in _BELOW:
        inner = tree.get(below)
        if isinstance(inner, Mapping):
            for key in _KEYS:
                yield from _texts(f"/{below}/{key}", inner.get(key))


def _texts(route: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield route, value
    elif isinstance(value, Sequence):
        yield from ((route, one) for one in value[:20] if isinstance(one, str))
