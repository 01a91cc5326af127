"""YAML files: tags that make a loader build objects, aliases that explode, and the trees in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.yaml_tags import tag_findings
from weighbridge.analyzers.documents.documents import show_tree
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.yaml_tree import (
    LARGEST_BYTES,
    YamlStream,
    decode_yaml_bytes,
    parse_yaml,
)
from weighbridge.formats.kinds import Format

_EXPLODES, _KEY_TWICE = "CFG014", "CFG015"

_NAMES: Final = frozenset({".yaml", ".yml"})
_BASES: Final = frozenset({"mlmodel", "bentofile", "model_config"})
_PROSE: Final = frozenset({".md", ".rst", ".html", ".htm", ".py", ".csv", ".tsv", ".tex", ".ipynb"})
_CODE = re.compile(
    rb"""!![A-Za-z]|!<|%TAG|!(?:new|name|apply|applyref|module|function|obj|ruby|php|perl)\b"""
    rb"""|_target_|__target__|_component_|class_path|__kind__|\btarget["']?\s*:|py/|\\[xuU]"""
)
"""What a YAML that names code has in it somewhere."""
_HINT = re.compile(
    r"""^[ \t\-"'{]{0,200}(?:_target_|__target__|_component_)["']?\s*:|!!(?:python|ruby|java)"""
    r"""|tag:yaml\.org,2002:|^flavors:[ \t]*$|![a-z]+:[a-z_]+\.|!apply:""",
    re.MULTILINE,
)
_LARGEST_SEARCHED = 64 * MIB
_LARGEST_BY_CONTENT = MIB
_MANY_ALIASED = 100_000
_CALL_KEYS = ("_target_", "__target__", "_component_", "target", "class_path", "loader_module")


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is named as YAML, or that names code as only YAML does."""
    name = PurePosixPath(artifact.name.lower())
    if name.suffix in _NAMES or name.name in _BASES:
        return _named(artifact, context)
    if name.suffix in _PROSE or _HINT.search(head) is None:
        return None
    if artifact.source.size > _LARGEST_BY_CONTENT:
        return None
    stream = _parse(artifact, context, artifact.source.size)
    if stream.broken is not None or not any(_is_structured(one) for one in stream.documents):
        return None
    return _judged(artifact, stream, context)


def _is_structured(document: object) -> bool:
    return isinstance(document, dict | list)


def _named(artifact: Artifact, context: Context) -> Iterator[Event]:
    size = artifact.source.size
    if size <= LARGEST_BYTES:
        yield from _judged(artifact, _parse(artifact, context, size), context)
        return
    if size <= _LARGEST_SEARCHED and _CODE.search(bytes(artifact.source.read_at(0, size))) is None:
        detail = f"{size:,} bytes of YAML, not parsed: no tag and no key in it names code"
        yield _row(artifact, Outcome.OPAQUE, detail)
        return
    yield from _judged(artifact, _parse(artifact, context, LARGEST_BYTES), context, is_cut=True)


def _parse(artifact: Artifact, context: Context, length: int) -> YamlStream:
    data = bytes(artifact.source.read_at(0, length))
    return parse_yaml(decode_yaml_bytes(data), check=context.budget.check_time)


def _judged(
    artifact: Artifact, stream: YamlStream, context: Context, *, is_cut: bool = False
) -> Iterator[Event]:
    claimed = False
    for event in tag_findings(artifact, stream.tags, context):
        claimed = True
        yield event
    yield from _oddities(artifact, stream)
    for document in stream.documents:
        for told in show_tree(artifact, document, context):
            claimed = True
            if told is not None:
                yield told
    if is_cut:
        detail = f"{artifact.source.size:,} bytes of YAML; the first {LARGEST_BYTES:,} were read"
        yield _row(artifact, Outcome.LIMITED, detail)
    elif stream.broken is not None:
        yield from _broken(artifact, stream.broken, has_code=claimed)
    elif not claimed:
        yield _row(artifact, Outcome.OPAQUE, "")


def _broken(
    artifact: Artifact, error: Malformed | LimitReached, *, has_code: bool
) -> Iterator[Coverage]:
    """Templates and tables go by the name of YAML; what no loader reads does nothing."""
    data = bytes(artifact.source.read_at(0, LARGEST_BYTES))
    if isinstance(error, LimitReached) or has_code or _CODE.search(data) is not None:
        raise error
    yield _row(artifact, Outcome.OPAQUE, f"named as YAML, but no YAML loader reads it: {error.reason}")


def _oddities(artifact: Artifact, stream: YamlStream) -> Iterator[Finding]:
    if stream.alias_nodes > _MANY_ALIASED:
        evidence = f"aliases repeat {stream.alias_nodes:,} values in {artifact.source.size:,} bytes"
        yield Finding(rule=_EXPLODES, path=artifact.path, subject="aliases", evidence=evidence)
    twice = [place for place in stream.duplicate_keys if place.rpartition("/")[2] in _CALL_KEYS]
    if twice:
        evidence = "\n".join(f"{quoted(place)} stands there twice" for place in twice[:5])
        yield Finding(
            rule=_KEY_TWICE,
            path=artifact.path,
            subject=twice[0][:200],
            evidence=evidence,
            route=twice[0],
        )


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.TEXT, outcome=outcome, detail=detail)
