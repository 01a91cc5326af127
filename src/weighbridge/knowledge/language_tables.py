"""Functions of R, classes of Java and arguments of llamafile: `signatures/{r,java,llamafile}/`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir


class Strength(StrEnum):
    """What a row means for the code that names it."""

    RUNS = "runs"
    """Does harm with arguments that the file can choose."""
    STARTS = "starts"
    """R: starts a program of the file's choice; no expression that is kept as data has a use for it."""
    LANGUAGE = "language"
    """R: builds or evaluates code, as packages do every day."""
    CHAIN = "chain"
    """Java: a link of known gadget chains; alone it does nothing."""
    KNOWN = "known"
    """Java: what model writers leave in their files."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: what it is, and what it does or where that is described."""

    strength: Strength
    what: str
    source: str


@lru_cache(maxsize=1)
def r_functions() -> dict[str, Meaning]:
    """Functions of R by name, without their packages."""
    return _read(signatures_dir() / "r" / "functions.tsv")


@lru_cache(maxsize=1)
def llamafile_arguments() -> dict[str, Meaning]:
    """Arguments that a llamafile gives itself."""
    return _read(signatures_dir() / "llamafile" / "arguments.tsv")


@lru_cache(maxsize=1)
def java_classes() -> dict[str, Meaning]:
    """Classes of Java by full name; a name that ends in `.` stands for all that begins with it."""
    return _read(signatures_dir() / "java" / "classes.tsv")


def java_meaning(name: str) -> Meaning | None:
    """What the table says of a class, by its own row or that of the longest package."""
    table = java_classes()
    found = table.get(name)
    package = name
    while found is None and "." in package:
        package = package.rpartition(".")[0]
        found = table.get(f"{package}.")
    return found


def _read(path: Path) -> dict[str, Meaning]:
    """Read lines of names, strength, what, source.

    Raises:
        UsageError: the file is unreadable or a line is wrong.
    """
    rows: dict[str, Meaning] = {}
    for names, strength, what, source in table_rows(path, columns=4):
        if strength not in set(Strength):
            raise UsageError(f"{path}: {names} has the strength {strength!r}")
        rows.update(dict.fromkeys(names.split(","), Meaning(Strength(strength), what, source)))
    return rows
