"""Collect the facts of one program under limits, each once, in the order in which they are met."""

from __future__ import annotations

from typing import TypeVar

from weighbridge.formats.scripts.facts import ScriptCall, ScriptFacts

_T = TypeVar("_T")

MAX_CALLS = 5_000
MAX_NAMES = 10_000
MAX_STRINGS = 10_000


class Recorder:
    """Grows by what is reported to it and gives the facts in the end."""

    def __init__(self) -> None:
        self._calls: dict[ScriptCall, None] = {}
        self._imports: dict[str, None] = {}
        self._references: dict[str, None] = {}
        self._strings: dict[str | bytes, None] = {}
        self.is_complete = True
        self.steps = 0
        """What reading has cost so far."""

    def call(self, call: ScriptCall) -> None:
        self._add(self._calls, call, MAX_CALLS)

    def imported(self, name: str) -> None:
        self._add(self._imports, name, MAX_NAMES)

    def reference(self, name: str) -> None:
        self._add(self._references, name, MAX_NAMES)

    def string(self, text: str | bytes) -> None:
        self._add(self._strings, text, MAX_STRINGS)

    def _add(self, table: dict[_T, None], item: _T, limit: int) -> None:
        if item in table:
            return
        if len(table) >= limit:
            self.is_complete = False
            return
        table[item] = None

    def facts(self) -> ScriptFacts:
        return ScriptFacts(
            calls=tuple(self._calls),
            imports=tuple(self._imports),
            references=tuple(self._references),
            strings=tuple(self._strings),
            is_complete=self.is_complete,
        )
