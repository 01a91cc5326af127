"""Follow values: what the arguments of a call were made from, through variables and local functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.formats.scripts.facts import Argument, ScriptCall, Unknown
from weighbridge.formats.scripts.python_moments import Function, Index, Inside
from weighbridge.formats.scripts.python_scope_walk import XOR, Part

_NODES: Final = 400
_HOPS: Final = 6
_CALLS: Final = 5_000
_VALUES: Final = 50
_ROUNDS: Final = 3
_HANDED: Final = 3_000
"""Values that are followed into functions of the file."""
_NAMES: Final = 500_000
"""Names of called functions that are added to the sources of all flows of a file."""
REVERSED: Final = "[::-1]"
"""Stands among the sources where a text is read backwards."""
_WHO_ASKS: Final = ("headers", "auth", "env")
_MOST_SPREAD: Final = 8
_OF_PATHS: Final = (".write_text", ".write_bytes", ".unlink")
"""Methods of which the object is as telling as the arguments."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One call, and what its arguments were made from.

    Attributes:
        program: names that the first argument (or the first item of it) was made from: what is run.
        sources: dotted names of calls and references that all arguments were made from, with those
            inside local functions that were called; an element of a mapping is `name[]`, letters that
            are turned are `^` and `[::-1]`.
        texts: literals that all arguments were made from.
        shared: names of calls that were given the variable that is the program, too.
        is_concealed: the name of what is called was put together from pieces.
        variables: local names that all arguments were made from.
        steering: those of them that the program was made from.
        is_literal: the first argument stands in the source as a literal.
        is_name: the program is a variable, or an attribute of one.
        head: the literal that the program begins with, as in `"tar xf " + path`.
        holders: for `.write`, local names of what is written to.
    """

    call: ScriptCall
    program: frozenset[str]
    sources: frozenset[str]
    texts: frozenset[str]
    shared: frozenset[str]
    is_concealed: bool = False
    variables: frozenset[str] = frozenset()
    steering: frozenset[str] = frozenset()
    is_literal: bool = False
    holders: frozenset[str] = frozenset()
    is_name: bool = False
    head: str = ""


class Following:
    """The flows of all parts of one file."""

    def __init__(self, parts: list[Part], index: Index, inside: Mapping[str, Inside]) -> None:
        self._parts = parts
        self._index = index
        self._inside = inside
        self._made: dict[str, Mapping[str, list[ast.expr]]] = {}
        self._attributes: dict[str, Mapping[str, list[ast.expr]]] = {}
        self._users: dict[str, dict[str, set[str]]] = {}
        self._left = _NAMES
        self._handed_left = _HANDED

    @property
    def is_cut(self) -> bool:
        """True once names of called functions, or values given to them, were too many to follow."""
        return self._left < 0 or self._handed_left < 0

    def flows(self, is_sink: Callable[[str], bool]) -> dict[str, list[Flow]]:
        """The flows of each part, by its name; those through parameters of functions included."""
        found = {part.name: list(self._direct(part, is_sink)) for part in self._parts}
        fresh = found
        for _ in range(_ROUNDS):
            steered = self._steered(fresh)
            if not steered:
                break
            fresh = {part.name: list(self._handed(part, steered)) for part in self._parts}
            for name, flows in fresh.items():
                found[name] += flows
        return found

    def _direct(self, part: Part, is_sink: Callable[[str], bool]) -> Iterator[Flow]:
        for call, node in part.walk.nodes[:_CALLS]:
            if is_sink(call.name):
                yield self._flow(part, call, node)

    def _flow(self, part: Part, call: ScriptCall, node: ast.Call) -> Flow:
        given = _given(node)
        program = given[:1]
        if program and isinstance(program[0], (ast.List, ast.Tuple)):
            program = program[0].elts[:1]
        users = self._users_of(part)
        shared = {user for one in program for name in _variables(one) for user in users.get(name, ())}
        holder = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        if call.name.endswith(_OF_PATHS) or call.name == "pathlib.Path().open":
            given = [*holder, *given]
        every, run = self._sources(part, given), self._sources(part, program)
        return Flow(
            call,
            run.names,
            every.names,
            every.texts,
            frozenset(shared - {call.name}),
            id(node) in part.walk.concealed,
            every.variables,
            run.variables,
            bool(program) and isinstance(program[0], ast.Constant),
            self._holders(part, holder) if call.name.endswith(".write") else frozenset(),
            bool(program) and isinstance(program[0], (ast.Name, ast.Attribute)),
            self._head(part, program[0]) if program else "",
        )

    def _holders(self, part: Part, nodes: list[ast.expr]) -> frozenset[str]:
        """`f` and `path` of `f.write(...)`, where `f` is `open(path)`; not what the path is made of."""
        names = {name for node in nodes for name in _variables(node)}
        opened = [value for name in names for value in self._values(part, name)]
        calls = [node for node in (*nodes, *opened) if isinstance(node, ast.Call)]
        return frozenset(names | {one for call in calls for one in map(_variable, call.args) if one})

    def _head(self, part: Part, node: ast.expr) -> str:
        for _ in range(_HOPS):
            match node:
                case ast.JoinedStr(values=[first, *_]) | ast.BinOp(left=first):
                    node = first
                case ast.Call(func=ast.Attribute(value=ast.Constant() as first, attr="format")):
                    node = first
                case ast.Name(id=name):
                    values = list(self._values(part, name))
                    if len(values) != 1:
                        return ""
                    node = values[0]
                case _:
                    break
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        return str(node.value)[:200] if isinstance(node, ast.Constant) and is_text else ""

    def _users_of(self, part: Part) -> dict[str, set[str]]:
        """Calls by the variables that they are given."""
        if part.name not in self._users:
            users: dict[str, set[str]] = {}
            for call, node in part.walk.nodes:
                for argument in _given(node):
                    for name in _variables(argument):
                        users.setdefault(name, set()).add(call.name)
            self._users[part.name] = users
        return self._users[part.name]

    # Through parameters.

    def _steered(self, flows: Mapping[str, list[Flow]]) -> dict[str, list[tuple[int, str, Flow]]]:
        """Functions of which a parameter reaches a sink: its place, its name, and that flow."""
        found: dict[str, list[tuple[int, str, Flow]]] = {}
        for part in self._parts:
            if not part.parameters:
                continue
            shift = 1 if part.owner and part.parameters[0] in ("self", "cls") else 0
            hits = [
                (place - shift, name, flow)
                for flow in flows.get(part.name, ())
                for place, name in enumerate(part.parameters)
                if name in flow.variables and place >= shift
            ]
            if hits:
                found[part.name] = hits[:_MOST_SPREAD]
        return found

    def _handed(self, part: Part, steered: Mapping[str, list[tuple[int, str, Flow]]]) -> Iterator[Flow]:
        for call, node in part.walk.nodes[:_CALLS]:
            for function in self._index.reached(call.name, part.owner):
                if function == part.name:
                    continue
                for place, name, inner in steered.get(function, ()):
                    given = _argument(node, place, name)
                    self._handed_left -= given is not None
                    if given is not None and self._handed_left >= 0:
                        yield self._through(part, call, given, name, inner)

    def _through(self, part: Part, call: ScriptCall, given: ast.expr, name: str, inner: Flow) -> Flow:
        """The flow of an inner call, seen from where its function is called."""
        made = self._sources(part, [given])
        steers = name in inner.steering
        literal = part.walk._argument(given)
        arguments: tuple[Argument, ...] = (literal,) if steers else inner.call.arguments
        return replace(
            inner,
            call=replace(inner.call, arguments=arguments, place=call.place),
            program=made.names | inner.program if steers else inner.program,
            sources=made.names | inner.sources,
            texts=made.texts | inner.texts,
            variables=made.variables,
            steering=made.variables if steers else frozenset(),
            head=inner.head or (self._head(part, given) if steers else ""),
            is_literal=steers and literal is not Unknown.COMPUTED and isinstance(given, ast.Constant),
        )

    # Where values come from.

    def _sources(self, part: Part, expressions: Iterable[ast.expr]) -> _Sources:
        """Names of all calls and references below some expressions, through variables; and the texts."""
        found: set[str] = set()
        texts: set[str] = set()
        seen: set[str] = set()
        pending: list[tuple[ast.AST, int]] = [(expression, _HOPS) for expression in expressions]
        for _ in range(_NODES):
            if not pending:
                break
            node, hops = pending.pop()
            name = part.walk.spelled.get(id(node))
            if name is not None:
                found.add(name)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            found.update(_turned(node))
            variable = _variable(node)
            if variable is not None and variable not in seen and hops:
                seen.add(variable)
                pending += [(value, hops - 1) for value in self._values(part, variable)]
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Call, ast.Name)):
                pending.append((getattr(node.func, "value", node.func), hops))
            pending += [(child, hops) for child in _operands(node)]
        for name in list(found):
            for function in self._index.functions(name, part.owner):
                if function != part.name and self._left >= 0:
                    self._left -= len(self._inside[function].names)
                    found |= self._inside[function].names
        return _Sources(frozenset(found), frozenset(texts), frozenset(seen))

    def _values(self, part: Part, variable: str) -> Iterable[ast.expr]:
        """What a variable was assigned from, in the part or, for an attribute, anywhere in its class."""
        if "." in variable:
            return self._attributes_of(part.owner).get(variable, ()) if part.owner else ()
        here = self._made_in(part).get(variable)
        if here is None and variable not in part.parameters and part is not self._parts[0]:
            return self._made_in(self._parts[0]).get(variable, ())
        return here or ()

    def _made_in(self, part: Part) -> Mapping[str, list[ast.expr]]:
        if part.name not in self._made:
            self._made[part.name] = _made_from(part.statements)
        return self._made[part.name]

    def _attributes_of(self, owner: str) -> Mapping[str, list[ast.expr]]:
        """What `self.x` was assigned from in any method of a class."""
        if owner not in self._attributes:
            found: dict[str, list[ast.expr]] = {}
            for part in self._parts:
                if part.owner == owner:
                    for name, values in self._made_in(part).items():
                        if "." in name:
                            kept = found.setdefault(name, [])
                            kept += values[: max(0, _VALUES - len(kept))]
            self._attributes[owner] = found
        return self._attributes[owner]


@dataclass(frozen=True, slots=True)
class _Sources:
    names: frozenset[str]
    texts: frozenset[str]
    variables: frozenset[str]


def _given(node: ast.Call) -> list[ast.expr]:
    """Arguments that carry content: what says who asks (headers, auth) is left out."""
    kept = [keyword.value for keyword in node.keywords if keyword.arg not in _WHO_ASKS]
    return [*node.args, *kept]


def _argument(node: ast.Call, place: int, name: str) -> ast.expr | None:
    """What a call gives for a parameter."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    if 0 <= place < len(node.args) and not any(isinstance(one, ast.Starred) for one in node.args):
        return node.args[place]
    return None


