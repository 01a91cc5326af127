"""Texts of a model's configuration that are programs: where numbers belong, or anywhere else.

Scripts that convert checkpoints have evaluated such texts (CVE-2025-14920 and its family), and no
model needs them.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.carried_texts import carried
from weighbridge.analyzers.configuration.config_expressions import harmful_names
from weighbridge.analyzers.configuration.config_trees import items_of
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_EVALUATED, _EXPRESSION, _PROGRAM = "RMC019", "RMC020", "RMC021"
_NUMBER = re.compile(
    r"(?:num|n|max|min|intermediate|hidden|vocab|head|patch|image)_\w+\Z|\w*_(?:size|sizes|dim|dims|layers|heads|steps"
    r"|length|rate|eps|epsilon|theta|factor|ratio|dropout|prob|std|range|channels|width|depth|id)\Z"
    r"|(?:dropout|temperature|top_k|top_p|layers|heads|dim|depth|scale)\Z"
)
"""Keys whose values are numbers in every library."""
_LOOKS_EVALUATED = re.compile(r"[(\[]|__|\blambda\b|\bimport\b|;")
_OF_TEMPLATES: Final = frozenset({"chat_template", "content", "description", "template", "prompt"})
_SHORTEST: Final = 12


def judge_numbers(
    artifact: Artifact, places: Sequence[tuple[str, Mapping[str, Json]]], context: Context
) -> Iterator[Finding]:
    """Yield expressions that stand where numbers belong."""
    for route, mapping in places:
        for key, value in mapping.items():
            if (
                not isinstance(value, str)
                or not _NUMBER.match(key)
                or not _LOOKS_EVALUATED.search(value)
            ):
                continue
            names = harmful_names(value, context.callables)
            if names:
                evidence = f"{key}: {quoted(value)} uses {', '.join(names)[:200]}"
                yield _finding(artifact, _EVALUATED, names[0], evidence, f"{route}/{key}")
            elif _calls(value):
                yield _finding(artifact, _EXPRESSION, key, f"{key}: {quoted(value)}", f"{route}/{key}")


def _calls(text: str) -> bool:
    """True for Python that calls something."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text[:2_000].strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Call | ast.Lambda | ast.Import) for node in ast.walk(tree))


def judge_programs(
    artifact: Artifact, places: Sequence[tuple[str, Mapping[str, Json]]]
) -> Iterator[Event]:
    """Yield texts that are programs which do harm, and pickles in base64.

    Raises:
        LimitReached: more texts look like programs than any configuration has.
    """
    for event in carried(artifact, _texts(places), rule=_PROGRAM):
        if not (isinstance(event, Finding) and event.subject.endswith(" script")):
            yield event


def _texts(places: Sequence[tuple[str, Mapping[str, Json]]]) -> Iterator[tuple[str, str]]:
    for route, mapping in places:
        if not _OF_TEMPLATES.isdisjoint(route.split("/")):
            continue
        for key, value in mapping.items():
            for text in (value,) if isinstance(value, str) else items_of(value):
                if isinstance(text, str) and len(text) >= _SHORTEST and key not in _OF_TEMPLATES:
                    yield f"{route}/{key}".removeprefix("/"), text


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
