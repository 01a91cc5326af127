"""Load `signatures/onnx/`: which operators ONNX has, and who brings those that it has not.

`domains.tsv`: domain, standing, what brings it, why. `operators.tsv`: domain, operator; its line
`# newest N` is the newest version of the standard domain that it knows.
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

STANDARD_DOMAIN = "ai.onnx"
_NEWEST = "# newest "


class Standing(StrEnum):
    """Who runs the operators of a domain."""

    BUILT_IN = "built-in"
    LIBRARY = "library"
    FUNCTIONS = "functions"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that is known.

    Attributes:
        needs: the library or runtime that brings its operators.
    """

    standing: Standing
    needs: str


@dataclass(frozen=True, slots=True)
class OnnxTables:
    """Attributes: newest is the newest version of the standard domain that `operators` covers."""

    domains: Mapping[str, Domain]
    operators: Mapping[str, frozenset[str]]
    newest: int

    def domain(self, name: str) -> Domain | None:
        """Return what is known of a domain; "" is the standard one."""
        return self.domains.get(name or STANDARD_DOMAIN)

    def knows(self, domain: str, operator: str) -> bool:
        """False for an operator that a domain of the table never had; True for other domains."""
        names = self.operators.get(domain or STANDARD_DOMAIN)
        return names is None or operator in names


@lru_cache(maxsize=1)
def installed_onnx_tables() -> OnnxTables:
    """The tables that came with this installation.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    return load_onnx_tables(signatures_dir() / "onnx")


def load_onnx_tables(folder: Path) -> OnnxTables:
    """Read the two tables of a folder.

    Raises:
        UsageError: a table is missing or breaks its format.
    """
    domains: dict[str, Domain] = {}
    for name, standing, needs, _ in table_rows(folder / "domains.tsv", columns=4):
        if standing not in set(Standing):
            raise UsageError(f"{folder / 'domains.tsv'}: {name} has the standing {standing!r}")
        domains[name] = Domain(Standing(standing), needs)
    operators: dict[str, set[str]] = {}
    for domain, name in table_rows(folder / "operators.tsv", columns=2):
        operators.setdefault(domain, set()).add(name)
    newest = [line for line in _lines(folder / "operators.tsv") if line.startswith(_NEWEST)]
    if len(newest) != 1 or not newest[0].removeprefix(_NEWEST).isdigit():
        raise UsageError(f"{folder / 'operators.tsv'}: one line `{_NEWEST}N` is needed")
    frozen = {domain: frozenset(names) for domain, names in operators.items()}
    return OnnxTables(domains, frozen, int(newest[0].removeprefix(_NEWEST)))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
