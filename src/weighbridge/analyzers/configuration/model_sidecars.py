"""Small files beside a model: adapters, Ollama manifests, NeMo artifacts, tensorstore specs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.configuration.config_trees import items_of, mappings, nodes, survey, text_of
from weighbridge.analyzers.configuration.requirement_lines import requirement_findings
from weighbridge.analyzers.configuration.target_weights import Weight, weigh_import
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_DIGEST, _MEDIA_TYPE, _LIBRARY, _BASE, _EMBEDDINGS, _STORE, _NEMO = (
    "CFG050", "CFG051", "CFG055", "CFG056", "CFG057", "CFG060", "CFG061"
)  # fmt: skip
_UNKNOWN = "CFG003"
_SCALE = "SHD020"
_LARGEST_RANK: Final = 1_024
_LARGEST_SCALE: Final = 64
_ENDLESS: Final = 1e12
_DIGEST_FORM = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*[:-][0-9a-fA-F]{32,}\Z")
_OLLAMA: Final = "application/vnd.ollama."
_MEDIA_TYPES: Final = re.compile(
    r"application/vnd\.ollama\.image\.(?:model|adapter|projector|template|system|params|messages|license"
    r"|embed|prompt|tensor|json|draft)\Z|application/vnd\.(?:docker|oci)\."
)
_EMBEDDING_LAYERS: Final = frozenset({"embed_tokens", "lm_head", "wte", "word_embeddings", "embed_out"})
_REMOTE_DRIVERS: Final = frozenset({"http", "https", "gcs", "s3", "tsgrpc_kvstore"})
_REMOTE_URL = re.compile(r"(?:https?|gs|gcs|s3|file|ftp)://", re.IGNORECASE)
_MOST = 50


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is one of these."""
    if not isinstance(tree, Mapping):
        return None
    if "peft_type" in tree and ("base_model_name_or_path" in tree or "target_modules" in tree):
        return _adapter(artifact, tree, context)
    if isinstance(tree.get("layers"), Sequence) and ("schemaVersion" in tree or "config" in tree):
        layers = [one for one in items_of(tree["layers"]) if isinstance(one, Mapping)]
        if any("digest" in layer for layer in layers):
            return _manifest(artifact, tree, layers)
    if "spacy_version" in tree and "pipeline" in tree:
        lines = [one for one in items_of(tree.get("requirements")) if isinstance(one, str)]
        return requirement_findings(artifact, lines, "/requirements")
    seen = survey(tree, frozenset({"kvstore"}))
    found = [
        *(_stores(artifact, tree) if seen.keys else ()),
        *(_nemo(artifact, tree) if seen.nemo else ()),
    ]
    return iter(found) if found else None


def _adapter(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Event]:
    mapping = tree.get("auto_mapping")
    if isinstance(mapping, Mapping):
        yield from _auto_mapping(artifact, mapping, context)
    base = text_of(tree, "base_model_name_or_path") or ""
    if (
        _REMOTE_URL.match(base)
        or base.startswith(("/", "~", "\\\\"))
        or base[1:3] == ":\\"
        or ".." in base
    ):
        evidence = f"base_model_name_or_path: {quoted(base)}"
        yield _finding(artifact, _BASE, base, evidence, "/base_model_name_or_path")
    yield from _scale(artifact, tree)
    for key in ("modules_to_save", "target_modules"):
        names = {one.rpartition(".")[2] for one in items_of(tree.get(key)) if isinstance(one, str)}
        trained = sorted(names & _EMBEDDING_LAYERS)
        if trained:
            evidence = f"{key}: {', '.join(trained)}"
            yield _finding(artifact, _EMBEDDINGS, evidence, evidence, f"/{key}")


