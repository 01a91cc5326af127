"""The tables of signatures/ that reports need, each loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path

from weighbridge.core.finding import Rule
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_index import load_index
from weighbridge.knowledge.atlas_release import AtlasRelease
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules


class LazyRules(Mapping[str, Rule]):
    """Rule id -> rule. A scan that finds nothing never parses them.

    Raises:
        UsageError: from the first look-up, when a rule file is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _rules(self) -> Mapping[str, Rule]:
        return load_rules(self._folder)

    def __getitem__(self, rule: str) -> Rule:
        return self._rules[rule]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


class Signatures:
    """What signatures/ holds beside the callables, which only workers need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rules = LazyRules(folder / "rules")

    @classmethod
    def installed(cls) -> Signatures:
        """Those that came with this installation."""
        return cls(signatures_dir())

    @cached_property
    def release(self) -> AtlasRelease:
        return load_index(self._folder / "atlas" / "index.json")

    @cached_property
    def version(self) -> str:
        return (self._folder / "VERSION").read_text(encoding="utf-8").strip()

    @cached_property
    def released(self) -> date:
        """The day on which this version came out.

        Raises:
            UsageError: the installation is broken.
        """
        text = (self._folder / "RELEASED").read_text(encoding="utf-8").strip()
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"signatures/RELEASED is not a day, {text[:40]!r}: reinstall") from error
