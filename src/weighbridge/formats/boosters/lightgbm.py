"""Check LightGBM's text models: do the arrays of each tree agree with its counts?

    tree                                first line
    num_class=1 ... max_feature_idx=5   head: key=value lines
    tree_sizes=856 853                  bytes of each tree, which the loader cuts the text by

    Tree=0
    num_leaves=7                        n leaves, n - 1 inner nodes
    split_feature=0 1 0 1 0 0           arrays of numbers with a space between
    left_child=3 2 -2 -1 -5 -3          inner node, or -1 - leaf
    end of trees                        importances and parameters follow

Source: src/io/tree.cpp and src/boosting/gbdt_model_text.cpp of LightGBM; CVE-2024-43598.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import AnomalyLog, quoted
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind

_STEP = 256 * KIB
_LONGEST_LINE = 64 * MIB
_MAX_LEAVES = 2**31 - 1
_MAX_CLASSES = 1_000_000
_KEPT_TEXTS = 2_000
_INNER: Final = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_LEAVES: Final = ("leaf_value",)
_WANTED: Final = frozenset(
    {*_INNER, *_LEAVES, "num_leaves", "num_cat", "cat_boundaries", "cat_threshold"}
) | {
    "is_linear",
    "num_features",
    "leaf_features",
    "leaf_coeff",
}
_INTEGERS = re.compile(r"[-+0-9 ]*")
_KEYS = re.compile(
    r"^(?:version|num_class|num_tree_per_iteration|label_index|max_feature_idx|objective|feature_names"
    r"|feature_infos|tree_sizes|Tree)=",
    re.MULTILINE,
)


def is_lightgbm(head: str) -> bool:
    """Tell by the first line, as LightGBM does, and by one of its keys, wherever that stands."""
    return head.partition("\n")[0].strip() == "tree" and _KEYS.search(head) is not None


@dataclass(slots=True)
class LightgbmModel:
    """What was learned of the model while it was checked: `texts` are (place, text)."""

    features: int | None = None
    sizes: Sequence[int] = ()
    trees: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)


def check_lightgbm(source: ByteSource, budget: Budget, log: AnomalyLog[Kind]) -> LightgbmModel:
    """Read the model line by line.

    Raises:
        LimitReached: a line of more than 64 MiB, or out of time.
    """
    model = LightgbmModel()
    tree: dict[str, str] = {}
    begin = None
    is_over = False
    for at, line in _lines(source):
        if at % 16 == 0:
            budget.check_time()
        if line.startswith("Tree=") or (line.startswith("end of trees") and not is_over):
            _close(model, tree, log)
            _check_size(model, begin, at, log)
            tree, begin = {}, at
            model.trees += line.startswith("Tree=")
            is_over = not line.startswith("Tree=")
            continue
        key, _, value = line.partition("=")
        if begin is None:
            _head(model, key, value, log, size=source.size - at)
        elif not is_over and key in _WANTED:
            tree[key] = value.strip()
        if (begin is None or is_over) and len(model.texts) < _KEPT_TEXTS:
            model.texts.append((f"line {key[:40]}", line))
    if not is_over:
        _close(model, tree, log)
    if model.sizes and len(model.sizes) != model.trees:
        detail = f"{len(model.sizes):,} sizes for {model.trees:,} trees"
        log.add(Kind.COUNT_DIFFERS, detail, at=0, subject="tree_sizes")
    return model


def _lines(source: ByteSource) -> Iterator[tuple[int, str]]:
    """Yield (offset, line) without line ends."""
    pending = b""
    start = 0
    for offset in range(0, source.size, _STEP):
        pending += bytes(source.read_at(offset, _STEP))
        *whole, pending = pending.split(b"\n")
        for line in whole:
            yield start, line.rstrip(b"\r").decode("utf-8", "backslashreplace")
            start += len(line) + 1
        if len(pending) > _LONGEST_LINE:
            raise LimitReached(f"a line of more than {_LONGEST_LINE:,} bytes")
    yield start, pending.decode("utf-8", "backslashreplace")


def _head(model: LightgbmModel, key: str, value: str, log: AnomalyLog[Kind], *, size: int) -> None:
    if key in ("num_class", "num_tree_per_iteration", "max_feature_idx"):
        number = _integer(value)
        if number is None or not 0 <= number <= (
            _MAX_LEAVES if key == "max_feature_idx" else _MAX_CLASSES
        ):
            log.add(Kind.ABSURD_COUNT, f"{key} is {quoted(value)}", at=0, subject=key)
        elif key == "max_feature_idx":
            model.features = number + 1
    elif key == "feature_names" and model.features is not None:
        names = len(value.split())
        if names != model.features:
            detail = f"{names:,} names for {model.features:,} features"
            log.add(Kind.COUNT_DIFFERS, detail, at=0, subject=key)
    elif key == "tree_sizes":
        model.sizes = _integers(value) or ()
        if any(one < 0 for one in model.sizes) or sum(model.sizes) > size:
            detail = f"the sizes of the trees add up to {sum(model.sizes):,} of {size:,} bytes"
            log.add(Kind.OFFSET_OUTSIDE, detail, at=0, subject=key)


def _check_size(model: LightgbmModel, begin: int | None, at: int, log: AnomalyLog[Kind]) -> None:
    """The loader cuts the text by the stated sizes; a tree that is cut elsewhere is another one."""
    index = model.trees - 1
    if begin is None or not 0 <= index < len(model.sizes) or model.sizes[index] == at - begin:
        return
    detail = f"tree {index:,} has {at - begin:,} bytes and is said to have {model.sizes[index]:,}"
    log.add(Kind.COUNT_DIFFERS, detail, at=begin, subject="tree_sizes")


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[-+]?[0-9]{1,18}\s*", text) else None


def _integers(text: str) -> list[int] | None:
    """The numbers of an array; None when one of them is none."""
    if not _INTEGERS.fullmatch(text):
        return None
    try:
        return [int(word) for word in text.split()]
    except ValueError:
        return None


def _close(model: LightgbmModel, tree: dict[str, str], log: AnomalyLog[Kind]) -> None:
    if tree:
        _Tree(tree, model, log).check()


@dataclass(slots=True)
class _Tree:
    table: dict[str, str]
    model: LightgbmModel
    log: AnomalyLog[Kind]

    def _note(self, kind: Kind, subject: str, detail: str) -> None:
        self.log.add(kind, f"tree {self.model.trees - 1:,}: {detail}", at=0, subject=subject)

    def check(self) -> None:
        leaves = _integer(self.table.get("num_leaves", ""))
        if leaves is None or not 0 < leaves <= _MAX_LEAVES:
            self._note(
                Kind.ABSURD_COUNT,
                "num_leaves",
                f"num_leaves is {quoted(self.table.get('num_leaves', ''))}",
            )
            return
        for key in (*(_INNER if leaves > 1 else ()), *_LEAVES):
            needed = leaves if key in _LEAVES else leaves - 1
            held = len(self.table.get(key, "").split())
            if held < needed:
                self._note(Kind.ARRAY_SHORT, key, f"{key} has {held:,} elements for {needed:,}")
            elif held > needed:
                self._note(Kind.COUNT_DIFFERS, key, f"{key} has {held:,} elements for {needed:,}")
        if leaves > 1:
            self._check_branches(leaves)
        self._check_categories()
        self._check_linear(leaves)
        self._check_finite()

    def _array(self, key: str) -> list[int]:
        found = _integers(self.table.get(key, ""))
        if found is None:
            self._note(Kind.WRONG_TYPE, key, f"{key} holds something that is no whole number")
        return found or []

    def _check_branches(self, leaves: int) -> None:
        left, right = self._array("left_child"), self._array("right_child")
        inner = leaves - 1
        seen: set[int] = {0}
        for node, child in [*enumerate(left[:inner]), *enumerate(right[:inner])]:
            if not -leaves <= child < inner:
                detail = f"node {node:,} leads to {child:,}, of {inner:,} nodes and {leaves:,} leaves"
                self._note(Kind.CHILD_OUTSIDE, "children", detail)
            elif child in seen:
                detail = f"node {node:,} leads to {child:,}, which another one leads to"
                self._note(Kind.CYCLE, "children", detail)
            seen.add(child)
        features = self.model.features
        for node, feature in enumerate(self._array("split_feature")):
            if feature < 0 or (features is not None and feature >= features):
                detail = f"node {node:,} splits feature {feature:,} of {features}"
                self._note(Kind.FEATURE_OUTSIDE, "split_feature", detail)

    def _check_categories(self) -> None:
        count = _integer(self.table.get("num_cat", "0"))
        if not count:
            return
        bounds, words = self._array("cat_boundaries"), self._array("cat_threshold")
        if count < 0 or len(bounds) < count + 1:
            detail = f"{len(bounds):,} boundaries for {count:,} sets of categories"
            self._note(Kind.ARRAY_SHORT, "cat_boundaries", detail)
        if bounds and (min(bounds) < 0 or bounds != sorted(bounds) or bounds[-1] > len(words)):
            detail = f"boundaries up to {max(bounds):,} for {len(words):,} words of categories"
            self._note(Kind.CATEGORY_OUTSIDE, "cat_threshold", detail)
        kinds = _integers(self.table.get("decision_type", "")) or []
        for node, (kind, word) in enumerate(
            zip(kinds, self.table.get("threshold", "").split(), strict=False)
        ):
            if kind & 1 and not _is_index(word, count):
                detail = f"node {node:,} takes set {quoted(word)} of {count:,}"
                self._note(Kind.CATEGORY_OUTSIDE, "threshold", detail)

    def _check_linear(self, leaves: int) -> None:
        if self.table.get("is_linear") != "1":
            return
        counts = self._array("num_features")
        needed = sum(one for one in counts if one > 0)
        if len(counts) < leaves or min(counts, default=0) < 0:
            self._note(Kind.ARRAY_SHORT, "num_features", f"{len(counts):,} counts for {leaves:,} leaves")
        for key in ("leaf_features", "leaf_coeff"):
            held = len(self.table.get(key, "").split())
            if held < needed:
                self._note(Kind.ARRAY_SHORT, key, f"{key} has {held:,} elements for {needed:,}")
        features = self.model.features
        for feature in self._array("leaf_features"):
            if feature < 0 or (features is not None and feature >= features):
                detail = f"a linear leaf takes feature {feature:,} of {features}"
                self._note(Kind.FEATURE_OUTSIDE, "leaf_features", detail)

    def _check_finite(self) -> None:
        for key in ("leaf_value", "threshold"):
            for word in self.table.get(key, "").split():
                if word.lstrip("+-")[:1] in "nNiI" and not _is_infinite_bound(key, word):
                    self._note(Kind.NON_FINITE, key, f"{key} holds {quoted(word)}")
                    break


def _is_infinite_bound(key: str, word: str) -> bool:
    """A threshold of plus infinity is how missing values are split off."""
    return key == "threshold" and word.lstrip("+").lower() in ("inf", "infinity")


def _is_index(word: str, count: int) -> bool:
    try:
        value = float(word)
    except ValueError:
        return False
    return math.isfinite(value) and 0 <= value < count
