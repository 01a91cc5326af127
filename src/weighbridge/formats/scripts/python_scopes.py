"""Divide Python source by when it runs, and follow values within each part.

What a module does when it is imported weighs more than what one of its functions could do, and
`exec(base64.b64decode(...))` more than an `exec` and a `b64decode` that never meet. So each part of a
file is walked for itself, and for each call it is noted what its arguments were made from.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from weighbridge.formats.scripts.facts import ScriptCall, ScriptFacts
from weighbridge.formats.scripts.python_walk import Walk

_SCOPES: Final = 3_000
_NODES: Final = 400
_HOPS: Final = 6
_CALLS: Final = 5_000
_VALUES: Final = 50
_MAIN: Final = "main block"


class RunsWhen(StrEnum):
    """What makes a part of a file run."""

    IMPORTED = "when the file is imported or run"
    STARTED = "when the file is run as a program"
    CALLED = "when it is called"


@dataclass(frozen=True, slots=True)
class Flow:
    """One call, and what its arguments were made from.

    Attributes:
        program: names that the first argument (or the first item of it) was made from: what is run.
        sources: dotted names of calls and references that all arguments were made from, with those
            inside local functions that were called; an element of a mapping is `name[]`.
        texts: literals that all arguments were made from.
        shared: names of calls that were given the variable that is the program, too.
    """

    call: ScriptCall
    program: frozenset[str]
    sources: frozenset[str]
    texts: frozenset[str]
    shared: frozenset[str]


@dataclass(frozen=True, slots=True)
class PythonScope:
    """One part of a file: its module level, its main block, or one function with all inside it."""

    name: str
    line: int
    runs: RunsWhen
    facts: ScriptFacts
    flows: tuple[Flow, ...]


@dataclass(slots=True)
class _ScopeWalk(Walk):
    """A walk that remembers which node each call came from, and the name of each node."""

    nodes: list[tuple[ScriptCall, ast.Call]] = field(default_factory=list)
    spelled: dict[int, str] = field(default_factory=dict)

    def start_from(self, outer: _ScopeWalk) -> None:
        """Take over what names and constants stand for."""
        self._names.known.update(outer._names.known)
        self._names.star = outer._names.star
        self._folder.variables.update(outer._folder.variables)
        self.imports.update(outer.imports)

    def _call(self, node: ast.Call) -> list[ast.AST]:
        below = Walk._call(self, node)
        self.nodes.append((self.calls[-1], node))
        self.spelled[id(node)] = self.calls[-1].name
        return below

    def _reference(self, node: ast.Attribute | ast.Name) -> list[ast.AST]:
        self.spelled[id(node)] = self._names.of(node)
        return Walk._reference(self, node)

    def _element(self, node: ast.Subscript) -> None:
        self.spelled[id(node)] = self._names.of(node)
        Walk._element(self, node)


@dataclass(frozen=True, slots=True)
class PythonParts:
    """The parts of a file, module level first.

    Attributes:
        is_read: False when a limit left nodes or functions unread.
        is_valued: False when a limit left values unknown, or facts of a part unlisted.
    """

    scopes: tuple[PythonScope, ...]
    is_read: bool
    is_valued: bool


def python_scopes(tree: ast.Module, is_sink: Callable[[str], bool]) -> PythonParts:
    """Divide a file, and follow the values in each part.

    Args:
        tree: the whole file.
        is_sink: told a dotted name: whether it matters what a call of it is given.
    """
    body, main = _without_main(tree.body)
    outer = _ScopeWalk()
    outer.read(ast.Module(body=_level(body), type_ignores=[]))
    functions = list(_functions(body, ""))[:_SCOPES]
    walks = [("module level", 1, _level(body), outer)]
    if main:
        walks.append((_MAIN, main[0].lineno, main, _walked(main, outer)))
    walks += [(name, node.lineno, [node], _walked([node], outer)) for name, node in functions]
    is_read = len(functions) < _SCOPES and not any(walk.is_cut for _, _, _, walk in walks)
    inside = {name: _called(walk) for name, _, _, walk in walks}
    early = _reached(outer, inside)
    scopes = []
    for name, line, statements, walk in walks:
        runs = RunsWhen.STARTED if name == _MAIN else RunsWhen.CALLED
        if walk is outer or name in early:
            runs = RunsWhen.IMPORTED
        facts = walk.facts()
        scopes.append(
            PythonScope(name, line, runs, facts, tuple(_flows(walk, statements, inside, is_sink)))
        )
    is_valued = not any(walk.is_cut for _, _, _, walk in walks)
    return PythonParts(tuple(scopes), is_read, is_valued)


# What runs when.


def _without_main(body: list[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The statements of a module, and those of its `if __name__ == "__main__":`."""
    rest: list[ast.stmt] = []
    main: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If) and _asks_for_main(statement.test):
            main += statement.body
            rest += statement.orelse
        else:
            rest.append(statement)
    return rest, main


def _asks_for_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            sides = {getattr(left, "id", None), getattr(right, "id", None)}
            texts = {getattr(left, "value", None), getattr(right, "value", None)}
            return "__name__" in sides and "__main__" in texts
    return False


