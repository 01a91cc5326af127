"""What one evaluation knows and learns: variables, fields, and the summary of its unit."""

from __future__ import annotations

import ast

from program import Module, Program, Unit
from sinks import Neutral, Sink
from values import NO_REFERENCES, NOTHING, Value, join

RESULT = "<result>"


class State:
    """The variables of a unit that is being evaluated, and what it adds to the program."""

    def __init__(
        self,
        program: Program,
        unit: Unit,
        sinks: dict[str, Sink],
        kept: frozenset[str],
        functions: frozenset[str],
        neutral: Neutral,
    ) -> None:
        self._program = program
        self._unit = unit
        self._module: Module = program.modules[unit.module]
        self._sinks = sinks
        self._kept = kept
        self._functions = functions
        """Sinks with nothing below them: what they return is not themselves."""
        self._neutral = neutral
        self._env: dict[str, Value] = {}
        self._class: str | None = unit.owner
        self._nested: dict[str, ast.AST] = {}
        self._self_name: str | None = None
        self._depth = 0
        self._is_changed = False
        self._unresolved = 0
        self._nested_depth = 0
        self._goes_round = False
        """There is a loop or a nested function: what comes later may be used earlier."""

    def _store(self, name: str, value: Value) -> None:
        if self._unit.kind == "module":
            # Parameters do not exist here, and nested functions of the module's body stay there.
            self._keep(self._module.env, name, value, ("g", self._module.name, name))
        else:
            self._env[name] = join(self._env.get(name, NOTHING), value)

    def _store_attribute(self, holder: Value, name: str, value: Value) -> None:
        """Libraries that patch others are not believed: only the own library's things change."""
        for kind, owner in holder[0]:
            if kind in "ic" and owner in self._program.classes:
                found = self._program.classes[owner]
                if self._program.modules[found.module].library == self._module.library:
                    self._keep(found.env, name, value, ("a", owner, name))
            elif kind == "m" and owner in self._program.modules:
                module = self._program.modules[owner]
                if module.library == self._module.library:
                    self._keep(module.env, name, value, ("g", owner, name))

    def _keep(self, env: dict[str, Value], name: str, value: Value, key: object) -> None:
        references = frozenset(r for r in value[0] if r[0] not in "ns")
        if not references:
            return
        before = env.get(name, NOTHING)
        after = join(before, (references, 0))
        if after is not before:
            env[name] = after
            self._program.note_change(key)

    def _taint(self, owner: ast.expr, value: Value) -> None:
        """An object that something tainted is put into is tainted."""
        if isinstance(owner, ast.Name) and owner.id in self._env:
            self._env[owner.id] = join(self._env[owner.id], (NO_REFERENCES, value[1]))

    def _returns(self, value: Value) -> None:
        if self._nested_depth:
            self._env[RESULT] = join(self._env.get(RESULT, NOTHING), value)
            return
        kept = (frozenset(r for r in value[0] if r[0] not in "ns"), value[1])
        after = join(self._unit.result, kept)
        if after is not self._unit.result:
            self._unit.result = after
            self._is_changed = True

    def _read(self, key: object) -> None:
        self._program.readers[key].add(self._unit.name)

    def _reach(self, capability: str, mask: int, distance: int, hop: str) -> None:
        reaches = self._unit.reaches
        steered = reaches.get((capability, True))
        if not mask:
            if steered is None and self._closer(reaches.get((capability, False)), distance):
                reaches[capability, False] = (distance, hop, 0)
                self._is_changed = True
            return
        if steered is None:
            reaches.pop((capability, False), None)
            reaches[capability, True] = (distance, hop, mask)
            self._is_changed = True
        elif distance < steered[0] or steered[2] | mask != steered[2]:
            nearer = (distance, hop) if distance < steered[0] else steered[:2]
            reaches[capability, True] = (*nearer, steered[2] | mask)
            self._is_changed = True

    @staticmethod
    def _closer(known: tuple | None, distance: int) -> bool:
        return known is None or distance < known[0]
