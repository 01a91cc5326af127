"""Check CatBoost's binary models: do splits, trees and leaves agree?

    "CBM1"   u32 bytes of the core   core: a FlatBuffer, `TModelCore`   model parts, as it names them

    TModelCore   0 format version   1 trees   2 texts by key   3 names of the parts that follow
    TModelTrees  0 dimensions   1 splits   2 sizes   3 starts   4-7 features   8 leaf values
                 10 steps of trees that are not symmetric   11 leaf of each node of theirs

A split is a number among all borders of all features. A symmetric tree of size n has n splits and
2**n leaves, each with as many values as there are dimensions.

Source: catboost/libs/model/flatbuffers/{model,features}.fbs of CatBoost.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table, Vector

MAGIC: Final = b"CBM1"
_FORMAT: Final = "FlabuffersModel_v1"
_HEAD_BYTES = 8
_DEEPEST_SYMMETRIC = 32
_MOST_DIMENSIONS = 1_000_000
_LARGEST_VECTOR = 20_000_000
_MOST_TEXTS = 2_000
_TEXT_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True)
class CatboostModel:
    """What the walk gave.

    Attributes:
        texts: (place, text) of names and of training parameters.
        parts: names of what follows the core: tables of counters, dictionaries of words.
        core_end: first byte behind the core.
    """

    texts: tuple[tuple[str, str], ...]
    parts: tuple[str, ...]
    core_end: int


def check_catboost(source: ByteSource, log: AnomalyLog[Kind]) -> CatboostModel:
    """Read the core; what disagrees goes to the log.

    Raises:
        Malformed: no core, or an offset in it leads out of it.
        LimitReached: more splits or leaves than any model has.
    """
    head = bytes(source.read_at(0, _HEAD_BYTES))
    if head[:4] != MAGIC or len(head) < _HEAD_BYTES:
        raise Malformed("no magic of CatBoost, or nothing behind it")
    end = _HEAD_BYTES + int.from_bytes(head[4:], "little")
    if end > source.size:
        raise Malformed(f"a core of {end - _HEAD_BYTES:,} bytes in a file of {source.size:,}", 4)
    core = FlatBuffer(source, _HEAD_BYTES, end).root()
    version = core.text(0, 64)
    if version != _FORMAT:
        log.add(Kind.UNKNOWN_NAME, f"the format {version!r}", at=_HEAD_BYTES, subject="format")
    trees = core.table(1)
    if trees is not None:
        _Trees(trees, log).check()
    parts = core.vector(3, 4)
    named = tuple(parts.texts(256)) if parts is not None and parts.count < 256 else ()
    return CatboostModel(tuple(_texts(core, trees)), named, end)


def _texts(core: Table, trees: Table | None) -> Iterator[tuple[str, str]]:
    info = core.vector(2, 4)
    for index in range(min(info.count, _MOST_TEXTS) if info is not None else 0):
        assert info is not None
        pair = info.table(index)
        key, value = pair.text(0, _TEXT_BYTES) or "", pair.text(1, _TEXT_BYTES) or ""
        yield f"info/{key[:80]}", value
    floats = trees.vector(5, 4) if trees is not None else None
    for index in range(min(floats.count, _MOST_TEXTS) if floats is not None else 0):
        assert floats is not None
        yield f"feature/{index}", floats.table(index).text(4, _TEXT_BYTES) or ""


class _Trees:
    def __init__(self, table: Table, log: AnomalyLog[Kind]) -> None:
        self._table = table
        self._log = log

    def check(self) -> None:
        dimensions = self._table.scalar(0, Scalar.INT)
        if not 0 <= dimensions <= _MOST_DIMENSIONS:
            self._note(Kind.ABSURD_COUNT, "dimensions", f"a prediction of {dimensions:,} numbers")
            return
        splits, sizes, starts = (self._numbers(index, Scalar.INT) for index in (1, 2, 3))
        if len(starts) < len(sizes):
            detail = f"{len(starts):,} starts for {len(sizes):,} trees"
            self._note(Kind.ARRAY_SHORT, "starts", detail)
        self._check_splits(splits)
        for index, (start, size) in enumerate(zip(starts, sizes, strict=False)):
            if size < 0 or start < 0 or start + size > len(splits):
                detail = f"tree {index:,} has splits {start:,} to {start + size:,} of {len(splits):,}"
                self._note(Kind.OFFSET_OUTSIDE, "tree", detail)
        steps = self._table.vector(10, 4)
        if steps is not None and steps.count:
            self._check_steps(steps, splits, list(zip(starts, sizes, strict=False)))
        else:
            self._check_leaves(sizes, max(1, dimensions))
        self._check_finite()

    def _note(self, kind: Kind, subject: str, detail: str) -> None:
        self._log.add(kind, detail, at=self._table.at, subject=subject)

    def _numbers(self, field: int, kind: Scalar) -> list[int]:
        vector = self._table.vector(field, kind.size)
        if vector is None:
            return []
        if vector.count > _LARGEST_VECTOR:
            raise LimitReached(f"{vector.count:,} numbers; up to {_LARGEST_VECTOR:,} are read")
        return vector.numbers(kind, _LARGEST_VECTOR)

    def _check_splits(self, splits: Sequence[int]) -> None:
        known = self._borders()
        if splits and known is not None and not (min(splits) >= 0 and max(splits) < max(1, known)):
            detail = f"splits by border {min(splits):,} to {max(splits):,} of {known:,}"
            self._note(Kind.FEATURE_OUTSIDE, "splits", detail)

    def _borders(self) -> int | None:
        """All borders of all features; None when some are of a kind that is not counted here."""
        estimated = self._table.vector(13, 4)
        if estimated is not None and estimated.count:
            return None
        found = 0
        for field, borders in ((5, 3), (6, 1), (7, 1)):
            features = self._table.vector(field, 4)
            for feature in features.tables() if features is not None else ():
                listed = feature.vector(borders, 4)
                found += listed.count if listed is not None else 0
        return found

    def _check_leaves(self, sizes: Sequence[int], dimensions: int) -> None:
        deepest = max(sizes, default=0)
        if deepest > _DEEPEST_SYMMETRIC:
            self._note(Kind.ABSURD_COUNT, "sizes", f"a symmetric tree of depth {deepest:,}")
            return
        needed = sum((1 << size) * dimensions for size in sizes if size >= 0)
        held = self._count(8, Scalar.DOUBLE)
        if held < needed:
            self._note(
                Kind.ARRAY_SHORT, "leaves", f"{held:,} values for {needed:,} leaves and dimensions"
            )

    def _count(self, field: int, kind: Scalar) -> int:
        vector = self._table.vector(field, kind.size)
        return vector.count if vector is not None else 0

    def _check_steps(
        self, steps: Vector, splits: Sequence[int], trees: Sequence[tuple[int, int]]
    ) -> None:
        """Each node says how far on its two subtrees begin; 0 and 0 is a leaf."""
        if steps.count < len(splits):
            self._note(Kind.ARRAY_SHORT, "steps", f"{steps.count:,} steps for {len(splits):,} nodes")
        pairs = steps.numbers(Scalar.UINT, _LARGEST_VECTOR)
        leaves = self._numbers(11, Scalar.UINT)
        if len(leaves) < len(splits):
            self._note(Kind.ARRAY_SHORT, "leaf ids", f"{len(leaves):,} leaves for {len(splits):,} nodes")
        values = self._count(8, Scalar.DOUBLE)
        for start, size in trees:
            for node in range(max(start, 0), min(start + size, len(pairs))):
                left, right = pairs[node] & 0xFFFF, pairs[node] >> 16
                if node + max(left, right) >= start + size:
                    detail = f"node {node:,} leads {max(left, right):,} on, out of its tree"
                    self._note(Kind.CHILD_OUTSIDE, "steps", detail)
                if left == 0 or right == 0:
                    self._check_leaf(node, leaves, values)

    def _check_leaf(self, node: int, leaves: Sequence[int], values: int) -> None:
        if node < len(leaves) and leaves[node] >= max(1, values):
            detail = f"node {node:,} has leaf {leaves[node]:,} of {values:,}"
            self._note(Kind.CHILD_OUTSIDE, "leaves", detail)

    def _check_finite(self) -> None:
        vector = self._table.vector(8, 8)
        data = vector.bytes_of(16 << 20) if vector is not None else b""
        if not all(
            math.isfinite(one) for (one,) in struct.iter_unpack("<d", data[: len(data) // 8 * 8])
        ):
            self._note(Kind.NON_FINITE, "leaves", "a leaf holds a number that is not finite")
