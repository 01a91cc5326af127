"""Arguments and parameters: which value goes where, and whose parameters stand behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from program import Unit
from values import NOTHING, Value, join

Arguments = list[tuple[Value, bool]]
"""Positional arguments, each with whether it is starred."""
Keywords = list[tuple[str | None, Value]]


def bind(
    unit: Unit, receiver: Value | None, arguments: Arguments, keywords: Keywords
) -> dict[int, Value]:
    """Return what each parameter gets."""
    bound: dict[int, Value] = {}
    index = 0
    if receiver is not None:
        bound[0], index = receiver, 1
    for value, is_starred in arguments:
        if is_starred:
            for rest in (*range(index, unit.positional), *([unit.star] if unit.star >= 0 else [])):
                bound[rest] = join(bound.get(rest, NOTHING), value)
        elif index < unit.positional:
            bound[index] = join(bound.get(index, NOTHING), value)
            index += 1
        elif unit.star >= 0:
            bound[unit.star] = join(bound.get(unit.star, NOTHING), value)
    for name, value in keywords:
        if name is None:
            spread = range(1 if receiver is not None else 0, len(unit.parameters))
        elif name in unit.parameters:
            spread = (unit.parameters.index(name),)
        else:
            spread = (unit.double_star,) if unit.double_star >= 0 else ()
        for place in spread:
            bound[place] = join(bound.get(place, NOTHING), value)
    return bound


def through(mask: int, bound: dict[int, Value]) -> int:
    """Return the caller's parameters behind the callee's."""
    found = 0
    for index in bits(mask):
        if index in bound:
            found |= bound[index][1]
    return found


def bits(mask: int) -> Iterator[int]:
    index = 0
    while mask:
        if mask & 1:
            yield index
        mask >>= 1
        index += 1


def mask_of(arguments: Arguments, keywords: Keywords) -> int:
    mask = 0
    for value, _ in arguments:
        mask |= value[1]
    for _, value in keywords:
        mask |= value[1]
    return mask


def defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, default


def literal_start(node: ast.expr) -> str:
    match node:
        case ast.BinOp(left=ast.Constant(value=str(start)), op=ast.Add() | ast.Mod()):
            return start.partition("%")[0]
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            return start
    return ""
