"""Write an expression back as text, for people: cut at 300 characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from jinja2 import nodes

LONGEST: Final = 300
_BINARY: Final[dict[type[nodes.Node], str]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
    nodes.And: "and",
    nodes.Or: "or",
}
_COMPARISONS: Final = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


def unparse(node: nodes.Node) -> str:
    """Return the expression as Jinja would spell it."""
    pieces: list[str] = []
    size = 0
    for piece in _pieces(node):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST:
            return "".join(pieces)[: LONGEST - 1] + "…"
    return "".join(pieces)


def _pieces(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Const(value=value):
            yield repr(value) if not isinstance(value, str) else repr(value[:LONGEST])
        case nodes.TemplateData(data=data):
            yield data[:LONGEST]
        case nodes.Name(name=name):
            yield name
        case nodes.NSRef(name=name, attr=attribute):
            yield f"{name}.{attribute}"
        case nodes.Getattr(node=owner, attr=attribute):
            yield from _pieces(owner)
            yield f".{attribute}"
        case nodes.Getitem(node=owner, arg=key):
            yield from _pieces(owner)
            yield "["
            yield from _pieces(key)
            yield "]"
        case nodes.Slice():
            yield from _separated((node.start, node.stop, node.step), ":")
        case nodes.Tuple(items=items):
            yield from _enclosed("(", items, ")")
        case nodes.List(items=items):
            yield from _enclosed("[", items, "]")
        case nodes.Dict(items=items):
            yield from _enclosed("{", items, "}")
        case nodes.Pair(key=key, value=value):
            yield from _pieces(key)
            yield ": "
            yield from _pieces(value)
        case nodes.Keyword(key=name, value=value):
            yield f"{name}="
            yield from _pieces(value)
        case nodes.Concat(nodes=parts):
            yield from _separated(parts, " ~ ")
        case _:
            yield from _operations(node)


def _operations(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.BinExpr():
            yield from _pieces(node.left)
            yield f" {_BINARY.get(type(node), '?')} "
            yield from _pieces(node.right)
        case nodes.Not(node=inner):
            yield "not "
            yield from _pieces(inner)
        case nodes.Neg(node=inner):
            yield "-"
            yield from _pieces(inner)
        case nodes.Compare(expr=first, ops=operands):
            yield from _pieces(first)
            for operand in operands:
                yield f" {_COMPARISONS.get(operand.op, operand.op)} "
                yield from _pieces(operand.expr)
        case nodes.CondExpr():
            yield from _pieces(node.expr1)
            yield " if "
            yield from _pieces(node.test)
            if node.expr2 is not None:
                yield " else "
                yield from _pieces(node.expr2)
        case nodes.Filter(node=inner, name=name):
            if inner is not None:
                yield from _pieces(inner)
            yield f"|{name}"
            if node.args or node.kwargs:
                yield from _enclosed("(", [*node.args, *node.kwargs], ")")
        case nodes.Test(node=inner, name=name):
            yield from _pieces(inner)
            yield f" is {name}"
            if node.args:
                yield from _enclosed("(", node.args, ")")
        case nodes.Call(node=callee):
            yield from _pieces(callee)
            yield from _enclosed("(", [*node.args, *node.kwargs], ")")
        case _:
            yield type(node).__name__.lower()


def _enclosed(begin: str, items: Sequence[nodes.Node], end: str) -> Iterator[str]:
    yield begin
    yield from _separated(items, ", ")
    yield end


def _separated(items: Sequence[nodes.Node | None], mark: str) -> Iterator[str]:
    for number, item in enumerate(items):
        if number:
            yield mark
        if item is not None:
            yield from _pieces(item)
