"""Sharded checkpoints whose index leads the loader elsewhere, or to a pickle."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.reference import Reference
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.weights.shard_index import (
    ShardIndex,
    ShardPlace,
    is_pickle_name,
    parse_shard_index,
    shard_place,
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the shard names of a `*.index.json`; other JSON has nothing to say here."""
    index = parse_shard_index(artifact.source, context.budget.limits)
    if index is None:
        return
    promises_safetensors = "safetensors" in artifact.name.lower()
    for shard, tensor in index.shards:
        place = shard_place(shard)
        if place is not ShardPlace.INSIDE:
            yield _finding(artifact, "ST014", shard, f"{quoted(shard)} is {place.value}", tensor)
        elif promises_safetensors and is_pickle_name(shard):
            detail = f"{quoted(shard)} is no safetensors file"
            yield _finding(artifact, "ST015", shard, detail, tensor)
        if place is ShardPlace.INSIDE:
            yield Reference(path=artifact.path, name=shard, what=f"the shard of {quoted(tensor)}")
    yield from _ambiguities(artifact, index)


def _ambiguities(artifact: Artifact, index: ShardIndex) -> Iterator[Event]:
    if index.duplicate_keys:
        key = index.duplicate_keys[0]
        more = len(index.duplicate_keys) - 1
        detail = f"{quoted(key)} stands twice" + (f", and {more:,} more keys" if more else "")
        yield _finding(artifact, "ST016", "duplicate keys", detail, key)
    if index.unreadable:
        tensor = index.unreadable[0]
        detail = f"the shard of {quoted(tensor)} is not a string"
        yield _finding(artifact, "ST016", "unreadable shard", detail, tensor)


def _finding(artifact: Artifact, rule: str, subject: str, detail: str, tensor: str) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=subject[:200],
        evidence=detail,
        route=f"/weight_map/{tensor[:200]}",
    )
