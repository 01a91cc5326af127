"""Load `signatures/torch/*.tsv`: which operators, classes and backends known libraries bring.

A name that is in none of them is not bad; it means that loading or running the model needs code
from elsewhere.
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
        operators, classes = (_signed(folder / name) for name in ("operators.tsv", "classes.tsv"))
        return cls(
            namespaces=frozenset(row[0] for row in table_rows(folder / "namespaces.tsv", columns=3)),
            operators=operators,
            classes=classes,
            delegates=frozenset(row[0] for row in table_rows(folder / "delegates.tsv", columns=3)),
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


def _signed(file: Path) -> dict[str, tuple[Sign, str]]:
    found: dict[str, tuple[Sign, str]] = {}
    for name, sign, why in table_rows(file, columns=3):
        if sign not in set(Sign):
            raise UsageError(f"{file}: {name}: there is no sign {sign!r}")
        found[name] = Sign(sign), why
    return found
