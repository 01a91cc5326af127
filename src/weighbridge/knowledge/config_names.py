"""What names mean in configurations: packages that honest ones name, and calls that they make.

`signatures/callables/` says what a callable can do at worst; a configuration that names a trainer
means it to write checkpoints. `signatures/config/` says where that is the ordinary use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir


class Reviewed(StrEnum):
    """What a person found when reading what a callable does in a configuration."""

    KNOWN = "known"
    """Part of a framework; does what configurations are for."""
    LOADS = "loads"
    """Loads something further that its arguments name, or talks to a server."""
    AS_JUDGED = "judge"
    """An exception of a pattern: as the tables of callables say."""


@dataclass(frozen=True, slots=True)
class Review:
    """One row of `targets.tsv`."""

    pattern: str
    weight: Reviewed
    why: str


@dataclass(frozen=True, slots=True)
class ConfigNames:
    """The tables of `signatures/config/`."""

    namespaces: dict[str, str]
    """Top-level package -> what it is."""
    exact: dict[str, Review]
    patterns: tuple[tuple[re.Pattern[str], Review], ...]
    """Exceptions first, then long ones before short ones."""

    @classmethod
    def load(cls, directory: Path) -> ConfigNames:
        """Read `namespaces.tsv` and `targets.tsv`.

        Raises:
            UsageError: a file is unreadable or a line is wrong.
        """
        namespaces = {row[0]: row[1] for row in table_rows(directory / "namespaces.tsv", columns=2)}
        reviews = []
        for pattern, weight, why in table_rows(directory / "targets.tsv", columns=3):
            try:
                reviews.append(Review(pattern, Reviewed(weight), why))
            except ValueError as error:
                raise UsageError(f"{directory / 'targets.tsv'}: {pattern}: {error}") from None
        wild = sorted((one for one in reviews if "*" in one.pattern), key=_precedence)
        return cls(
            namespaces,
            {one.pattern: one for one in reviews if "*" not in one.pattern},
            tuple((_compiled(one.pattern), one) for one in wild),
        )

    def review(self, dotted: str) -> Review | None:
        """Return the row that speaks for a dotted name."""
        row = self.exact.get(dotted)
        if row is None and not any(part.startswith("_") for part in dotted.split(".")):
            row = next((row for pattern, row in self.patterns if pattern.match(dotted)), None)
        return None if row is None or row.weight is Reviewed.AS_JUDGED else row

    def namespace(self, dotted: str) -> str | None:
        """Return what the package of a dotted name is, when honest configurations name it."""
        return self.namespaces.get(dotted.partition(".")[0])


def _precedence(review: Review) -> tuple[bool, int]:
    return review.weight is not Reviewed.AS_JUDGED, -len(review.pattern)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(r"[\w.]+".join(re.escape(part) for part in pattern.split("*")) + r"\Z")


@lru_cache(maxsize=1)
def installed_config_names() -> ConfigNames:
    """The tables that came with this installation; read once, when first needed."""
    return ConfigNames.load(signatures_dir() / "config")