def _variables(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items[:8]:
                yield from (item.id,) if isinstance(item, ast.Name) else ()


def _variable(node: ast.AST) -> str | None:
    """A local name, or an attribute of the object that a method belongs to."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attribute):
            return f"self.{attribute}"
    return None


def _turned(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.BinOp(op=ast.BitXor()):
            yield XOR
        case ast.Subscript(
            slice=ast.Slice(
                lower=None, upper=None, step=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))
            )
        ):
            yield REVERSED


def _made_from(statements: list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """What each variable and each attribute of `self` was assigned from, anywhere in the statements."""
    made: dict[str, list[ast.expr]] = {}
    for statement in statements:
        for node in ast.walk(statement):
            for target, value in _assignments(node):
                for name in filter(None, map(_variable, ast.walk(target))):
                    values = made.setdefault(name, [])
                    if len(values) < _VALUES:
                        values.append(value)
    return made


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield target, value
        case ast.comprehension(target=target, iter=value):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value


def _operands(node: ast.AST) -> Iterator[ast.AST]:
    """What an expression is made from; the owner of an attribute chain only when it is a variable."""
    if isinstance(node, ast.Call):
        yield from _given(node)
        return
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        yield node.slice
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.expr, ast.keyword, ast.comprehension)):
            yield child


def parameters_of(node: Function) -> tuple[str, ...]:
    """Names of the parameters, positional ones first."""
    arguments = node.args
    return tuple(one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
