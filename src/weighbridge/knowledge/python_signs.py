"""What names and texts mean in Python code of a repository: `signatures/code/python.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.payload_tables import NameSign, NameTable
from weighbridge.knowledge.table import Table

_KEYS = {"sign", "names", "patterns", "why", "source"}


@dataclass(frozen=True, slots=True)
class PythonSigns:
    """Signs of names, and of literal texts."""

    names: NameTable
    texts: dict[str, re.Pattern[str]]

    def has(self, name: str, sign: str) -> bool:
        """True when a dotted name has a sign."""
        return any(one.sign == sign for one in self.names.find(name))

    def first(self, names: Iterable[str], sign: str) -> str | None:
        """Return the first name, in order of the alphabet, that has a sign or hangs on one that has."""
        for name in sorted(names):
            parts = name.split("()")
            if any(self.has("()".join(parts[:count]), sign) for count in range(1, len(parts) + 1)):
                return name
        return None

    def text(self, texts: Iterable[str], sign: str) -> str | None:
        """Return the first text, in order of the alphabet, that a pattern of the sign is found in."""
        pattern = self.texts[sign]
        return next((text for text in sorted(texts) if pattern.search(text)), None)


def load_python_signs(path: Path) -> PythonSigns:
    """Raises UsageError when the table is unreadable or wrong."""
    try:
        table = Table.of(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        names = [pair for entry in table.tables("call") for pair in _names(entry)]
        texts = {entry.text("sign"): _pattern(entry) for entry in table.tables("text")}
    except (OSError, ValueError, re.error) as error:
        raise UsageError(f"{path}: not a table of signs: {error}; reinstall") from error
    return PythonSigns(NameTable.of(names), texts)


def _names(entry: Table) -> Iterable[tuple[str, NameSign]]:
    entry.reject_unknown(_KEYS)
    return ((name, NameSign(entry.text("sign"))) for name in entry.texts("names"))


def _pattern(entry: Table) -> re.Pattern[str]:
    entry.reject_unknown(_KEYS)
    return re.compile("|".join(entry.texts("patterns")), re.IGNORECASE)


@lru_cache(maxsize=1)
def installed_python_signs() -> PythonSigns:
    """Those that came with this installation; read once, when first needed."""
    return load_python_signs(signatures_dir() / "code" / "python.toml")
