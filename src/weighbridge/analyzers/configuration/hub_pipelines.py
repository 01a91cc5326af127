"""Files that list the parts of a pipeline: `model_index.json` of diffusers, `modules.json` of encoders.

Each part is a class by name. The loader imports its library, whichever it is, or a module that lies in
the repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.config_trees import items_of, text_of
from weighbridge.analyzers.configuration.hub_code import (
    ESCAPES,
    HARMFUL,
    LOCAL,
    named,
    reference_findings,
)
from weighbridge.analyzers.configuration.target_weights import Weight, weigh_import, weigh_target
from weighbridge.analyzers.inspection import Context
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.class_references import leads_out
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.config_names import installed_config_names
from weighbridge.knowledge.hub_config_tables import installed_hub_tables

_UNKNOWN, _OUTSIDE = "RMC012", "RMC013"
_INDEX: Final = frozenset({"model_index.json", "modular_model_index.json"})
"""The loader goes by these names; every part of a pipeline has `_class_name` as well."""
_OWN_MODULES: Final = "diffusers_modules."
_MOST_PARTS: Final = 200


def encoder_modules(tree: Json) -> tuple[Mapping[str, Json], ...]:
    """Return the parts of a `modules.json`; nothing for any other document."""
    if not isinstance(tree, Sequence) or isinstance(tree, str) or not 0 < len(tree) <= _MOST_PARTS:
        return ()
    parts = tuple(one for one in tree if isinstance(one, Mapping))
    are_parts = all("type" in one and ("path" in one or "idx" in one) for one in parts)
    return parts if len(parts) == len(tree) and are_parts else ()


def judge_modules(
    artifact: Artifact, parts: Sequence[Mapping[str, Json]], context: Context
) -> Iterator[Finding]:
    """Yield what the parts of a sentence encoder name."""
    for number, part in enumerate(parts):
        route = f"/{number}"
        path = text_of(part, "path") or ""
        if leads_out(path) or "://" in path:
            yield _finding(artifact, _OUTSIDE, path, f"path: {quoted(path)}", f"{route}/path")
        kind = text_of(part, "type")
        if kind and len(kind) < 500:
            yield from _encoder_part(artifact, kind, f"{route}/type", context)


def _encoder_part(artifact: Artifact, kind: str, route: str, context: Context) -> Iterator[Finding]:
    weighed = weigh_target(kind, context.callables)
    if weighed.weight >= Weight.REACHES:
        evidence = f"type: {quoted(kind)}\n{weighed.canonical[:200]}: {weighed.why}"
        yield _finding(artifact, HARMFUL, weighed.canonical, evidence, route)
    elif weighed.weight is not Weight.UNKNOWN or _is_known(kind):
        return
    elif "--" in kind or kind.count(".") <= 1 or leads_out(kind):
        yield from reference_findings(artifact, (named(kind, route),))
    else:
        package = kind.partition(".")[0]
        yield _finding(artifact, _UNKNOWN, package, f"type: {quoted(kind)}", route)


def judge_index(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Finding]:
    """Yield what the parts of a diffusion pipeline name."""
    kind = tree.get("_class_name")
    is_pipeline = isinstance(kind, str) and kind.endswith(("Pipeline", "Blocks"))
    if not is_pipeline and PurePosixPath(artifact.name).name not in _INDEX:
        return
    names = _texts(kind)
    if len(names) == 2:
        yield from reference_findings(artifact, (named(".".join(names), "/_class_name"),))
    custom = text_of(tree, "custom_pipeline")
    if custom:
        yield from _custom(artifact, custom)
    for key, value in list(tree.items())[:_MOST_PARTS]:
        names = _texts(value)
        if key != "_class_name" and len(names) >= 2 and len(items_of(value)) <= 3:
            yield from _part(artifact, names[0], names[1], f"/{key[:100]}", context)


def _texts(value: Json) -> tuple[str, ...]:
    items = items_of(value)[:3]
    texts = tuple(one for one in items[:2] if isinstance(one, str))
    return texts if len(texts) == 2 and max(map(len, texts)) < 300 else ()


def _custom(artifact: Artifact, custom: str) -> Iterator[Finding]:
    """`custom_pipeline` is a module of the repository, another repository, or a path."""
    module, route = custom.removesuffix(".py"), "/custom_pipeline"
    evidence = f"custom_pipeline: {quoted(custom)}"
    if leads_out(custom) or "://" in custom:
        yield _finding(artifact, ESCAPES, custom, evidence, route)
    elif "/" in custom:
        yield from reference_findings(artifact, (named(f"{custom}--pipeline.Pipeline", route),))
    else:
        yield _finding(artifact, LOCAL, module, evidence, route)


def _part(
    artifact: Artifact, library: str, name: str, route: str, context: Context
) -> Iterator[Finding]:
    evidence = f"{route[1:]}: [{quoted(library)}, {quoted(name)}]"
    if library.startswith(_OWN_MODULES):
        yield from reference_findings(artifact, (named(f"{library.rpartition('.')[2]}.{name}", route),))
        return
    weighed = weigh_import(library, name, context.callables)
    if weighed.weight >= Weight.REACHES:
        evidence += f"\n{weighed.canonical[:200]}: {weighed.why}"
        yield _finding(artifact, HARMFUL, weighed.canonical, evidence, route)
    elif _is_known(library):
        return
    elif "." in library and not leads_out(library) and "/" not in library:
        if weighed.weight is Weight.UNKNOWN:
            yield _finding(artifact, _UNKNOWN, library.partition(".")[0], evidence, route)
    elif weighed.weight is Weight.UNKNOWN or leads_out(library):
        yield from reference_findings(artifact, (named(f"{library}.{name}", route),))


def _is_known(name: str) -> bool:
    package = name.partition(".")[0]
    libraries = installed_hub_tables().libraries
    return package in libraries or installed_config_names().namespace(name) is not None


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
