"""The index of a sharded checkpoint against the shards themselves (THREATS ST-04)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.analyzers.repository.tensor_reader import TensorReader
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.analyzers.repository.weight_sets import SAFE, WeightSet
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.weights.shard_index import ShardPlace, shard_place

_MISPLACED, _UNLISTED, _TOTAL = "SHD008", "SHD009", "SHD010"
_MOST_SHARDS = 1_024
_SHOWN = 4


def judge_index(weights: WeightSet, view: RepositoryView, reader: TensorReader) -> Iterator[Finding]:
    """Compare where the index says that tensors are with where they are."""
    if weights.index is None:
        return
    tree = view.mapping(weights.index)
    mapped = tree.get("weight_map") if tree is not None else None
    if tree is None or not isinstance(mapped, Mapping):
        return
    placed = {name: shard for name, shard in mapped.items() if isinstance(shard, str)}
    named = {*placed.values(), *map(posixpath.basename, weights.shards)}
    held = _held(weights.index, named, view, reader)
    yield from _misplaced(weights.index, placed, held)
    yield from _unlisted(weights.index, placed, held)
    if weights.kind == SAFE and held.keys() >= set(placed.values()):
        yield from _total(weights.index, tree.get("metadata"), placed, view, reader)


def _held(
    index: str, shards: Iterable[str], view: RepositoryView, reader: TensorReader
) -> dict[str, frozenset[str]]:
    """The names of tensors by shard, of the shards that are there and readable."""
    held: dict[str, frozenset[str]] = {}
    for shard in sorted(shards)[:_MOST_SHARDS]:
        name = view.beside(index, shard) if shard_place(shard) is ShardPlace.INSIDE else None
        listed = reader.read(name) if name is not None else None
        if listed is not None and listed.trouble is None and len(listed.groups) == 1:
            held[shard] = frozenset(tensor.name for tensor in listed.tensors)
    return held


def _misplaced(
    index: str, placed: Mapping[str, str], held: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    wrong = [name for name, shard in placed.items() if shard in held and name not in held[shard]]
    elsewhere = {name: shard for shard, names in held.items() for name in names}
    lines = [
        f"{quoted(name)}: the index says {quoted(placed[name])}, it is in {_where(elsewhere, name)}"
        for name in wrong[:_SHOWN]
    ]
    if wrong:
        yield _finding(_MISPLACED, index, wrong[0], lines, len(wrong))


def _where(elsewhere: Mapping[str, str], name: str) -> str:
    return quoted(elsewhere[name]) if name in elsewhere else "no shard"


def _unlisted(
    index: str, placed: Mapping[str, str], held: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    """Loaders that read shards whole take these too, those that go by the index don't."""
    extra = [
        (name, shard) for shard, names in sorted(held.items()) for name in sorted(names)
        if placed.get(name) != shard and not _is_misplaced(name, placed, held)
    ]  # fmt: skip
    lines = [f"{quoted(shard)} also holds {quoted(name)}" for name, shard in extra[:_SHOWN]]
    if extra:
        yield _finding(_UNLISTED, index, extra[0][0], lines, len(extra))


def _is_misplaced(name: str, placed: Mapping[str, str], held: Mapping[str, frozenset[str]]) -> bool:
    shard = placed.get(name)
    return shard in held and shard is not None and name not in held[shard]


def _total(
    index: str,
    metadata: object,
    placed: Mapping[str, str],
    view: RepositoryView,
    reader: TensorReader,
) -> Iterator[Finding]:
    stated = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    if not isinstance(stated, int | float) or isinstance(stated, bool):
        return
    names = [view.beside(index, shard) for shard in sorted(set(placed.values()))]
    actual = sum(reader.read(name).tensor_bytes for name in names if name is not None)
    if actual != stated:
        lines = [f"total_size is {stated:,}; the shards hold {actual:,} bytes of tensors"]
        yield _finding(_TOTAL, index, "total_size", lines, 1)


def _finding(rule: str, index: str, subject: str, lines: list[str], count: int) -> Finding:
    more = [f"and {count - len(lines):,} more"] if count > len(lines) else []
    return Finding(
        rule=rule,
        path=(index,),
        subject=subject[:200],
        evidence="\n".join((*lines, *more)),
        route=f"/weight_map/{posixpath.basename(subject)[:200]}",
    )