def _level(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Statements without the bodies of functions: decorators and defaults run, bodies don't."""
    level: list[ast.stmt] = []
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                given = [*statement.decorator_list, *statement.args.defaults]
                given += [one for one in statement.args.kw_defaults if one is not None]
                level += [ast.copy_location(ast.Expr(value=one), one) for one in given]
            case ast.ClassDef():
                given = [*statement.decorator_list, *statement.bases]
                level += [ast.copy_location(ast.Expr(value=one), one) for one in given]
                level += _level(statement.body)
            case ast.If() | ast.Try() | ast.TryStar() | ast.With() | ast.For() | ast.While():
                level.append(_with_levels(statement))
            case _:
                level.append(statement)
    return level


def _with_levels(statement: ast.stmt) -> ast.stmt:
    """A copy of a block in which bodies are levels too."""
    fields = dict(ast.iter_fields(statement))
    for key in ("body", "orelse", "finalbody"):
        if fields.get(key):
            fields[key] = _level(fields[key])
    if "handlers" in fields:
        fields["handlers"] = [
            ast.copy_location(
                ast.ExceptHandler(type=one.type, name=one.name, body=_level(one.body)), one
            )
            for one in fields["handlers"]
        ]
    return ast.copy_location(type(statement)(**fields), statement)


def _functions(
    body: Iterable[ast.stmt], owner: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods by qualified name; functions inside functions stay inside."""
    pending = [(statement, owner) for statement in body]
    while pending:
        statement, name = pending.pop(0)
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{name}{statement.name}", statement
            case ast.ClassDef():
                pending += [(inner, f"{name}{statement.name}.") for inner in statement.body]
            case ast.If() | ast.Try() | ast.TryStar() | ast.With() | ast.For() | ast.While():
                pending += [(one, name) for one in _inner_statements(statement)]


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    for key in ("body", "orelse", "finalbody"):
        yield from getattr(statement, key, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body


def _walked(statements: list[ast.stmt], outer: _ScopeWalk) -> _ScopeWalk:
    walk = _ScopeWalk()
    walk.start_from(outer)
    walk.read(ast.Module(body=statements, type_ignores=[]))
    return walk


def _called(walk: _ScopeWalk) -> frozenset[str]:
    return frozenset(call.name for call, _ in walk.nodes) | frozenset(walk.references)


def _reached(outer: _ScopeWalk, inside: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Functions that the module level calls, or hands to a call, and those that they call."""
    reached: set[str] = set()
    given = {
        walked.id
        for _, node in outer.nodes
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        for walked in ast.walk(argument)
        if isinstance(walked, ast.Name)
    }
    pending = [name for _, name in _local(frozenset(c.name for c, _ in outer.nodes) | given, inside)]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [inner for _, inner in _local(inside[name], inside)]
    return frozenset(reached)


def _local(names: Iterable[str], inside: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    """(spelling, scope) of names that are functions of the file, or classes that are made."""
    for name in names:
        short = name.removesuffix("()").removeprefix("self.").removeprefix("cls.")
        for candidate in (short, f"{short}.__init__"):
            if candidate in inside:
                yield name, candidate


# Where values come from.


def _flows(
    walk: _ScopeWalk,
    statements: list[ast.stmt],
    inside: Mapping[str, frozenset[str]],
    is_sink: Callable[[str], bool],
) -> Iterator[Flow]:
    sinks = [(call, node) for call, node in walk.nodes[:_CALLS] if is_sink(call.name)]
    if not sinks:
        return
    made = _made_from(statements)
    users: dict[str, set[str]] = {}
    for call, node in walk.nodes:
        for argument in _given(node):
            for name in _variables(argument):
                users.setdefault(name, set()).add(call.name)
    for call, node in sinks:
        given = _given(node)
        program = given[:1]
        if program and isinstance(program[0], (ast.List, ast.Tuple)):
            program = program[0].elts[:1]
        shared = {user for one in program for name in _variables(one) for user in users.get(name, ())}
        made_of, texts = _sources(given, walk, made, inside)
        run, _ = _sources(program, walk, made, inside)
        yield Flow(call, run, made_of, texts, frozenset(shared - {call.name}))


def _given(node: ast.Call) -> list[ast.expr]:
    """Arguments that carry content: what says who asks (headers, auth) is left out."""
    kept = [keyword.value for keyword in node.keywords if keyword.arg not in ("headers", "auth", "env")]
    return [*node.args, *kept]


def _variables(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items[:8]:
                yield from (item.id,) if isinstance(item, ast.Name) else ()


def _made_from(statements: list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """What each variable was assigned from, anywhere in the scope."""
    made: dict[str, list[ast.expr]] = {}
    for statement in statements:
        for node in ast.walk(statement):
            for target, value in _assignments(node):
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        values = made.setdefault(name.id, [])
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
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value


def _sources(
    expressions: Iterable[ast.expr],
    walk: _ScopeWalk,
    made: Mapping[str, list[ast.expr]],
    inside: Mapping[str, frozenset[str]],
) -> tuple[frozenset[str], frozenset[str]]:
    """Names of all calls and references below some expressions, through variables; and the texts."""
    found: set[str] = set()
    texts: set[str] = set()
    seen: set[str] = set()
    pending: list[tuple[ast.AST, int]] = [(expression, _HOPS) for expression in expressions]
    for _ in range(_NODES):
        if not pending:
            break
        node, hops = pending.pop()
        name = walk.spelled.get(id(node))
        if name is not None:
            found.add(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        if isinstance(node, ast.Name) and node.id not in seen and hops:
            seen.add(node.id)
            pending += [(value, hops - 1) for value in made.get(node.id, ())]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            pending.append((node.func.value, hops))
        pending += [(child, hops) for child in _operands(node)]
    for _, local in list(_local(found, inside)):
        if not local.endswith(".__init__"):  # it gives nothing back
            found |= inside[local]
    return frozenset(found), frozenset(texts)


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
