"""What instructions that call something do to the abstract stack, for every release.

    up to 3.10       function, arguments
    3.7 to 3.10      method, object, arguments             (LOAD_METHOD, CALL_METHOD)
    3.11 and 3.12    NULL, function, arguments   or   method, object, arguments
    3.13 on          function, NULL, arguments   or   method, object, arguments

Source: Python/ceval.c and Python/bytecodes.c of each release.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.formats.bytecode.held import UNKNOWN, Held
from weighbridge.formats.bytecode.machine import Machine, Pairs

Operation = Callable[[Machine, int], None]


def _named(keys: tuple[Held, ...], values: tuple[Held, ...]) -> Pairs:
    return tuple((key.text or "", value) for key, value in zip(keys, values, strict=False))


def _call_function(machine: Machine, argument: int) -> None:
    if machine.version >= (3, 0):
        arguments = machine.take(argument)
        machine.call(machine.pop(), arguments, ())
    else:
        _call_python2(machine, argument, 0)


def _call_python2(machine: Machine, argument: int, starred: int) -> None:
    machine.take(starred)
    named = machine.take(2 * (argument >> 8 & 0xFF))
    arguments = machine.take(argument & 0xFF)
    arguments += (UNKNOWN,) * (starred and 1)
    machine.call(machine.pop(), arguments, _named(named[::2], named[1::2]))


def _starred(starred: int) -> Operation:
    return lambda machine, argument: _call_python2(machine, argument, starred)


def _call_function_kw(machine: Machine, count: int) -> None:
    if machine.version < (3, 0):
        _call_python2(machine, count, 1)
        return
    keys = machine.pop().items or ()
    arguments = machine.take(count)
    split = max(0, count - len(keys))
    machine.call(machine.pop(), arguments[:split], _named(keys, arguments[split:]))


def _call_function_ex(machine: Machine, flags: int) -> None:
    has_keywords = bool(flags & 1) or machine.version >= (3, 14)
    pairs = (machine.pop().pairs or ()) if has_keywords else ()
    given = machine.pop().items
    if machine.version >= (3, 13):
        machine.pop()
    callee = machine.pop()
    if (3, 11) <= machine.version < (3, 13):
        machine.pop()
    machine.call(callee, given if given is not None else (UNKNOWN,), pairs)


def _call_method(machine: Machine, count: int) -> None:
    """The callable is the lower of two places, or the upper when the lower is NULL."""
    arguments = machine.take(count)
    lower, upper = machine.take(2)
    callee = upper if lower.is_null else lower
    if not (lower.is_null or upper.is_null or upper.is_self):
        arguments = (upper, *arguments)
    split = max(0, len(arguments) - len(machine.keywords))
    pairs = tuple(zip(machine.keywords, arguments[split:], strict=False))
    machine.keywords = ()
    machine.call(callee, arguments[:split], pairs)


def _keyword_names(machine: Machine, index: int) -> None:
    machine.keywords = tuple(item.text or "" for item in machine.constant_at(index).items or ())


def _call_keywords(machine: Machine, count: int) -> None:
    machine.keywords = tuple(item.text or "" for item in machine.pop().items or ())
    _call_method(machine, count)


def _exec_statement(machine: Machine, _: int) -> None:
    program, *_rest = machine.take(3)
    machine.call(Held(name="exec"), (program,), ())
    machine.pop()


CALLS: dict[str, Operation] = {
    "CALL_FUNCTION": _call_function,
    "CALL_FUNCTION_VAR": _starred(1),
    "CALL_FUNCTION_VAR_KW": _starred(2),
    "CALL_FUNCTION_KW": lambda machine, count: (
        _call_function_kw(machine, count)
        if machine.version >= (3, 6)
        else _call_python2(machine, count, 1)
    ),
    "CALL_FUNCTION_EX": _call_function_ex,
    "CALL_METHOD": _call_method,
    "CALL": _call_method,
    "CALL_KW": _call_keywords,
    "KW_NAMES": _keyword_names,
    "EXEC_STMT": _exec_statement,
}