def _scale(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """An adapter is added to the base `lora_alpha / r` times, or `lora_alpha / sqrt(r)` with rsLoRA."""
    rank, alpha = tree.get("r"), tree.get("lora_alpha")
    if type(rank) is not int or isinstance(alpha, bool) or not isinstance(alpha, int | float):
        return
    alpha = min(max(alpha, -_ENDLESS), _ENDLESS)  # integers of any length are JSON
    if not 0 < rank <= _LARGEST_RANK:
        yield _finding(artifact, _SCALE, "r", f"r: {quoted(str(rank))}", "/r")
        return
    divisor = rank**0.5 if tree.get("use_rslora") is True else rank
    if not alpha <= _LARGEST_SCALE * divisor:
        evidence = f"lora_alpha: {alpha:g}, r: {rank:,}: added {alpha / divisor:,.4g} times"
        yield _finding(artifact, _SCALE, "lora_alpha", evidence, "/lora_alpha")


def _auto_mapping(
    artifact: Artifact, mapping: Mapping[str, Json], context: Context
) -> Iterator[Finding]:
    """PEFT imports `parent_library` and takes `base_model_class` out of it."""
    module, name = text_of(mapping, "parent_library"), text_of(mapping, "base_model_class")
    if not module or not name:
        return
    weighed = weigh_import(module, name, context.callables)
    evidence = f"parent_library: {quoted(module)}, base_model_class: {quoted(name)}\n{weighed.why}"
    if weighed.weight >= Weight.REACHES:
        yield _finding(artifact, _LIBRARY, weighed.canonical, evidence, "/auto_mapping")
    elif weighed.weight >= Weight.UNKNOWN:
        yield _finding(artifact, _UNKNOWN, module.partition(".")[0], evidence, "/auto_mapping")


def _manifest(
    artifact: Artifact, tree: Mapping[str, Json], layers: list[Mapping[str, Json]]
) -> Iterator[Event]:
    config = tree.get("config")
    blobs = [*layers, *([config] if isinstance(config, Mapping) else [])]
    for blob in blobs[: 100 * _MOST]:
        digest = text_of(blob, "digest")
        if digest is None or not _DIGEST_FORM.match(digest):
            yield _finding(
                artifact, _DIGEST, digest or "none", f"digest: {quoted(digest or '')}", "/layers"
            )
    kinds = [text_of(layer, "mediaType") or "" for layer in layers]
    if any(kind.startswith(_OLLAMA) for kind in kinds):
        odd = sorted({kind for kind in kinds if not _MEDIA_TYPES.match(kind)})
        if odd:
            evidence = "\n".join(quoted(kind) for kind in odd[:5])
            yield _finding(artifact, _MEDIA_TYPE, odd[0], evidence, "/layers")


def _stores(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """Tensorstore opens what a spec names, wherever it is."""
    count = 0
    for route, mapping in mappings(tree):
        if "kvstore" not in mapping or not isinstance(mapping.get("driver"), str):
            continue
        for place in _places(mapping["kvstore"]):
            count += 1
            if count <= _MOST:
                yield _finding(artifact, _STORE, place, f"kvstore: {quoted(place)}", f"{route}/kvstore")


def _places(store: Json) -> Iterator[str]:
    for _, value in nodes(store):
        if isinstance(value, str) and _REMOTE_URL.match(value):
            yield value
        elif isinstance(value, Mapping):
            driver = text_of(value, "driver")
            path = text_of(value, "path") or ""
            if driver in _REMOTE_DRIVERS:
                yield f"{driver} {text_of(value, 'bucket') or text_of(value, 'base_url') or path}"
            elif driver == "file" and (path.startswith(("/", "~")) or ".." in path.split("/")):
                yield f"file {path}"


def _nemo(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """`nemo:NAME` is a file of the archive that the configuration is in."""
    for route, value in nodes(tree):
        if isinstance(value, str) and value.startswith("nemo:"):
            name = value.removeprefix("nemo:").replace("\\", "/")
            if name.startswith("/") or ".." in name.split("/"):
                yield _finding(artifact, _NEMO, value, quoted(value), route)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
