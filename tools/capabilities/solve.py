"""Evaluate units until their summaries stand still."""

from __future__ import annotations

from collections import deque

from flow import Flow
from program import Program
from sinks import Neutral, prefixes, read_sinks

_MOST_EVALUATIONS = 6


class Solver:
    """Brings summaries up to date, one library at a time."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._sinks = read_sinks()
        self._kept = prefixes(self._sinks)
        inner = {name.rpartition(".")[0] for name in self._sinks}
        self._functions = frozenset(self._sinks) - inner
        self._neutral = Neutral()
        self.sink_names = frozenset(self._sinks)

    def solve(self, names: list[str]) -> int:
        """Evaluate these units, and again whatever rests on what has changed.

        Returns:
            How many evaluations it took.
        """
        program = self._program
        bodies = [name for name in names if name.endswith(".<module>")]
        others = [name for name in names if not name.endswith(".<module>")]
        queue = deque([*bodies, *bodies, *others])
        waiting = set(queue)
        mine = set(names)
        count = 0
        while queue:
            name = queue.popleft()
            waiting.discard(name)
            unit = program.units[name]
            if unit.evaluations >= _MOST_EVALUATIONS or not unit.nodes:
                continue
            unit.evaluations += 1
            count += 1
            is_changed = Flow(
                program, unit, self._sinks, self._kept, self._functions, self._neutral
            ).run()
            stale = set(program.readers.get(name, ())) if is_changed else set()
            for key in program.changed:
                stale |= program.readers.get(key, set())
            program.changed.clear()
            for reader in sorted(stale & mine):
                if reader not in waiting:
                    waiting.add(reader)
                    queue.append(reader)
        return count
