"""Work out what a literal expression gives: `"sys" + "tem"`, `bytes.fromhex(...)`, `"".join(...)`.

Law: nothing of the program runs. Each operation is written out here, over literals only, and is
charged to a budget before it is done: `"a" * 10**9` is refused, not computed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.formats.scripts.fold_calls import CALLS, METHODS
from weighbridge.formats.scripts.fold_values import Refused, Spending, Value

__all__ = ["Folder", "Spending"]

_DEPTH = 40
_CHAIN = 10_000
_ITEMS = 20_000
_INTEGER_BITS = 4096
_MODIFIERS = ("errors", "validate")

Environment = Mapping[str, Value]
Namer = Callable[[ast.expr], str | None]


@dataclass(slots=True)
class Folder:
    """Evaluates expressions of one program.

    Attributes:
        variables: values of names that were assigned literals, kept by whoever walks the program.
        name_of: the dotted name of a callee, imports resolved; None when it has none.
    """

    spending: Spending
    name_of: Namer
    variables: dict[str, Value] = field(default_factory=dict)

    def fold(self, node: ast.expr) -> Value:
        """The value of an expression.

        Raises:
            Refused: it is no literal, or it costs too much (then `spending.is_crossed`).
        """
        return self._value(node, self.variables, _DEPTH)

    def _value(self, node: ast.expr, names: Environment, depth: int) -> Value:
        if depth <= 0:
            self.spending.is_crossed = True
            raise Refused
        self.spending.step()
        match node:
            case ast.Constant(value=str() | bytes() | bool() | int() | float() | None as value):
                return value
            case ast.Name(id=name):
                return _lookup(names, name)
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return self._items(items, names, depth)
            case ast.JoinedStr(values=parts):
                return self.spending.kept("".join(self._part(part, names, depth) for part in parts))
            case ast.BinOp():
                return self._chain(node, names, depth)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -_number(self._value(operand, names, depth - 1))
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return ~_number(self._value(operand, names, depth - 1))
            case ast.Subscript(value=owner, slice=index):
                return self._subscript(owner, index, names, depth)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._comprehension(node, names, depth)
            case ast.Call():
                return self._call(node, names, depth)
            case ast.NamedExpr(value=value):
                return self._value(value, names, depth - 1)
        raise Refused

    def _items(self, nodes: list[ast.expr], names: Environment, depth: int) -> tuple[Value, ...]:
        if len(nodes) > _ITEMS:
            self.spending.is_crossed = True
            raise Refused
        return tuple(self._value(node, names, depth - 1) for node in nodes)

    def _part(self, part: ast.expr, names: Environment, depth: int) -> str:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec is not None or part.conversion not in (-1, 115):
                raise Refused
            return _plain(self._value(part.value, names, depth - 1))
        value = self._value(part, names, depth - 1)
        return value if isinstance(value, str) else ""

    # Operators.

    def _chain(self, node: ast.BinOp, names: Environment, depth: int) -> Value:
        """A chain such as `a + b + c` leans to the left: walked in a loop, it may be long."""
        links: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and len(links) < _CHAIN:
            links.append(left)
            left = left.left
        pending: list[Value] = [self._value(left, names, depth - 1)]
        for link in reversed(links):
            right = self._value(link.right, names, depth - 1)
            if not isinstance(link.op, ast.Add) or not _joins(pending[0], right):
                whole = _joined(pending, self.spending)
                pending = [_binary(link.op, whole, right, self.spending)]
            else:
                pending.append(right)
        return _joined(pending, self.spending)

    def _subscript(self, owner: ast.expr, index: ast.expr, names: Environment, depth: int) -> Value:
        value = self._value(owner, names, depth - 1)
        if not isinstance(value, (str, bytes, tuple)):
            raise Refused
        if isinstance(index, ast.Slice):
            bounds = [
                None if node is None else _number(self._value(node, names, depth - 1))
                for node in (index.lower, index.upper, index.step)
            ]
            if bounds[2] == 0:
                raise Refused
            return self.spending.kept(value[slice(*bounds)])
        at = _number(self._value(index, names, depth - 1))
        if not -len(value) <= at < len(value):
            raise Refused
        return value[at]

    def _comprehension(
        self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, names: Environment, depth: int
    ) -> Value:
        if len(node.generators) != 1:
            raise Refused
        loop = node.generators[0]
        if loop.ifs or loop.is_async:
            raise Refused
        over = self._value(loop.iter, names, depth - 1)
        made: list[Value] = []
        for number, item in enumerate(_iterated(over)):
            if number >= _ITEMS:
                self.spending.is_crossed = True
                raise Refused
            inner = {**names, **_bound(loop.target, item)}
            made.append(self._value(node.elt, inner, depth - 1))
        return tuple(made)

    # Calls.

    def _call(self, node: ast.Call, names: Environment, depth: int) -> Value:
        if any(keyword.arg is None for keyword in node.keywords):
            raise Refused
        if isinstance(node.func, ast.Lambda):
            return self._applied(node.func, node, names, depth)
        given = self._arguments(node, names, depth)
        name = self.name_of(node.func)
        if name is not None and name in CALLS:
            return self.spending.kept(CALLS[name](given, self.spending))
        if name in ("map", "filter") and len(node.args) == 2:
            return self._mapped(node, names, depth)
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            owner = self._value(node.func.value, names, depth - 1)
            return self.spending.kept(METHODS[node.func.attr](owner, given, self.spending))
        raise Refused

    def _arguments(self, node: ast.Call, names: Environment, depth: int) -> tuple[Value, ...]:
        """Positional arguments; a keyword argument adds nothing that we model, but its value counts."""
        if self.name_of(node.func) in ("map", "filter"):
            return ()
        values: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                values.extend(_iterated(self._value(argument.value, names, depth - 1)))
            else:
                values.append(self._value(argument, names, depth - 1))
        named = [keyword.value for keyword in node.keywords if keyword.arg not in _MODIFIERS]
        return (*values, *(self._value(value, names, depth - 1) for value in named))

    def _applied(self, function: ast.Lambda, node: ast.Call, names: Environment, depth: int) -> Value:
        parameters = [argument.arg for argument in function.args.args]
        given = [self._value(argument, names, depth - 1) for argument in node.args]
        if len(parameters) != len(given):
            raise Refused
        return self._value(
            function.body, {**names, **dict(zip(parameters, given, strict=True))}, depth - 1
        )

    def _mapped(self, node: ast.Call, names: Environment, depth: int) -> Value:
        function, over = node.args
        items = list(_iterated(self._value(over, names, depth - 1)))
        if len(items) > _ITEMS:
            self.spending.is_crossed = True
            raise Refused
        if isinstance(function, ast.Lambda):
            parameter, *others = [one.arg for one in function.args.args] or [""]
            if others:
                raise Refused
            return tuple(
                self._value(function.body, {**names, parameter: item}, depth - 1) for item in items
            )
        name = self.name_of(function)
        if name is None or name not in CALLS or self.name_of(node.func) != "map":
            raise Refused
        return tuple(CALLS[name]((item,), self.spending) for item in items)


def _lookup(names: Environment, name: str) -> Value:
    if name not in names:
        raise Refused
    return names[name]


def _bound(target: ast.expr, item: Value) -> dict[str, Value]:
    if isinstance(target, ast.Name):
        return {target.id: item}
    if isinstance(target, ast.Tuple) and isinstance(item, tuple) and len(item) == len(target.elts):
        return {
            name.id: part
            for name, part in zip(target.elts, item, strict=True)
            if isinstance(name, ast.Name)
        }
    raise Refused


def _iterated(value: Value) -> Iterator[Value]:
    if not isinstance(value, (str, bytes, tuple)):
        raise Refused
    return iter(value)


def _plain(value: Value) -> str:
    if isinstance(value, (str, int, float)):
        return _decimal(value)
    raise Refused


def _decimal(value: str | float) -> str:
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise Refused
    return str(value)


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise Refused
    return value


def _joins(left: Value, right: Value) -> bool:
    kinds = (str, bytes, tuple)
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds)


def _joined(parts: list[Value], spending: Spending) -> Value:
    if len(parts) == 1:
        return parts[0]
    spending.need(sum(len(part) for part in parts if isinstance(part, (str, bytes, tuple))))
    if isinstance(parts[0], str):
        return "".join(part for part in parts if isinstance(part, str))
    if isinstance(parts[0], bytes):
        return b"".join(part for part in parts if isinstance(part, bytes))
    return tuple(item for part in parts if isinstance(part, tuple) for item in part)


def _binary(op: ast.operator, left: Value, right: Value, spending: Spending) -> Value:
    match op:
        case ast.Mult() if isinstance(left, (str, bytes, tuple)):
            return _repeated(left, _number(right), spending)
        case ast.Mult() if isinstance(right, (str, bytes, tuple)):
            return _repeated(right, _number(left), spending)
        case ast.Mod() if isinstance(left, str):
            return METHODS["%"](left, right if isinstance(right, tuple) else (right,), spending)
    return _arithmetic(op, _number(left), _number(right))


def _repeated(value: str | bytes | tuple[Value, ...], times: int, spending: Spending) -> Value:
    spending.need(len(value) * max(0, times))
    return value * times


def _arithmetic(op: ast.operator, left: int, right: int) -> int:
    if max(left.bit_length(), right.bit_length()) > _INTEGER_BITS:
        raise Refused
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.BitXor():
            return left ^ right
        case ast.BitAnd():
            return left & right
        case ast.BitOr():
            return left | right
        case ast.FloorDiv() if right:
            return left // right
        case ast.Mod() if right:
            return left % right
        case ast.LShift() if 0 <= right <= _INTEGER_BITS:
            return left << right
        case ast.RShift() if 0 <= right <= _INTEGER_BITS:
            return left >> right
    raise Refused
