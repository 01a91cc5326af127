"""YAML, INI, TOML and text protocols: Hydra, MLflow, spaCy, Triton, and others that name code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.analyzers.configuration import (
    requirement_lines,
    serving_modelfiles,
    serving_triton,
    spacy_configs,
    yaml_texts,
)
from weighbridge.analyzers.documents.documents import show_tree
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import MIB
from weighbridge.formats.documents.toml_tree import parse_toml

_JUDGES = (
    requirement_lines.judge,
    serving_triton.judge,
    serving_modelfiles.judge,
    spacy_configs.judge,
    yaml_texts.judge,
)
"""The first that claims a text judges it: their syntaxes exclude each other."""

_LARGEST_TOML = 2 * MIB
_NAMES_CODE = re.compile(r"_target_|__target__|_component_|class_path|\btarget\s*=")


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    for judge in _JUDGES:
        events = judge(artifact, head, context)
        if events is not None:
            return events
    if PurePosixPath(artifact.name.lower()).suffix == ".toml" and _NAMES_CODE.search(head):
        return _toml(artifact, context)
    return None


def _toml(artifact: Artifact, context: Context) -> Iterator[Event]:
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST_TOML)))
    for event in show_tree(artifact, parse_toml(data.decode("utf-8-sig", "replace")), context):
        if event is not None:
            yield event
