"""Load `signatures/tensorflow/`: what operations do, which ones exist, and paths without a reason.

`ops.tsv`: operation, what it does, where it says with what, why. `ops_known.txt` and `ops_addons.tsv`:
the operations of TensorFlow and of the libraries that people load beside it. `lite_custom.tsv`: custom
operators of TFLite. `paths.tsv`: access, pattern, why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.payload_tables import installed_tables

_READ_SIGNS = frozenset({"credential_path", "account_list"})
_WRITE_SIGNS = frozenset({"credential_path", "persistence_path"})


class Deed(StrEnum):
    """What an operation does beyond computing tensors; in words in `ops.tsv`."""

    PYTHON = "python"
    NATIVE = "native"
    WRITES = "writes"
    WRITES_RECORDS = "writes_records"
    WRITES_CHECKPOINT = "writes_checkpoint"
    READS = "reads"
    LISTS = "lists"
    READS_RECORDS = "reads_records"
    READS_TABLE = "reads_table"
    READS_CHECKPOINT = "reads_checkpoint"
    NETWORK = "network"
    CLUSTER = "cluster"
    DEBUG = "debug"
    PRINTS = "prints"
    STOPS = "stops"


@dataclass(frozen=True, slots=True)
class OpRow:
    """One operation of `ops.tsv`.

    Attributes:
        inputs: positions of the inputs that name a file or an address.
        attributes: names of the attributes that do.
    """

    deed: Deed
    inputs: tuple[int, ...]
    attributes: tuple[str, ...]
    why: str


class Access(StrEnum):
    """What is done with a path."""

    READS = "reads"
    WRITES = "writes"


@dataclass(frozen=True, slots=True)
class TensorFlowOps:
    """The tables.

    Attributes:
        libraries: of an operation that is not TensorFlow's own, which library brings it.
        lite: the same of custom operators of TFLite.
    """

    rows: Mapping[str, OpRow]
    known: frozenset[str]
    libraries: Mapping[str, str]
    lite: Mapping[str, str]
    paths: Mapping[Access, tuple[tuple[re.Pattern[str], str], ...]]

    def is_of_tensorflow(self, op: str) -> bool:
        """True for an operation of any release of TensorFlow itself."""
        return op in self.known

    def sensitive(self, path: str, access: Access) -> str | None:
        """Why no honest graph reads or writes this path; None when one may."""
        for pattern, why in self.paths[access]:
            if pattern.search(path):
                return why
        return None


@lru_cache(maxsize=1)
def installed_ops() -> TensorFlowOps:
    """The tables that came with this installation.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    return load_ops(signatures_dir() / "tensorflow")


def load_ops(folder: Path) -> TensorFlowOps:
    """Read the tables of a folder.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    rows = {
        name: _row(folder / "ops.tsv", deed, where, why)
        for name, deed, where, why in table_rows(folder / "ops.tsv", columns=4)
    }
    known = frozenset(name for (name,) in table_rows(folder / "ops_known.txt", columns=1))
    libraries = {row[0]: row[1] for row in table_rows(folder / "ops_addons.tsv", columns=2)}
    lite = {row[0]: row[1] for row in table_rows(folder / "lite_custom.tsv", columns=2)}
    return TensorFlowOps(rows, known, libraries, lite, _paths(folder / "paths.tsv"))


def _row(path: Path, deed: str, where: str, why: str) -> OpRow:
    places = [] if where == "-" else where.split(",")
    inputs = tuple(int(one) for one in places if one.isdigit())
    attributes = tuple(one[1:] for one in places if one.startswith("@"))
    if deed not in Deed.__members__.values() or len(inputs) + len(attributes) != len(places):
        raise UsageError(f"{path}: {deed!r} at {where!r} is not a row of that table")
    return OpRow(Deed(deed), inputs, attributes, why)


def _paths(path: Path) -> Mapping[Access, tuple[tuple[re.Pattern[str], str], ...]]:
    found: dict[Access, list[tuple[re.Pattern[str], str]]] = {one: [] for one in Access}
    for access, pattern, why in table_rows(path, columns=3):
        found[Access(access)].append((re.compile(pattern, re.IGNORECASE), why))
    for access, signs in ((Access.READS, _READ_SIGNS), (Access.WRITES, _WRITE_SIGNS)):
        for sign, text in installed_tables().texts:
            if sign in signs:
                found[access].append((text, sign.replace("_", " ")))
    return {access: tuple(patterns) for access, patterns in found.items()}
