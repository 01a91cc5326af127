"""Dataset cards, Croissant, indexes of shards, Zarr: where data comes from, how it is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.datasets.croissant import croissant_findings, is_croissant
from weighbridge.analyzers.datasets.shard_lists import is_pipe, pipe_findings
from weighbridge.analyzers.datasets.zarr_metadata import is_zarr, zarr_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.yaml_tree import parse_yaml
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard

_LEAVES, _ELSEWHERE = "DST016", "DST017"
_PATHS: Final = frozenset({"data_files", "data_dir"})
_SHARDS: Final = frozenset(
    {
        "url",
        "urls",
        "shards",
        "shardlist",
        "shard_urls",
        "train_shards",
        "val_shards",
        "train_data",
        "val_data",
    }
    | {"data_files", "train_urls", "test_urls", "dataset", "datasets", "tar_files", "data_path", "path"}
)
_SHOWN: Final = 5
_MAX_VALUES: Final = 200_000
_FRONT_MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_OTHER_REPOSITORY: Final = re.compile(r"hf://|https?://|s3://|gs://|az://|ftp://", re.IGNORECASE)
_LOCAL_SCHEME: Final = re.compile(r"file:", re.IGNORECASE)


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is one of these."""
    context.budget.check_time()
    if isinstance(tree, Mapping):
        if is_zarr(tree):
            return zarr_findings(artifact, tree)
        if is_croissant(tree):
            return croissant_findings(artifact, tree)
    pipes = list(_pipes(tree))
    paths = list(_data_files(tree))
    if not pipes and not paths:
        return None
    return _judged(artifact, pipes, paths)


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the card of a dataset: Markdown that begins with YAML."""
    match = _FRONT_MATTER.match(head)
    if match is None or not artifact.name.lower().endswith((".md", ".markdown")):
        return None
    if "data_files" not in match[1] and "data_dir" not in match[1] and "pipe:" not in head:
        return None
    stream = parse_yaml(match[1][: 64 * KIB], check=context.budget.check_time)
    trees = stream.documents
    pipes = [one for tree in trees for one in _pipes(tree)] + list(_pipes_of_prose(head))
    paths = [one for tree in trees for one in _data_files(tree)]
    return _judged(artifact, pipes, paths) if pipes or paths else None


def _judged(artifact: Artifact, pipes: list[str], paths: list[str]) -> Iterator[Finding]:
    yield from pipe_findings(artifact, pipes)
    outside: list[str] = []
    elsewhere: list[str] = []
    for path in dict.fromkeys(paths):
        if is_pipe(path):
            continue
        hazard = reference_hazard(path)
        if _LOCAL_SCHEME.match(path) or hazard in (ReferenceHazard.ABSOLUTE, ReferenceHazard.CLIMBS):
            outside.append(path)
        elif _OTHER_REPOSITORY.match(path):
            elsewhere.append(path)
    for rule, found in ((_LEAVES, outside), (_ELSEWHERE, elsewhere)):
        if found:
            evidence = "\n".join(f"data_files: {quoted(path)}" for path in found[:_SHOWN])
            yield Finding(rule=rule, path=artifact.path, subject=found[0][:200], evidence=evidence)


def _data_files(tree: Json) -> Iterator[str]:
    """Yield the paths that a loader of this card opens: `configs`, and `data_files` of a builder."""
    configs = tree.get("configs") if isinstance(tree, Mapping) else None
    for config in configs if isinstance(configs, list) else [tree]:
        if isinstance(config, Mapping):
            for key in _PATHS:
                yield from _texts(config.get(key), keys=frozenset({"path", "paths"}))


def _texts(value: Json, *, keys: frozenset[str] | None = None) -> Iterator[str]:
    """Yield all texts below a value: of mappings under `keys` the values, and of others all."""
    pending: list[Json] = [value]
    for _ in range(_MAX_VALUES):
        if not pending:
            return
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            is_entry = keys is not None and not keys.isdisjoint(item)
            pending.extend(
                inner for key, inner in item.items() if not is_entry or keys is None or key in keys
            )
        elif isinstance(item, Sequence):
            pending.extend(item)


def _pipes(tree: Json) -> Iterator[str]:
    """Yield addresses that begin with `pipe:`, wherever a configuration or an index names shards."""
    pending: list[tuple[str, Json]] = [("url", tree) if isinstance(tree, list) else ("", tree)]
    for _ in range(_MAX_VALUES):
        if not pending:
            return
        name, item = pending.pop()
        if isinstance(item, str):
            if name.lower() in _SHARDS and is_pipe(item):
                yield item
        elif isinstance(item, Mapping):
            pending.extend((key, inner) for key, inner in item.items())
        elif isinstance(item, Sequence):
            pending.extend((name, inner) for inner in item)


def _pipes_of_prose(text: str) -> Iterator[str]:
    """Yield the commands that the code in a card gives to a loader of shards."""
    for match in re.finditer(r"[\"'](pipe:[^\"'\n]{1,1000})[\"']", text):
        yield match[1]
