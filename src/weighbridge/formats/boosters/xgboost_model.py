"""Check an XGBoost model that was read from JSON or UBJSON: do its arrays agree with its counts?

    learner / gradient_booster / model / trees [i] / left_children, right_children, split_indices ...
                               / gbtree       / model / ...            of the booster `dart`
                               / model / weights                       of the booster `gblinear`
            / learner_model_param / num_feature, num_class, num_target

XGBoost sizes a tree by `tree_param.num_nodes`, copies that many elements of each array, and follows
children and features without a look when it predicts.

Source: src/tree/tree_model.cc, src/gbm/gbtree_model.cc and src/learner.cc of XGBoost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from weighbridge.formats.anomaly import AnomalyLog, quoted
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.boosters.ubjson import Ubj, UbjArray

Numbers: TypeAlias = "Sequence[int] | Sequence[float]"

BOOSTERS: Final = frozenset({"gbtree", "gblinear", "dart"})
OBJECTIVES: Final = (
    frozenset(f"binary:{name}" for name in ("logistic", "logitraw", "hinge"))
    | frozenset(f"multi:{name}" for name in ("softmax", "softprob"))
    | frozenset(f"rank:{name}" for name in ("pairwise", "ndcg", "map"))
    | frozenset(f"survival:{name}" for name in ("cox", "aft"))
    | frozenset(f"count:{name}" for name in ("poisson",))
    | frozenset(
        f"reg:{name}"
        for name in ("squarederror", "squaredlogerror", "logistic", "pseudohubererror", "absoluteerror")
    )
    | frozenset(
        f"reg:{name}" for name in ("quantileerror", "gamma", "tweedie", "linear", "expectileerror")
    )
)
_MAX_FEATURES = 2**31
_MAX_GROUPS = 1_000_000
_ARRAYS: Final = ("left_children", "right_children", "split_indices", "parents")
_FLOATS: Final = ("split_conditions", "sum_hessian", "loss_changes", "base_weights")


def learner_of(document: Ubj) -> Mapping[str, Ubj] | None:
    """Return the part `learner` of a model, of a snapshot or of a configuration; None for no model."""
    tree = _mapping(document)
    inner = _mapping(tree.get("Model"))
    learner = _mapping((inner or tree).get("learner"))
    is_model = "gradient_booster" in learner and "learner_model_param" in learner
    return learner if is_model else None


def check_model(learner: Mapping[str, Ubj], log: AnomalyLog[Kind]) -> None:
    """Add to `log` what disagrees.

    Raises:
        LimitReached, ReadError: from arrays of a UBJSON file.
    """
    XgboostChecks(learner, log).check()


def texts_of(learner: Mapping[str, Ubj]) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of what its author can write freely."""
    for key, value in _mapping(learner.get("attributes")).items():
        yield f"attributes/{key}", key
        if isinstance(value, str):
            yield f"attributes/{key}", value
    for name in ("feature_names", "feature_types"):
        listed = learner.get(name)
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            for index, item in enumerate(listed[:10_000]):
                if isinstance(item, str):
                    yield f"{name}/{index}", item


