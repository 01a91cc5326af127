"""Load `signatures/datasets/cells.toml`: what is searched in cells of text, and how to find it fast."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table

SECRET_RULE = "CEL010"
_KEYS = frozenset({"name", "rule", "where", "stems", "regex", "check", "why", "source"})


class Where(StrEnum):
    """In which cells a pattern counts."""

    ANY = "any"
    PROSE = "prose"
    """Not in columns that hold dialogues, where it is told apart."""
    METADATA = "metadata"


class Check(StrEnum):
    """What must hold of a secret besides its pattern."""

    ENTROPY = "entropy"
    GITHUB = "github"


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
    documentation: tuple[str, ...]


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
    patterns = (
        *(_pattern(entry) for entry in root.tables("pattern")),
        *(_secret(entry) for entry in root.tables("secret")),
    )
    stems = frozenset(stem for pattern in patterns for stem in pattern.stems)
    return CellPatterns(
        patterns,
        re.compile(_factored(stems)),
        frozenset(root.texts("dialogue_columns")),
        root.texts("documentation"),
    )


def _factored(words: frozenset[str]) -> str:
    """One expression for all words, common beginnings factored out: twice as fast as a plain list.

    Of two words of which one begins the other, the longer one is tried first.
    """
    if words <= {""}:
        return ""
    heads = sorted({word[0] for word in words if word})
    parts = [
        re.escape(head) + _factored(frozenset(word[1:] for word in words if word[:1] == head))
        for head in heads
    ]
    joined = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    return f"(?:{joined})?" if "" in words else joined


def _pattern(entry: Table) -> CellPattern:
    entry.reject_unknown(_KEYS)
    return CellPattern(
        entry.text("name"),
        entry.text("rule"),
        Where(entry.text("where")),
        _stems(entry),
        _regex(entry),
        None,
    )


def _secret(entry: Table) -> CellPattern:
    entry.reject_unknown(_KEYS)
    check = Check(entry.text("check"))
    return CellPattern(entry.text("name"), SECRET_RULE, Where.ANY, _stems(entry), _regex(entry), check)


def _stems(entry: Table) -> tuple[str, ...]:
    stems = entry.texts("stems")
    if not stems or any(stem != stem.lower() for stem in stems):
        raise UsageError(f"{entry.where}: 'stems' must be lower-case literals")
    return stems


def _regex(entry: Table) -> re.Pattern[str]:
    try:
        return re.compile(entry.text("regex"), re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{entry.where}: 'regex' is not a pattern: {error}") from error
