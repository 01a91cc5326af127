"""Which weight files of a folder belong together: shards of one set, and twins of one model."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir

SAFE = "safetensors"
_PICKLES = ("bin", "pt", "pth", "ckpt", "pkl")
_OTHERS = ("h5", "msgpack", "ot")
_WEIGHTS = re.compile(
    rf"(?P<stem>.+?)(?:-\d{{5}}-of-\d{{5}})?\.(?P<kind>{'|'.join((SAFE, *_PICKLES, *_OTHERS))})"
    r"(?P<index>\.index(?:\.(?P<variant>[\w-]+))?\.json)?\Z",
    re.DOTALL,
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.\w+\Z")
_ANY_STEM = "*"
_VARIANT = re.compile(r"\.(?:fp16|bf16|fp32|fp8|int8|ema|non_ema)\Z")


@dataclass(frozen=True, slots=True)
class WeightSet:
    """One file, or the shards of one checkpoint.

    Attributes:
        folder: of the target; "" at its top.
        stem: what stands before the number of the shard and the extension, variant included.
        kind: the extension, lower case.
        files: names of the manifest, in order.
        index: the file that says which shard holds what.
    """

    folder: str
    stem: str
    kind: str
    files: tuple[str, ...]
    index: str | None = None

    @property
    def is_pickle(self) -> bool:
        return self.kind in _PICKLES

    @property
    def first(self) -> str:
        """The file that findings about the set are put on."""
        return self.index or self.files[0]

    @property
    def shards(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if _SHARD.search(name))

    @property
    def single(self) -> str | None:
        """The file without a number, which loaders look for first."""
        return next((name for name in self.files if not _SHARD.search(name)), None)


@dataclass(frozen=True, slots=True)
class Twins:
    """Two sets that hold one model.

    Attributes:
        choice: a sentence on which one a loader takes.
        is_slot: loaders know both by name; else the two merely have one stem.
    """

    safe: WeightSet
    other: WeightSet
    choice: str
    is_slot: bool


def weight_sets(folder: str, names: Sequence[str]) -> tuple[WeightSet, ...]:
    """Group the weight files among the names of one folder."""
    files: dict[tuple[str, str], list[str]] = {}
    indexes: dict[tuple[str, str], str] = {}
    for name in names:
        found = _WEIGHTS.match(posixpath.basename(name))
        if found is None:
            continue
        stem = found["stem"] + (f".{found['variant']}" if found["variant"] else "")
        key = (stem, found["kind"].lower())
        if found["index"]:
            indexes[key] = name
        else:
            files.setdefault(key, []).append(name)
    return tuple(
        WeightSet(folder, stem, kind, tuple(sorted(found)), indexes.get((stem, kind)))
        for (stem, kind), found in files.items()
    )


def twins_in(sets: Sequence[WeightSet]) -> Iterator[Twins]:
    """Yield each pair of which one is safetensors and the other is not."""
    by_key = {(one.stem, one.kind): one for one in sets}
    for safe in sets:
        if safe.kind != SAFE:
            continue
        variant = _VARIANT.search(safe.stem)
        tail = variant[0] if variant else ""
        plain = safe.stem.removesuffix(tail)
        for stem, kind, choice in (*_choices().get(plain, ()), *_choices().get(_ANY_STEM, ())):
            named = plain if stem == _ANY_STEM else stem
            other = by_key.pop((named + tail, kind), None)
            if other is not None:
                yield Twins(safe, other, choice, stem != _ANY_STEM)


@cache
def _choices() -> Mapping[str, tuple[tuple[str, str, str], ...]]:
    """Safetensors stem -> (other stem, its extension, which one is taken)."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for safe, other, choice, _ in table_rows(signatures_dir() / "shadowing/twins.tsv", columns=4):
        stem, _, kind = other.rpartition(".")
        found.setdefault(safe, []).append((stem, kind, choice))
    return {safe: tuple(rows) for safe, rows in found.items()}
