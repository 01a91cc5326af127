"""Lines that no honest script has: `signatures/code/scripts.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table


@dataclass(frozen=True, slots=True)
class ScriptPattern:
    """What to look for in a line, and the rule that it is reported by."""

    languages: frozenset[str]
    rule: str
    pattern: re.Pattern[str]
    why: str


def load_script_patterns(path: Path) -> tuple[ScriptPattern, ...]:
    """Raises UsageError when the table is unreadable or wrong."""
    try:
        table = Table.of(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        return tuple(_pattern(entry) for entry in table.tables("pattern"))
    except (OSError, ValueError, re.error) as error:
        raise UsageError(f"{path}: not a table of patterns: {error}; reinstall") from error


def _pattern(entry: Table) -> ScriptPattern:
    entry.reject_unknown({"languages", "rule", "patterns", "why", "source"})
    return ScriptPattern(
        frozenset(entry.texts("languages")),
        entry.text("rule"),
        re.compile("|".join(entry.texts("patterns")), re.IGNORECASE),
        entry.text("why"),
    )


@lru_cache(maxsize=1)
def installed_script_patterns() -> tuple[ScriptPattern, ...]:
    """Those that came with this installation; read once, when first needed."""
    return load_script_patterns(signatures_dir() / "code" / "scripts.toml")
