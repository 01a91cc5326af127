"""Follow the instructions of one code object over an abstract stack, to see what is called with what.

Nothing is run. Instructions are read once, in their order; where two ways meet, the stack is that of
the way that comes from above.
"""

from __future__ import annotations

from weighbridge.formats.bytecode.held import UNKNOWN, Held
from weighbridge.formats.bytecode.instructions import Instruction, disassemble, jump_target
from weighbridge.formats.bytecode.machine import Machine
from weighbridge.formats.bytecode.operations import OPERATIONS
from weighbridge.formats.bytecode.stack_effects import fixed_effects

_KEPT_AT_JUMP = 64
_ONE_WAY = frozenset(
    {
        "BREAK_LOOP",
        "CONTINUE_LOOP",
        "END_FINALLY",
        "INTERPRETER_EXIT",
        "JUMP_ABSOLUTE",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
        "JUMP_FORWARD",
        "RAISE_VARARGS",
        "RERAISE",
        "RETURN_CONST",
        "RETURN_VALUE",
    }
)

Waiting = dict[int, list[Held]]
"""The stack at places that an earlier instruction jumps to."""


def follow(machine: Machine) -> None:
    """Read all instructions; what they do is in the machine and its recorder.

    Raises:
        Malformed: they can't be read to their end, or cost more than the limit.
    """
    waiting: Waiting = {}
    went_on = True
    for instruction in disassemble(machine.code, machine.version):
        stack = waiting.pop(instruction.offset, None)
        if not went_on:
            machine.stack = stack or []
        machine.at = instruction.offset
        machine.spend(1)
        _step(machine, instruction, waiting)
        went_on = instruction.name not in _ONE_WAY


def _step(machine: Machine, instruction: Instruction, waiting: Waiting) -> None:
    name = instruction.name
    if name == "FOR_ITER":
        _for_iter(machine, instruction, waiting)
    elif "JUMP" in name:
        _jump(machine, instruction, waiting)
    elif name in OPERATIONS:
        OPERATIONS[name](machine, instruction.argument or 0)
    elif name in fixed_effects():
        taken, put = fixed_effects()[name]
        machine.take(taken)
        machine.put_unknown(put)
    else:
        machine.stack.clear()


def _jump(machine: Machine, instruction: Instruction, waiting: Waiting) -> None:
    name = instruction.name
    if name.startswith("POP_JUMP"):
        machine.pop()
    elif name == "JUMP_IF_NOT_EXC_MATCH":
        machine.take(2)
    _remember(machine, instruction, waiting)
    if name.endswith("_OR_POP"):
        machine.pop()


def _for_iter(machine: Machine, instruction: Instruction, waiting: Waiting) -> None:
    """At its end the iterator is gone; from 3.12 on END_FOR and its like take it away."""
    iterator = machine.pop()
    if machine.version < (3, 12):
        _remember(machine, instruction, waiting)
    machine.stack += [iterator, UNKNOWN]
    if machine.version >= (3, 12):
        _remember(machine, instruction, waiting)


def _remember(machine: Machine, instruction: Instruction, waiting: Waiting) -> None:
    target = jump_target(instruction, machine.version)
    if target is not None and target > instruction.offset and target not in waiting:
        kept = machine.stack[-_KEPT_AT_JUMP:]
        machine.spend(len(kept))
        waiting[target] = kept
