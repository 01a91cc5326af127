"""Work out operators, filters and methods over literals, as Jinja would, within bounds.

Law: nothing of Jinja runs. Each operation is written out here over texts, numbers and lists, and
what it would make is bounded before it is made: `'a' * 10**9` is refused, not computed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from weighbridge.formats.templates.values import LONGEST, MOST_ITEMS, Refused, Value

_INTEGER_BITS: Final = 256
_MOST_ARGUMENTS: Final = 64
_FIELD: Final = re.compile(r"%(-?)(0?)(\d{0,4})(?:\.\d{1,4})?([sdcrxXoi%])")
_BRACES: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_0-9]{0,40})\}")

Arguments = Sequence[Value]
Keywords = Mapping[str, Value]
Operation = Callable[[Value, Arguments, Keywords], Value]


def bounded(value: Value) -> Value:
    """Return the value. Raises Refused when it is longer than what is kept."""
    if isinstance(value, str) and len(value) > LONGEST:
        raise Refused
    if isinstance(value, tuple) and (len(value) > MOST_ITEMS or sum(map(weight, value)) > LONGEST):
        raise Refused
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise Refused
    return value


def weight(value: Value) -> int:
    """Characters that a value holds, about."""
    if isinstance(value, str):
        return len(value) + 1
    return sum(map(weight, value)) + 1 if isinstance(value, tuple) else 1


def plain(value: Value) -> str:
    """The text that writing a value gives. Raises Refused for lists: nobody writes those."""
    match value:
        case str():
            return value
        case bool() | int() | float() | None:
            return str(value)
    raise Refused


def binary(mark: str, left: Value, right: Value) -> Value:
    """Apply `+ - * / // % **` to literals."""
    match mark, left, right:
        case "+", str(), str():
            return bounded(left + right)
        case "+", tuple(), tuple():
            return bounded(left + right)
        case "*", (str() | tuple()), int():
            return _repeated(left, right)
        case "*", int(), (str() | tuple()):
            return _repeated(right, left)
        case "%", str(), _:
            return percent(left, right if isinstance(right, tuple) else (right,))
        case _, (int() | float()), (int() | float()):
            return _arithmetic(mark, left, right)
    raise Refused


def _repeated(value: str | tuple[Value, ...], count: int) -> Value:
    if len(value) * max(0, count) > (LONGEST if isinstance(value, str) else MOST_ITEMS):
        raise Refused
    return value * count


_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def _arithmetic(mark: str, left: float, right: float) -> Value:
    bounded(left), bounded(right)
    try:
        if mark == "**":
            return _power(left, right)
        return bounded(_ARITHMETIC[mark](left, right))
    except (KeyError, ZeroDivisionError, OverflowError):
        raise Refused from None


def _power(base: float, exponent: float) -> Value:
    if not isinstance(base, int) or not isinstance(exponent, int) or not 0 <= exponent <= 64:
        raise Refused
    if base.bit_length() * exponent > _INTEGER_BITS:
        raise Refused
    return int(base**exponent)


def percent(form: str, values: Arguments) -> str:
    """`'%s%c' % values`, without widths that are worth a memory."""
    if len(form) > LONGEST or len(values) > _MOST_ARGUMENTS:
        raise Refused
    pending = list(values)

    def filled(match: re.Match[str]) -> str:
        if match[4] == "%":
            return "%"
        if not pending:
            raise Refused
        text = _converted(match[4], pending.pop(0))
        width = int(match[3] or 0)
        return text.ljust(width) if match[1] else text.rjust(width, "0" if match[2] else " ")

    if "%" in _FIELD.sub("", form):
        raise Refused
    result = _FIELD.sub(filled, form)
    bounded(result)
    return result


def _converted(kind: str, value: Value) -> str:
    if kind in "sr":
        return plain(value) if kind == "s" else repr(plain(value))
    if kind == "c" and isinstance(value, str) and len(value) == 1:
        return value
    if not isinstance(value, int):
        raise Refused
    bounded(value)
    if kind == "c":
        if not 0 <= value < 0x110000:
            raise Refused
        return chr(value)
    return format(value, {"i": "d"}.get(kind, kind))


def braces(form: str, values: Arguments, keywords: Keywords) -> str:
    """`'{}{name}'.format(...)`; a field that looks something up in its argument is refused."""
    if len(form) > LONGEST or len(values) > _MOST_ARGUMENTS or re.search(r"\{[^{}]*[.\[:!]", form):
        raise Refused
    count = -1

    def filled(match: re.Match[str]) -> str:
        nonlocal count
        if match[1] is None:
            return match[0][0]
        count += 1
        name = match[1] or str(count)
        if name.isdecimal():
            if len(name) > 4 or int(name) >= len(values):
                raise Refused
            return plain(values[int(name)])
        if name not in keywords:
            raise Refused
        return plain(keywords[name])

    result = _BRACES.sub(filled, form)
    bounded(result)
    return result


def item(owner: Value, key: Value) -> Value:
    """`owner[key]` for texts and lists."""
    if not isinstance(owner, str | tuple) or not isinstance(key, int):
        raise Refused
    try:
        return owner[key]
    except IndexError:
        raise Refused from None


def cut(owner: Value, start: Value, stop: Value, step: Value) -> Value:
    """`owner[start:stop:step]` for texts and lists."""
    bounds = [one for one in (start, stop, step) if one is None or isinstance(one, int)]
    if not isinstance(owner, str | tuple) or step == 0 or len(bounds) != 3:
        raise Refused
    return owner[bounds[0] : bounds[1] : bounds[2]]


def spread(value: Value) -> tuple[Value, ...]:
    """The items that iterating over a literal gives."""
    if not isinstance(value, str | tuple) or len(value) > MOST_ITEMS:
        raise Refused
    return tuple(value)
