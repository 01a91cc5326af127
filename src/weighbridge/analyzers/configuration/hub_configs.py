"""Configurations of the hub: what transformers, diffusers, timm and sentence encoders make of them.

A configuration looks like numbers and names. Some of its keys decide which Python is fetched and run, a
few without the question that `trust_remote_code` is. Others make the loader read another repository, or
a file of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.configuration import hub_code, hub_pipelines, hub_places, hub_texts
from weighbridge.analyzers.configuration.config_trees import survey
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json

_OF_THE_HUB: Final = frozenset(
    {"model_type", "architectures", "auto_map", "transformers_version", "tokenizer_class"}
    | {"processor_class", "image_processor_type", "feature_extractor_type", "video_processor_type"}
    | {"_class_name", "_diffusers_version", "peft_type", "pretrained_cfg", "custom_pipelines"}
    | {"_attn_implementation_internal", "_experts_implementation_internal", "custom_generate"}
    | {"quantization_config", "_name_or_path", "sentence_transformers"}
)
"""A document with one of these at its top is a configuration of a model, whatever its name."""
_DEEP: Final = frozenset(
    {"auto_map", "custom_pipelines", "trust_remote_code", "pretrained_cfg", "activation_function"}
    | {"_attn_implementation_internal", "_experts_implementation_internal", "attn_implementation"}
    | {"_attn_implementation", "experts_implementation", "hf_hub_id"}
)
"""Keys that matter wherever they stand."""
_LARGEST_SURVEYED: Final = 4 * MIB
_OF_A_TOKEN: Final = frozenset(
    {"content", "lstrip", "rstrip", "normalized", "single_word", "special", "__type"}
)
_LONGEST_ROUTE: Final = 300
_MOST_PLACES: Final = 500_000
_MOST: Final = 100


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is a configuration of the hub, or holds keys of one."""
    modules = hub_pipelines.encoder_modules(tree)
    if modules:
        return _bounded(hub_pipelines.judge_modules(artifact, modules, context))
    if not isinstance(tree, Mapping):
        return None
    if _OF_THE_HUB.isdisjoint(tree):
        if artifact.source.size > _LARGEST_SURVEYED or not survey(tree, _DEEP).keys:
            return None
        found = list(_bounded(hub_code.judge_keys(artifact, _places(tree), False, context)))
        return iter(found) if found else None
    return _judged(artifact, tree, context)


def _judged(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Event]:
    places = _places(tree)
    yield from _bounded(hub_code.judge_keys(artifact, places, True, context))
    yield from _bounded(hub_pipelines.judge_index(artifact, tree, context))
    yield from _bounded(hub_places.judge_places(artifact, places))
    yield from _bounded(hub_texts.judge_numbers(artifact, places, context))
    yield from hub_texts.judge_programs(artifact, places)


def _places(tree: Json) -> list[tuple[str, Mapping[str, Json]]]:
    """The mappings by route, parents first, without those of a tokenizer that describe one token."""
    places: list[tuple[str, Mapping[str, Json]]] = []
    stack: list[tuple[str, Json]] = [("", tree)]
    while stack:
        route, value = stack.pop()
        if isinstance(value, dict):
            if not value.keys() <= _OF_A_TOKEN:
                places.append((route, value))
            items = [(str(key), item) for key, item in value.items() if isinstance(item, dict | list)]
        else:
            found = enumerate(value) if isinstance(value, list) else ()
            items = [(str(at), item) for at, item in found if isinstance(item, dict | list)]
        stack.extend((f"{route}/{key}"[:_LONGEST_ROUTE], item) for key, item in reversed(items))
        if len(places) + len(stack) > _MOST_PLACES:
            raise LimitReached(f"the configuration has more than {_MOST_PLACES:,} objects")
    return places


def _bounded(findings: Iterator[Finding]) -> Iterator[Finding]:
    """One of each rule and subject, 100 of each rule: a document may repeat itself to hide the last."""
    told: dict[str, set[str]] = {}
    for finding in findings:
        subjects = told.setdefault(finding.rule, set())
        if finding.subject not in subjects and len(subjects) < _MOST:
            subjects.add(finding.subject)
            yield finding
