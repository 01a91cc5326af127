"""Read XGBoost's binary models of before version 3.1: structures of C, one after the other.

    ["binf"]  136 bytes of parameters   u64 n, name of the objective   u64 n, name of the booster
    gbtree    160 bytes of parameters   trees   i32 output of each tree   (dart: u64 n, n f32)
    tree      148 bytes of parameters   20 bytes a node   16 bytes a node
    gblinear  136 bytes of parameters   u64 n, n f32
    [u64 n, n pairs of texts]  [u64 n, n texts]      when the parameters say so

All little-endian. XGBoost copies the structures as they are.

Source: src/learner.cc, src/gbm/gbtree_model.h and include/xgboost/tree_model.h of XGBoost 1.0 to 2.1.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import AnomalyLog, quoted
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.boosters.ubjson import Ubj
from weighbridge.formats.boosters.xgboost_model import BOOSTERS, OBJECTIVES, XgboostChecks
from weighbridge.formats.forward import ForwardReader

MAGIC: Final = b"binf"
_LEARNER = struct.Struct("<fIiiiIIi104x")
_BOOSTER = struct.Struct("<iiiiqii128x")
_TREE = struct.Struct("<iiiiii124x")
_LINEAR_BYTES = 136
_NODE = struct.Struct("<iiiIf")
_STATISTICS_BYTES = 16
_U64 = struct.Struct("<Q")
_FEATURE = (1 << 31) - 1
_LARGEST_TREE = 4_000_000
_LONGEST_NAME = 256
_TEXT_BYTES = 64 * KIB
_MOST_TEXTS = 10_000
_NAMES = re.compile(rb"[a-z_]{2,20}:[a-z_]{2,40}|reg|binary")


def is_xgboost_binary(head: bytes) -> bool:
    """Tell whether parameters and two names stand where they must."""
    at = len(MAGIC) if head.startswith(MAGIC) else 0
    name, after = _name_at(head, at + _LEARNER.size)
    if not _NAMES.fullmatch(name):
        return False
    return _name_at(head, after)[0] in {booster.encode() for booster in BOOSTERS}


def _name_at(head: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(head[at : at + 8], "little")
    end = at + 8 + length
    return (head[at + 8 : end], end) if length <= _LONGEST_NAME else (b"", at)


class XgboostBinary:
    """One model, checked as it is read.

    Attributes:
        texts: (place, text) of what its author can write freely.
        end: first byte behind what was read.
    """

    def __init__(self, source: ByteSource, budget: Budget, log: AnomalyLog[Kind]) -> None:
        self._reader = ForwardReader(source)
        self._budget = budget
        self._log = log
        self.texts: list[tuple[str, str]] = []

    @property
    def end(self) -> int:
        return self._reader.offset

    def check(self) -> None:
        """Read the model; what disagrees goes to the log.

        Raises:
            Malformed: it ends early, or a length is longer than the file.
            LimitReached: a tree of more than four million nodes, or out of time.
        """
        if self._reader.peek(4) == MAGIC:
            self._reader.skip(4)
        fields = _LEARNER.unpack(self._reader.take(_LEARNER.size))
        base, features, classes, attributes, metrics, major, _, targets = fields
        objective, booster = self._name(), self._name()
        if objective not in OBJECTIVES:
            self._note(Kind.UNKNOWN_NAME, objective, f"the objective {quoted(objective)}")
        if base != base:
            self._note(Kind.NON_FINITE, "base_score", "base_score is not a number")
        outputs = max(1, classes, targets if major >= 1 else 1)
        checks = XgboostChecks({}, self._log, features, outputs)
        if booster == "gblinear":
            self._linear(features, outputs)
        else:
            self._trees(checks, is_dart=booster == "dart")
        if attributes:
            self._attributes()
        if objective == "count:poisson" and major < 1:
            self._name()
        for _ in range(self._count(8) if metrics else 0):
            self._name()

    def _note(self, kind: Kind, subject: str, detail: str) -> None:
        self._log.add(kind, detail, at=self.end, subject=subject)

    def _count(self, least_bytes: int) -> int:
        count = self._reader.number(_U64)
        if count * least_bytes > self._reader.remaining:
            raise Malformed(f"{count:,} elements are announced", self.end)
        return count

    def _name(self) -> str:
        length = self._count(1)
        raw = self._reader.take(min(length, _TEXT_BYTES))
        self._reader.skip(length - len(raw))
        return raw.decode("utf-8", "backslashreplace")

    def _attributes(self) -> None:
        for _ in range(self._count(16)):
            key, value = self._name(), self._name()
            if len(self.texts) < _MOST_TEXTS:
                self.texts += [(f"attributes/{key[:80]}", key), (f"attributes/{key[:80]}", value)]

    def _floats(self) -> int:
        count = self._count(4)
        self._reader.skip(4 * count)
        return count

    def _linear(self, features: int, outputs: int) -> None:
        self._reader.skip(_LINEAR_BYTES)
        weights = self._floats()
        if weights < (features + 1) * outputs:
            detail = f"{weights:,} weights for {features:,} features and {outputs:,} outputs"
            self._note(Kind.ARRAY_SHORT, "weights", detail)

    def _trees(self, checks: XgboostChecks, *, is_dart: bool) -> None:
        trees = int(_BOOSTER.unpack(self._reader.take(_BOOSTER.size))[0])
        if not 0 <= trees <= self._reader.remaining // _TREE.size:
            raise Malformed(f"{trees:,} trees are announced", self.end)
        for index in range(trees):
            self._budget.check_time()
            self._tree(checks, f"tree {index}")
        outputs = struct.unpack(f"<{trees}i", self._reader.take(4 * trees))
        checks.check_outputs(outputs, trees)
        if is_dart and trees and self._floats() < trees:
            self._note(Kind.ARRAY_SHORT, "weight_drop", f"fewer weights than {trees:,} trees")

    def _tree(self, checks: XgboostChecks, where: str) -> None:
        _, count, _, _, _, vector = _TREE.unpack(self._reader.take(_TREE.size))
        if not 0 <= count <= self._reader.remaining // _NODE.size:
            raise Malformed(f"{where}: {count:,} nodes are announced", self.end)
        if count > _LARGEST_TREE:
            raise LimitReached(f"{where} has {count:,} nodes; the limit is {_LARGEST_TREE:,}")
        nodes = list(_NODE.iter_unpack(self._reader.take(count * _NODE.size)))
        self._reader.skip(count * _STATISTICS_BYTES)
        if vector > 1:
            self._floats()
        table: dict[str, Ubj] = {
            "tree_param": {"num_nodes": count},
            "left_children": [node[1] for node in nodes],
            "right_children": [node[2] for node in nodes],
            "split_indices": [node[3] & _FEATURE for node in nodes],
            # The highest bit of a parent says which child the node is.
            "parents": [node[0] & _FEATURE for node in nodes],
            "split_conditions": [node[4] for node in nodes],
        }
        checks.check_tree(where, table)
