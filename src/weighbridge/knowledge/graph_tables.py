"""Load `signatures/graphs/`: operators that do more than compute, and those that a framework has.

`operators.tsv`: framework, operator, effect, why. `paddle.txt`,
`openvino.txt`: one name a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir


class Effect(StrEnum):
    """What an operator does beside computing."""

    PYTHON = "python"
    WRITES_FILES = "writes-files"
    READS_FILES = "reads-files"
    NETWORK = "network"
    NATIVE = "native"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class Deed:
    """One row of the table."""

    effect: Effect
    why: str


@dataclass(frozen=True, slots=True)
class GraphTables:
    """What is known of operators.

    Attributes:
        deeds: by framework and operator.
        paddle: all operators of Paddle.
        openvino: types of layers that a well-known extension of OpenVINO adds.
    """

    deeds: Mapping[tuple[str, str], Deed]
    paddle: frozenset[str]
    openvino: frozenset[str]

    def deed(self, framework: str, operator: str) -> Deed | None:
        """Return what an operator does beside computing."""
        return self.deeds.get((framework, operator))

    def is_known_to_paddle(self, operator: str) -> bool:
        """True when some build of Paddle registers the operator."""
        return operator in self.paddle or ("paddle", operator) in self.deeds


@lru_cache(maxsize=1)
def installed_graph_tables() -> GraphTables:
    """The tables that came with this installation.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    return load_graph_tables(signatures_dir() / "graphs")


def load_graph_tables(folder: Path) -> GraphTables:
    """Read the tables of a folder.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    deeds: dict[tuple[str, str], Deed] = {}
    path = folder / "operators.tsv"
    for framework, operator, effect, why in table_rows(path, columns=4):
        if effect not in set(Effect):
            raise UsageError(f"{path}: {operator} has the effect {effect!r}")
        deeds[framework, operator] = Deed(Effect(effect), why)
    return GraphTables(deeds, _names(folder / "paddle.txt"), _names(folder / "openvino.txt"))


def _names(path: Path) -> frozenset[str]:
    return frozenset(name for (name,) in table_rows(path, columns=1))
