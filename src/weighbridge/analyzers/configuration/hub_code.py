"""Keys of a model's configuration that decide which Python is fetched and run.

`auto_map`, `custom_pipelines` and `custom_generate` name classes, of the repository or of another.
`attn_implementation` and its like name kernels, which are code too. `trust_remote_code` inside of a
configuration answers a question that is the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.configuration.config_trees import items_of, nodes, text_of
from weighbridge.analyzers.configuration.target_weights import Weight, weigh_target
from weighbridge.analyzers.inspection import Context
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.class_references import (
    ClassReference,
    Oddity,
    is_repository,
    leads_out,
    parse_reference,
)
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.hub_config_tables import installed_hub_tables
from weighbridge.knowledge.known_names import is_known_organisation

LOCAL, ELSEWHERE, WELL_KNOWN, ESCAPES, BROKEN = "RMC001", "RMC002", "RMC003", "RMC004", "RMC005"
_UNASKED, _KERNEL, _KNOWN_KERNEL, _TRUSTS, _TOOL_TRUSTS, HARMFUL = (
    "RMC006", "RMC007", "RMC008", "RMC009", "RMC010", "RMC011"
)  # fmt: skip
_TRUSTS_ELSEWHERE = "RMC022"

Places = Sequence[tuple[str, Mapping[str, Json]]]

_OWN = re.compile(r"hf://(?:(?:models|datasets|spaces)/)?([^/@]+/[^/@]+)(?:[@/]|\Z)")
_IMPLEMENTATION = re.compile(r"_?\w*(?:implementation|kernel)\w*\Z")
_INTERNAL = re.compile(r"_\w+_internal\Z")
# transformers 5.23, integrations/hub_kernels.py; what stands before a bar chooses how it is wrapped.
_KERNEL_NAME = re.compile(r"(?:[^|/]*\|)?([^/:|\s]+)/([^/:\s]+?)(?:@[^/:]+)?(?::[^/:]+)?\Z")
_NAMES: Final = frozenset(
    {"tokenizer_class", "processor_class", "image_processor_type", "feature_extractor_type"}
    | {"video_processor_type", "architectures", "library_name", "_class_name", "model_type", "_type"}
    | {"activation_function", "activation_fn", "default_activation_function", "quant_method"}
    | {"sbert_ce_default_activation_function", "feature_extractor_class", "image_processor_class"}
)
"""Keys that name a class of the library; a dotted name there is imported by some loaders."""
_ARGUMENTS = re.compile(r"/(?:model|config|tokenizer|processor)_(?:args|kwargs)\Z")
_AT_TOP: Final = ("/auto_map", "/custom_pipelines/", "/_class_name", "/custom_pipeline")
_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class _Named:
    """A class that a configuration names, and where."""

    reference: ClassReference
    route: str


def judge_keys(
    artifact: Artifact, places: Places, is_model: bool, context: Context
) -> Iterator[Finding]:
    """Yield what the keys of all mappings of a document say of code.

    Args:
        artifact: the document.
        places: its mappings by route.
        is_model: it is the configuration of a model, and not of a tool that trains or measures one.
        context: as for analyzers.
    """
    yield from reference_findings(artifact, tuple(_references(places)))
    for route, mapping in places:
        yield from _kernels(artifact, route, mapping)
        yield from _trust(artifact, route, mapping, is_model)
        yield from _generation(artifact, route, mapping)
        yield from _class_names(artifact, route, mapping, context)


def own_repository(artifact: Artifact) -> str | None:
    """Return `owner/name` of the repository that is scanned, when it lies on the hub."""
    found = _OWN.match(artifact.origin.location) if artifact.origin is not None else None
    return found[1] if found is not None else None


def named(text: str, route: str) -> _Named:
    """Return a class that stands at a place."""
    return _Named(parse_reference(text), route)


def reference_findings(artifact: Artifact, found: Sequence[_Named]) -> Iterator[Finding]:
    """Yield one finding for each module, repository or odd text that classes are named by."""
    own = (own_repository(artifact) or "").lower()
    groups: dict[tuple[str, str], list[_Named]] = {}
    for one in found:
        groups.setdefault(_rule_of(one.reference, own), []).append(one)
    for (rule, subject), members in groups.items():
        lines = [f"{one.route}: {quoted(one.reference.text)}" for one in members[:_SHOWN]]
        lines += [f"it {members[0].reference.oddity}"] if members[0].reference.oddity else []
        is_nested = any(not one.route.startswith(_AT_TOP) for one in members)
        if rule != LOCAL and is_nested:
            lines.append("nested: some loaders follow it without asking")
        yield Finding(
            rule=rule,
            path=artifact.path,
            subject=subject[:200],
            evidence="\n".join(lines),
            route=members[0].route,
            related=tuple(dict.fromkeys(one.reference.local for one in members))[:500],
        )


def _rule_of(reference: ClassReference, own: str) -> tuple[str, str]:
    match reference.oddity:
        case Oddity.ADDRESS | Oddity.LEAVES | Oddity.INNER:
            return ESCAPES, reference.text
        case Oddity.SHAPE:
            return BROKEN, reference.text
        case None:
            pass
    repository = (reference.repository or own).lower()
    if repository == own:
        return LOCAL, reference.module
    is_owners = bool(own) and repository.partition("/")[0] == own.partition("/")[0]
    is_listed = repository in installed_hub_tables().code_repositories
    return WELL_KNOWN if is_owners or is_listed else ELSEWHERE, reference.repository or ""


def _references(places: Places) -> Iterator[_Named]:
    for route, mapping in places:
        yield from _texts(mapping.get("auto_map"), f"{route}/auto_map")
        pipelines = mapping.get("custom_pipelines")
        for task, one in pipelines.items() if isinstance(pipelines, Mapping) else ():
            impl = text_of(one, "impl") if isinstance(one, Mapping) else None
            if impl:
                yield named(impl, f"{route}/custom_pipelines/{task[:100]}/impl")


def _texts(value: Json, route: str) -> Iterator[_Named]:
    for below, text in nodes(value):
        if isinstance(text, str) and text:
            yield named(text, f"{route}{below}")


def _kernels(artifact: Artifact, route: str, mapping: Mapping[str, Json]) -> Iterator[Finding]:
    for key, value in mapping.items():
        if not _IMPLEMENTATION.match(key):
            continue
        for below, text in nodes(value) if isinstance(value, str | Mapping) else ():
            found = _KERNEL_NAME.match(text.strip()) if isinstance(text, str) else None
            if found is not None:
                evidence = f"{key}: {quoted(found[0])}"
                rule, place = _kernel_rule(key, found[1]), f"{route}/{key}{below}"
                yield _finding(artifact, rule, f"{found[1]}/{found[2]}", evidence, place)


def _kernel_rule(key: str, owner: str) -> str:
    if owner.lower() in installed_hub_tables().kernel_owners:
        return _KNOWN_KERNEL
    return _UNASKED if _INTERNAL.match(key) else _KERNEL


def _trust(
    artifact: Artifact, route: str, mapping: Mapping[str, Json], is_model: bool
) -> Iterator[Finding]:
    value = mapping.get("trust_remote_code")
    if value is not True and str(value).strip().lower() != "true":
        return
    is_meant = is_model or _ARGUMENTS.search(route) is not None
    place = f"{route}/trust_remote_code"
    evidence = f"{place}: {value!r}"[:200]
    elsewhere = text_of(mapping, "_name_or_path") or ""
    if route and is_model and is_repository(elsewhere):
        is_listed = elsewhere.lower() in installed_hub_tables().code_repositories
        if not is_listed and not is_known_organisation(elsewhere.partition("/")[0]):
            evidence = f"{evidence}\n_name_or_path: {quoted(elsewhere)}"
            yield _finding(artifact, _TRUSTS_ELSEWHERE, elsewhere, evidence, place)
            return
    yield _finding(artifact, _TRUSTS if is_meant else _TOOL_TRUSTS, place, evidence, place)


def _generation(artifact: Artifact, route: str, mapping: Mapping[str, Json]) -> Iterator[Finding]:
    """`custom_generate` names a repository, or a folder, with `custom_generate/generate.py`."""
    value = text_of(mapping, "custom_generate")
    if not value:
        return
    evidence, place = f"custom_generate: {quoted(value)}", f"{route}/custom_generate"
    if leads_out(value) or "://" in value:
        yield _finding(artifact, ESCAPES, value, evidence, place)
    elif is_repository(value) and value.lower() != (own_repository(artifact) or "").lower():
        yield _finding(artifact, ELSEWHERE, value, evidence, place)


def _class_names(
    artifact: Artifact, route: str, mapping: Mapping[str, Json], context: Context
) -> Iterator[Finding]:
    for key in _NAMES & mapping.keys():
        value = mapping[key]
        for text in (value,) if isinstance(value, str) else items_of(value)[:20]:
            if isinstance(text, str) and 3 < len(text) < 300 and ("." in text or ":" in text):
                weighed = weigh_target(text.replace(":", "."), context.callables)
                if weighed.weight >= Weight.REACHES:
                    evidence = f"{key}: {quoted(text)}\n{weighed.canonical[:200]}: {weighed.why}"
                    yield _finding(artifact, HARMFUL, weighed.canonical, evidence, f"{route}/{key}")


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
