"""Load `signatures/torch/*.tsv`: which operators, classes and backends known libraries bring.

A name that is in none of them is not bad; it means that loading or running the model needs code
from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir

_ATEN = "aten::"


class Sign(StrEnum):
    """What an operator or class does beyond computing."""

    FILE = "file"
    """Reads or writes a file of any name."""
    MEDIA = "media"
    """Reads a file of any name, as pipelines for images and sound do."""
    NETWORK = "network"
    PRINT = "print"
    BACKEND = "backend"
    """Hands a program to a backend, in a format of the backend's own."""
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class TorchNames:
    """Frozen tables.

    Attributes:
        namespaces: of operators that known libraries register.
        operators: `namespace::name` -> sign and reason; only those that do more than compute.
        classes: beginning of the name behind `__torch__.torch.classes.` -> sign and reason.
        delegates: ids of ExecuTorch backends.
        methods: name without namespace -> `aten::name`: what `torch` gives under another name.
    """

    namespaces: frozenset[str]
    operators: Mapping[str, tuple[Sign, str]]
    classes: Mapping[str, tuple[Sign, str]]
    delegates: frozenset[str]
    methods: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path) -> TorchNames:
        """Read the tables of a folder.

        Raises:
            UsageError: a file is unreadable or a row is wrong.
        """
        operators = {row[0]: (_sign(row, folder), row[2]) for row in _rows(folder / "operators.tsv", 3)}
        classes = {row[0]: (_sign(row, folder), row[2]) for row in _rows(folder / "classes.tsv", 3)}
        return cls(
            namespaces=frozenset(row[0] for row in _rows(folder / "namespaces.tsv", 3)),
            operators=operators,
            classes=classes,
            delegates=frozenset(row[0] for row in _rows(folder / "delegates.tsv", 3)),
            methods={name[len(_ATEN) :]: name for name in operators if name.startswith(_ATEN)},
        )

    def class_sign(self, name: str) -> tuple[Sign, str] | None:
        """The sign of a class written in C++; None when its library is not known."""
        return next(
            (found for beginning, found in self.classes.items() if name.startswith(beginning)), None
        )


@lru_cache(maxsize=1)
def installed_names() -> TorchNames:
    """The tables that are installed with the program."""
    return TorchNames.load(signatures_dir() / "torch")


def _sign(row: list[str], folder: Path) -> Sign:
    try:
        return Sign(row[1])
    except ValueError:
        raise UsageError(f"{folder}: {row[0]}: there is no sign {row[1]!r}") from None


def _rows(file: Path, columns: int) -> Iterator[list[str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            row = line.split("\t")
            if len(row) != columns:
                raise UsageError(f"{file}, line {number}: {len(row)} columns instead of {columns}")
            yield row
