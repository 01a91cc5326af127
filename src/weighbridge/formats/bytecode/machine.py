"""The abstract stack and the names of one code object while its instructions are followed.

What is not known is `UNKNOWN`, and a stack that runs empty gives that: losing track costs
arguments, never the reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode import held as h
from weighbridge.formats.bytecode.held import UNKNOWN, Held
from weighbridge.formats.bytecode.recorder import Recorder
from weighbridge.formats.bytecode.values import CodeObject, Version
from weighbridge.formats.scripts.facts import ScriptCall

MAX_STEPS = 3_000_000
"""Stack places touched in one program, nested code objects included."""
_MAX_COUNT = 4_096
_LONGEST_NAME = 250
_PYTHON2_NAMES = ("False", "True")
Pairs = tuple[tuple[str, Held], ...]


@dataclass(slots=True)
class Scope:
    """What names stand for: those of the module, and those that functions share with nested ones."""

    globals: dict[str, Held] = field(default_factory=dict)
    cells: dict[str, Held] = field(default_factory=dict)

    def inner(self) -> Scope:
        """The scope of a function inside this one."""
        return Scope(self.globals, dict(self.cells))


class Machine:
    """What is known at one place of one reading of one code object."""

    def __init__(self, code: CodeObject, version: Version, scope: Scope, recorder: Recorder) -> None:
        self.code = code
        self.version = version
        self.scope = scope
        self.record = recorder
        self.locals: dict[str, Held] = {}
        self.names: dict[str, Held] = scope.globals if code.name == "<module>" else {}
        self.stack: list[Held] = []
        self.touched: set[str] = set()
        """Names of `code.names` that an instruction has used."""
        self.at = 0
        self.keywords: tuple[str, ...] = ()

    # The stack.

    def spend(self, steps: int) -> None:
        self.record.steps += steps
        if self.record.steps > MAX_STEPS:
            raise Malformed("following the instructions costs too much", self.at)

    def pop(self) -> Held:
        return self.stack.pop() if self.stack else UNKNOWN

    def take(self, count: int) -> tuple[Held, ...]:
        """Take the topmost values, in the order in which they were put there."""
        if count > _MAX_COUNT:
            raise Malformed(f"an instruction takes {count:,} values", self.at)
        self.spend(count)
        if count <= 0:
            return ()
        taken = self.stack[-count:]
        del self.stack[-count:]
        return (*[UNKNOWN] * (count - len(taken)), *taken)

    def put(self, value: Held) -> None:
        self.stack.append(value)

    def put_unknown(self, count: int) -> None:
        if count > _MAX_COUNT:
            raise Malformed(f"an instruction gives {count:,} values", self.at)
        self.spend(count)
        self.stack += [UNKNOWN] * count

    # Names.

    def name_at(self, index: int) -> str:
        """The name at an index of `code.names`."""
        name = item(self.code.names, index)
        self.touched.add(name)
        return name

    def read(self, value: Held) -> Held:
        if value.name is not None:
            self.record.reference(value.name)
        return value

    def load_local(self, name: str) -> None:
        self.put(self.read(self.locals.get(name) or Held(name=f"<{name}>")))

    def load_cell(self, name: str) -> None:
        found = self.scope.cells.get(name) or self.locals.get(name)
        self.put(self.read(found or Held(name=f"<{name}>")))

    def load_global(self, name: str) -> Held:
        if self.version < (3, 0) and name in _PYTHON2_NAMES:
            return Held(literal=name == "True")
        return self.read(self.names.get(name) or self.scope.globals.get(name) or Held(name=name))

    def store_local(self, name: str) -> None:
        self.locals[name] = self._stored(name)

    def store_cell(self, name: str) -> None:
        self.scope.cells[name] = self._stored(name)

    def _stored(self, name: str) -> Held:
        value = self.pop()
        known = value.name is not None or value != UNKNOWN
        return value if known and not value.is_null else Held(name=f"<{name}>")

    # Calls.

    def call(
        self, callee: Held, arguments: tuple[Held, ...], pairs: tuple[tuple[str, Held], ...]
    ) -> None:
        """Record a call of something that has a name, and put its result on the stack."""
        outcome = h.result(callee, arguments)
        if callee.name is not None:
            keywords = tuple((name, value.argument) for name, value in pairs)
            literals = tuple(value.argument for value in arguments)
            self.record.call(ScriptCall(callee.name, literals, keywords, self.at))
        if outcome.name is not None and not outcome.name.endswith("()"):
            self.read(outcome)
        module = h.imported_by_call(callee, arguments)
        if module is not None:
            self.record.imported(module)
        self.put(outcome)

    def constant_at(self, index: int) -> Held:
        """The constant at an index of `code.constants`."""
        if index >= len(self.code.constants):
            raise Malformed(f"an instruction uses constant {index:,}, which is not there", self.at)
        value = h.constant(self.code.constants[index], self.code.layout)
        self.spend(len(value.items or ()))
        return value


def item(names: tuple[str, ...], index: int) -> str:
    """A name by its index, cut to a length that no program needs.

    Raises:
        Malformed: there is none.
    """
    if index >= len(names):
        raise Malformed(f"an instruction uses name {index:,} of {len(names):,}")
    return names[index][:_LONGEST_NAME]
