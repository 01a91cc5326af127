"""Load what attacks whoever reads a text, and known addresses: `texts.toml`, `installers.tsv`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import table_rows
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.stems import Stems, read_regex, read_stems
from weighbridge.knowledge.table import Table

_KEYS: Final = frozenset(
    {"name", "kinds", "rule", "hidden", "shown", "check", "stems", "regex", "why", "source"}
)
_UNTOLD: Final = "none"


class TextKind(StrEnum):
    """Who reads the text: what is an attack in one is ordinary in another."""

    PROSE = "prose"
    """Cards, notes, licences, and every text that no judge claims."""
    CODE = "code"
    CONFIGURATION = "configuration"
    MARKUP = "markup"
    METADATA = "metadata"
    """Strings in the header of a model or an image."""
    TABLE = "table"
    """Rows that are searched cell by cell; here only for what no cell shows."""


class TextCheck(StrEnum):
    """What decides about a match beside the pattern."""

    NONE = "none"
    DESCRIPTION = "description"
    """In configurations only where the key is one of free text."""
    SCRIPT = "script"
    STRANGER = "stranger"
    CARRIES = "carries"
    FETCHED = "fetched"
    CLICKFIX = "clickfix"
    DOWNLOAD = "download"
    LOCKED = "locked"
    EXCHANGE = "exchange"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class TextPattern:
    """One thing to look for.

    Attributes:
        rule: what reports it.
        hidden: instead of it, where people do not see the text.
        shown: instead of it, where it is quoted or an example; None where that is no finding.
    """

    name: str
    kinds: frozenset[TextKind]
    rule: str
    hidden: str | None
    shown: str | None
    check: TextCheck
    stems: tuple[str, ...]
    regex: re.Pattern[str]
    why: str


@dataclass(frozen=True, slots=True)
class TextPatterns:
    """All patterns, and where to look for each."""

    patterns: tuple[TextPattern, ...]
    stems: Stems


class Known(StrEnum):
    """What is known of an address."""

    INSTALLER = "installer"
    DOWNLOADS = "downloads"
    PACKAGES = "packages"
    FRAMES = "frames"
    EXCHANGE = "exchange"
    SHORTENER = "shortener"


@lru_cache(maxsize=1)
def installed_text_patterns() -> TextPatterns:
    """Those that came with this installation; read once, when first needed."""
    return load_text_patterns(signatures_dir() / "texts.toml")


def load_text_patterns(path: Path) -> TextPatterns:
    """Read the file.

    Raises:
        UsageError: it can't be read, or an entry is wrong.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
        patterns = tuple(_pattern(entry) for entry in Table.of(loaded, str(path)).tables("pattern"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the patterns in {path}: {error}") from error
    return TextPatterns(patterns, Stems([pattern.stems for pattern in patterns]))


def _pattern(entry: Table) -> TextPattern:
    entry.reject_unknown(_KEYS)
    rule = entry.text("rule")
    return TextPattern(
        entry.text("name"),
        frozenset(TextKind(kind) for kind in entry.texts("kinds")),
        rule,
        _told(entry.any_text("hidden") or rule),
        _told(entry.any_text("shown") or rule),
        TextCheck(entry.any_text("check") or TextCheck.NONE),
        read_stems(entry),
        read_regex(entry),
        entry.text("why"),
    )


def _told(rule: str) -> str | None:
    return None if rule == _UNTOLD else rule


@cache
def _addresses() -> Mapping[str, Mapping[str, frozenset[Known]]]:
    """Host -> beginning of the path -> what is known of it."""
    found: dict[str, dict[str, set[Known]]] = {}
    for address, what, _ in table_rows(signatures_dir() / "installers.tsv", columns=3):
        host, _, path = address.partition("/")
        found.setdefault(host, {}).setdefault(path, set()).add(Known(what))
    return MappingProxyType(
        {host: {path: frozenset(what) for path, what in paths.items()} for host, paths in found.items()}
    )


def known_address(host: str, path: str) -> frozenset[Known]:
    """Return what is known of an address: of its host, and of the domains that the host is part of.

    Args:
        host: in lower case, without a port.
        path: without its first slash.
    """
    table = _addresses()
    labels = host.split(".")[-6:]
    parents: Iterable[str] = (".".join(labels[start:]) for start in range(len(labels)))
    found: set[Known] = set()
    for parent in parents:
        for beginning, what in table.get(parent, {}).items():
            if path.lower().startswith(beginning):
                found |= what
    return frozenset(found)