@dataclass(slots=True)
class XgboostChecks:
    """The numbers of one learner, which its trees must agree with."""

    learner: Mapping[str, Ubj]
    log: AnomalyLog[Kind]
    features: int = 0
    groups: int = 1

    def check(self) -> None:
        self._read_parameters()
        booster = _mapping(self.learner.get("gradient_booster"))
        name = _text(booster.get("name"))
        if name not in BOOSTERS:
            self.note(Kind.UNKNOWN_NAME, name, f"the booster {quoted(name)}")
        objective = _text(_mapping(self.learner.get("objective")).get("name"))
        if objective not in OBJECTIVES:
            self.note(Kind.UNKNOWN_NAME, objective, f"the objective {quoted(objective)}")
        model = _mapping(_mapping(booster.get("gbtree")).get("model")) or _mapping(booster.get("model"))
        if name == "gblinear":
            self._check_weights(model)
        elif model:
            self._check_trees(model)
            self._check_drops(booster, model)

    def note(self, kind: Kind, subject: str, detail: str) -> None:
        self.log.add(kind, detail, at=0, subject=subject)

    def _read_parameters(self) -> None:
        parameters = _mapping(self.learner.get("learner_model_param"))
        self.features = self._count(parameters, "num_feature", _MAX_FEATURES)
        classes = self._count(parameters, "num_class", _MAX_GROUPS)
        targets = self._count(parameters, "num_target", _MAX_GROUPS)
        self.groups = max(1, classes, targets)

    def _count(self, table: Mapping[str, Ubj], key: str, most: int) -> int:
        value = _integer(table.get(key, "0"))
        if value is None:
            self.note(Kind.WRONG_TYPE, key, f"{key} is {quoted(str(table.get(key)))}")
            return 0
        if not 0 <= value <= most:
            self.note(Kind.ABSURD_COUNT, key, f"{key} is {value:,}")
            return 0
        return value

    def numbers(self, table: Mapping[str, Ubj], key: str) -> Numbers | None:
        """The numbers of an array; None when it is absent or holds something else."""
        value = table.get(key)
        if isinstance(value, UbjArray):
            return value.read()
        if isinstance(value, Sequence) and not isinstance(value, str):
            if all(isinstance(one, (int, float)) for one in value):
                return [one for one in value if isinstance(one, (int, float))]
            self.note(Kind.WRONG_TYPE, key, f"{key} holds something that is no number")
        return None

    def integers(self, table: Mapping[str, Ubj], key: str) -> Sequence[int] | None:
        """The numbers of an array when all of them are whole."""
        numbers = self.numbers(table, key)
        found = [one for one in numbers or () if isinstance(one, int)]
        if numbers is not None and len(found) < len(numbers):
            self.note(Kind.WRONG_TYPE, key, f"{key} holds numbers that are not whole")
            return None
        return None if numbers is None else found

    def _check_weights(self, model: Mapping[str, Ubj]) -> None:
        weights = self.numbers(model, "weights")
        needed = (self.features + 1) * self.groups
        if weights is not None and len(weights) < needed:
            detail = (
                f"{len(weights):,} weights for {self.features:,} features and {self.groups:,} outputs"
            )
            self.note(Kind.ARRAY_SHORT, "weights", detail)
        self.check_finite(weights, "weights", "gblinear")

    def check_finite(self, numbers: Numbers | None, key: str, where: str) -> None:
        if numbers is not None and not all(map(math.isfinite, numbers)):
            self.note(Kind.NON_FINITE, key, f"{where}: {key} holds a number that is not finite")

    def _check_drops(self, booster: Mapping[str, Ubj], model: Mapping[str, Ubj]) -> None:
        trees = model.get("trees")
        drops = self.numbers(booster, "weight_drop")
        if drops is not None and isinstance(trees, Sequence) and len(drops) < len(trees):
            detail = f"{len(drops):,} weights for {len(trees):,} trees"
            self.note(Kind.ARRAY_SHORT, "weight_drop", detail)

    def _check_trees(self, model: Mapping[str, Ubj]) -> None:
        trees = model.get("trees")
        listed = trees if isinstance(trees, Sequence) and not isinstance(trees, str) else ()
        stated = _integer(_mapping(model.get("gbtree_model_param")).get("num_trees", len(listed)))
        if stated != len(listed):
            # XGBoost makes room for as many as are stated, and takes as many from the list.
            detail = f"{stated} trees are stated and {len(listed):,} are there"
            self.note(
                Kind.ARRAY_SHORT if (stated or 0) > len(listed) else Kind.COUNT_DIFFERS, "trees", detail
            )
        self._check_groups(model, len(listed))
        for index, tree in enumerate(listed):
            if isinstance(tree, Mapping):
                self.check_tree(f"tree {index}", tree)
                number = _integer(tree.get("id", index))
                if number is None or not 0 <= number < len(listed):
                    detail = f"tree {index} has the number {number} of {len(listed):,}"
                    self.note(Kind.OFFSET_OUTSIDE, "id", detail)
            else:
                self.note(Kind.WRONG_TYPE, "trees", f"tree {index} is no object")

    def check_tree(self, where: str, table: Mapping[str, Ubj]) -> None:
        """Check one tree, by the layout that JSON gives it."""
        _Tree(self, where, table).check()

    def check_outputs(self, groups: Sequence[int], trees: int) -> None:
        """Check the output that each tree adds to."""
        if len(groups) < trees:
            self.note(Kind.ARRAY_SHORT, "tree_info", f"{len(groups):,} groups for {trees:,} trees")
        if groups and not all(0 <= one < self.groups for one in groups):
            detail = f"a tree adds to output {max(groups):,} or {min(groups):,} of {self.groups:,}"
            self.note(Kind.GROUP_OUTSIDE, "tree_info", detail)

    def _check_groups(self, model: Mapping[str, Ubj], trees: int) -> None:
        groups = self.integers(model, "tree_info")
        if groups is not None:
            self.check_outputs(groups, trees)
        rounds = self.integers(model, "iteration_indptr")
        if rounds and not all(0 <= one <= trees for one in rounds):
            detail = f"a round begins at tree {max(rounds):,} or {min(rounds):,} of {trees:,}"
            self.note(Kind.OFFSET_OUTSIDE, "iteration_indptr", detail)


