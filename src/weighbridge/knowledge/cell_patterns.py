"""Load what is searched in cells: `signatures/datasets/cells.toml`, and the secrets of all texts."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.secrets import Check, Placeholders, SecretPattern, installed_secrets
from weighbridge.knowledge.stems import factored, read_regex, read_stems
from weighbridge.knowledge.table import Table

SECRET_RULE = "CEL010"
_KEYS = frozenset({"name", "rule", "where", "stems", "regex", "why", "source"})


class Where(StrEnum):
    """In which cells a pattern counts."""

    ANY = "any"
    PROSE = "prose"
    """Not in columns that hold dialogues, where it is told apart."""
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class CellPattern:
    """One thing to look for; `check` is there for secrets only."""

    name: str
    rule: str
    where: Where
    stems: tuple[str, ...]
    regex: re.Pattern[str]
    check: Check | None


@dataclass(frozen=True, slots=True)
class CellPatterns:
    """All patterns, and one expression that finds the stems of all in lower-case text."""

    patterns: tuple[CellPattern, ...]
    stems: re.Pattern[str]
    dialogue_columns: frozenset[str]
    placeholders: Placeholders


@lru_cache(maxsize=1)
def installed_cell_patterns() -> CellPatterns:
    """Those that came with this installation; read once, when first needed."""
    return load_cell_patterns(signatures_dir() / "datasets" / "cells.toml")


def load_cell_patterns(path: Path) -> CellPatterns:
    """Read the file.

    Raises:
        UsageError: it can't be read, or an entry is wrong.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the patterns in {path}: {error}") from error
    root = Table.of(loaded, str(path))
    secrets = installed_secrets()
    patterns = (
        *(_pattern(entry) for entry in root.tables("pattern")),
        *(_secret(secret) for secret in secrets.patterns if secret.is_in_cells),
    )
    stems = frozenset(stem for pattern in patterns for stem in pattern.stems)
    return CellPatterns(
        patterns,
        re.compile(factored(stems)),
        frozenset(root.texts("dialogue_columns")),
        secrets.placeholders,
    )


def _pattern(entry: Table) -> CellPattern:
    entry.reject_unknown(_KEYS)
    return CellPattern(
        entry.text("name"),
        entry.text("rule"),
        Where(entry.text("where")),
        read_stems(entry),
        read_regex(entry),
        None,
    )


def _secret(secret: SecretPattern) -> CellPattern:
    return CellPattern(secret.name, SECRET_RULE, Where.ANY, secret.stems, secret.regex, secret.check)