@dataclass(slots=True)
class _Tree:
    model: XgboostChecks
    where: str
    table: Mapping[str, Ubj]

    def check(self) -> None:
        parameters = _mapping(self.table.get("tree_param"))
        arrays = {key: self.model.integers(self.table, key) for key in _ARRAYS}
        left, right = arrays["left_children"], arrays["right_children"]
        nodes = _integer(parameters.get("num_nodes", -1))
        if nodes is None or left is None or not 0 < nodes <= len(left):
            held = "no" if left is None else f"{len(left):,}"
            detail = f"{nodes} nodes are stated, {held} children are there"
            self._note(Kind.ARRAY_SHORT, "num_nodes", detail)
            return
        whole = {key: value for key, value in arrays.items() if value is not None}
        self._check_lengths(whole, nodes)
        if all(len(whole.get(key, ())) >= nodes for key in _ARRAYS):
            self._walk(whole, nodes)
        self._check_leaves(parameters, left, right, nodes=nodes)
        self._check_categories(nodes)

    def _check_lengths(self, whole: Mapping[str, Sequence[int]], nodes: int) -> None:
        for key in _ARRAYS:
            if key not in whole:
                self._note(Kind.ARRAY_SHORT, key, f"{key} is missing")
        floats = {key: self.model.numbers(self.table, key) for key in _FLOATS}
        stored: dict[str, Numbers] = {key: value for key, value in floats.items() if value}
        for key, numbers in (stored | dict(whole)).items():
            if len(numbers) < nodes:
                detail = f"{key} has {len(numbers):,} elements for {nodes:,} nodes"
                self._note(Kind.ARRAY_SHORT, key, detail)
        self.model.check_finite(floats["split_conditions"], "split_conditions", self.where)

    def _note(self, kind: Kind, subject: str, detail: str) -> None:
        self.model.note(kind, subject, f"{self.where}: {detail}")

    def _walk(self, arrays: Mapping[str, Sequence[int]], nodes: int) -> None:
        """Follow both branches of every node that a prediction can reach."""
        left, right, features = (arrays[key] for key in _ARRAYS[:3])
        seen = bytearray(nodes)
        seen[0] = 1
        stack = [0]
        while stack:
            node = stack.pop()
            if left[node] == -1:
                continue
            if not 0 <= features[node] < max(1, self.model.features):
                detail = f"node {node:,} splits feature {features[node]:,} of {self.model.features:,}"
                self._note(Kind.FEATURE_OUTSIDE, "split_indices", detail)
            for child in (left[node], right[node]):
                if not 0 <= child < nodes:
                    detail = f"node {node:,} leads to node {child:,} of {nodes:,}"
                    self._note(Kind.CHILD_OUTSIDE, "children", detail)
                elif seen[child]:
                    detail = f"node {node:,} leads to node {child:,}, which another one leads to"
                    self._note(Kind.CYCLE, "children", detail)
                else:
                    seen[child] = 1
                    stack.append(child)
                    self._check_parent(arrays["parents"], child, node)

    def _check_parent(self, parents: Sequence[int], child: int, node: int) -> None:
        if parents[child] != node:
            detail = f"node {child:,} has the parent {parents[child]:,} and hangs on node {node:,}"
            self._note(Kind.PARENT_DIFFERS, "parents", detail)

    def _check_leaves(
        self,
        parameters: Mapping[str, Ubj],
        left: Sequence[int],
        right: Sequence[int] | None,
        *,
        nodes: int,
    ) -> None:
        """Trees with vectors for leaves keep them apart; a leaf has the number of its vector."""
        size = _integer(parameters.get("size_leaf_vector", 1))
        weights = self.model.numbers(self.table, "leaf_weights")
        if weights is None or not weights or right is None or size is None or size < 1:
            return
        vectors = len(weights) // size
        for node in range(min(nodes, len(right))):
            if left[node] == -1 and not 0 <= right[node] < vectors:
                detail = f"leaf {node:,} has the vector {right[node]:,} of {vectors:,}"
                self._note(Kind.CHILD_OUTSIDE, "leaf_weights", detail)

    def _check_categories(self, nodes: int) -> None:
        held = self.model.numbers(self.table, "categories") or ()
        listed, starts, sizes = (
            self.model.integers(self.table, f"categories_{key}") or ()
            for key in ("nodes", "segments", "sizes")
        )
        if not listed and not starts and not sizes:
            return
        if len(starts) < len(listed) or len(sizes) < len(listed):
            detail = f"{len(starts):,} segments and {len(sizes):,} sizes for {len(listed):,} nodes"
            self._note(Kind.ARRAY_SHORT, "categories_segments", detail)
        for node, start, size in zip(listed, starts, sizes, strict=False):
            if not 0 <= node < nodes or start < 0 or size < 0 or start + size > len(held):
                detail = f"node {node:,} has categories {start:,} to {start + size:,} of {len(held):,}"
                self._note(Kind.CATEGORY_OUTSIDE, "categories", detail)


def _mapping(value: Ubj) -> Mapping[str, Ubj]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Ubj) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Ubj) -> int | None:
    """A number, or the text of one: parameters are kept as text."""
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) <= 20 and value.strip().lstrip("+-").isdecimal():
        return int(value)
    return None
