"""Walk one part of a Python file, and remember what flows, conditions and changed functions rest on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from weighbridge.formats.scripts.facts import Argument, ScriptCall
from weighbridge.formats.scripts.python_moments import Inside
from weighbridge.formats.scripts.python_names import canonical
from weighbridge.formats.scripts.python_walk import Walk

XOR: Final = "^"
"""Stands among the names where letters are turned one by one."""
_MOST_SPREAD: Final = 8
_MOST_PATCHES: Final = 5_000
HANDS_ON: Final = frozenset(
    {
        *(
            "map",
            "filter",
            "starmap",
            "reduce",
            "max",
            "min",
            "sorted",
            "iter",
            "apply",
            "partial",
            "call",
        ),
        *("Thread", "Process", "Timer", "start_new_thread", "submit", "apply_async", "to_thread", "run"),
        *("run_in_executor", "call_soon", "call_later", "call_soon_threadsafe", "add_done_callback"),
        *("register", "finalize", "settrace", "setprofile", "signal", "addaudithook", "callback"),
        *("timeit", "repeat", "invoke", "enter", "enterabs", "after", "add_job", "do", "schedule"),
    }
)
"""Calls that call what they are given, by their last name."""


@dataclass(frozen=True, slots=True)
class Patch:
    """An attribute of something imported that is given another value.

    Attributes:
        name: dotted: `torch.load`.
        by: dotted name of the new value, or "?".
    """

    name: str
    by: str
    line: int


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition that a call depends on.

    Attributes:
        asks: names that the condition calls or reads.
        texts: literals in it.
        numbers: whole numbers in it.
        guarded: the calls of sinks that depend on it.
    """

    line: int
    asks: frozenset[str]
    texts: frozenset[str]
    numbers: frozenset[int]
    guarded: tuple[ScriptCall, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file as it was walked."""

    name: str
    owner: str
    statements: list[ast.stmt]
    walk: ScopeWalk
    parameters: tuple[str, ...] = ()


@dataclass(slots=True)
class ScopeWalk(Walk):
    """A walk that remembers which node each call came from, and the name of each node."""

    spelled: dict[int, str] = field(default_factory=dict)
    is_sink: Callable[[str], bool] = field(default=lambda name: False)
    nodes: list[tuple[ScriptCall, ast.Call]] = field(default_factory=list)
    concealed: set[int] = field(default_factory=set)
    patches: list[Patch] = field(default_factory=list)

    def start_from(self, outer: ScopeWalk, statements: list[ast.stmt]) -> None:
        """Take over what names and constants stand for, as far as the statements use them."""
        used = {one.id for line in statements for one in ast.walk(line) if isinstance(one, ast.Name)}
        names, values = outer._names, outer._folder.variables
        self._names.known.update(
            {name: dotted for name, dotted in names.known.items() if name in used or "." in name}
        )
        self._names.concealed.update(names.concealed & used)
        self._names.stars = list(names.stars)
        self._names.is_known = names.is_known
        self._names.behind = names.behind
        self._folder.variables.update({name: values[name] for name in used if name in values})
        self.imports.update(outer.imports)

    def look_for(self, is_known: Callable[[str], bool], behind: Mapping[str, ast.expr]) -> None:
        """Say which names matter, and what stands behind names of classes and functions."""
        self._names.is_known = is_known
        self._names.behind = behind

    def name_of(self, node: ast.expr) -> str:
        """The dotted name of an expression, as far as the walk has come."""
        return self._names.of(node)

    def inside(self, owner: str) -> Inside:
        """What was seen, for a function of a class."""
        return Inside(owner, frozenset(call.name for call, _ in self.nodes), frozenset(self.references))

    def _call(self, node: ast.Call) -> list[ast.AST]:
        self._names.hides = False
        below = Walk._call(self, node)
        if self.calls[-1].name and self._names.hides:
            self.concealed.add(id(node))
        self.nodes.append((self.calls[-1], node))
        self.spelled[id(node)] = self.calls[-1].name
        if self.calls[-1].name.rpartition(".")[2] in HANDS_ON:
            self._hand_on(node)
        if self.calls[-1].name == "setattr" and len(node.args) == 3:
            self._patched(node)
        if isinstance(node.func, ast.Call):
            self._by_name(node, node.func)
        return below

    def _patched(self, node: ast.Call) -> None:
        """`setattr(module, "name", value)`."""
        owner, name, value = node.args
        text = self._text(name)
        if text is not None and len(self.patches) < _MOST_PATCHES:
            dotted = canonical(f"{self._names.of(owner)}.{text}")
            self.patches.append(Patch(dotted, self._names.of(value), node.lineno))

    def _by_name(self, node: ast.Call, maker: ast.Call) -> None:
        """`operator.methodcaller("name", ...)(object)`."""
        if self._names.of(maker.func) != "operator.methodcaller" or not (maker.args and node.args):
            return
        text = self._text(maker.args[0])
        if text is not None:
            name = canonical(f"{self._names.of(node.args[0])}.{text}")
            made = ast.copy_location(ast.Call(func=node.func, args=maker.args[1:], keywords=[]), node)
            arguments = tuple(self._argument(item) for item in made.args[:_MOST_SPREAD])
            self._add(ScriptCall(name, arguments, (), node.lineno), made)

    def _add(self, call: ScriptCall, node: ast.Call) -> None:
        self.calls.append(call)
        self.nodes.append((call, node))

    def _hand_on(self, node: ast.Call) -> None:
        """A function that is given to a call which calls it, as a call of its own."""
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        for one in given[:_MOST_SPREAD]:
            if not isinstance(one, (ast.Name, ast.Attribute, ast.Call)):
                continue
            name = self._names.of(one)
            if not self.is_sink(name):
                continue
            rest = [item for other in given if other is not one for item in _spread(other)]
            made = ast.copy_location(ast.Call(func=one, args=rest[:_MOST_SPREAD], keywords=[]), node)
            arguments = tuple(self._argument(item) for item in made.args)
            call = ScriptCall(name, _unpacked(arguments), (), node.lineno)
            self._add(call, made)

    def _reference(self, node: ast.Attribute | ast.Name) -> list[ast.AST]:
        self.spelled[id(node)] = self._names.of(node)
        return Walk._reference(self, node)

    def _element(self, node: ast.Subscript) -> None:
        self.spelled[id(node)] = self._names.of(node)
        Walk._element(self, node)

    def _visit(self, node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitXor):
            self.references[XOR] = None
        return Walk._visit(self, node)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if (
            isinstance(target, ast.Attribute)
            and not _is_own(target)
            and len(self.patches) < _MOST_PATCHES
        ):
            name = self._names.of(target)
            if not name.startswith("?"):
                self.patches.append(Patch(name, self._names.of(value), target.lineno))
        Walk._assign(self, target, value)

    def _fold_string(self, node: ast.expr) -> None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            self.references[XOR] = None
        Walk._fold_string(self, node)


def _is_own(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Name) and target.value.id in ("self", "cls")


def guards(part: Part, is_sink: Callable[[str], bool]) -> Iterator[Guard]:
    """Yield the conditions of a part that calls of sinks depend on."""
    sinks = {id(node): call for call, node in part.walk.nodes if is_sink(call.name)}
    if not sinks:
        return
    pending = [part.statements]
    while pending:
        block = pending.pop()
        inner = [[sinks[id(one)] for one in ast.walk(line) if id(one) in sinks] for line in block]
        behind: list[ScriptCall] = []
        for statement, calls in zip(reversed(block), reversed(inner), strict=True):
            if not calls and not behind:
                continue
            if isinstance(statement, ast.If):
                guarded = behind if isinstance(statement.body[-1], _LEAVES) else []
                guarded = [*_calls_in(statement.body, sinks), *guarded]
                if guarded:
                    yield _guard(statement, part.walk, guarded)
            pending += [] if not calls else list(_blocks(statement))
            behind = [*calls, *behind][:_MOST_SPREAD]


_LEAVES: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _calls_in(body: list[ast.stmt], sinks: dict[int, ScriptCall]) -> list[ScriptCall]:
    return [sinks[id(one)] for line in body for one in ast.walk(line) if id(one) in sinks]


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for key in ("body", "orelse", "finalbody"):
        block = getattr(statement, key, None)
        if isinstance(block, list) and block:
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body


def _guard(node: ast.If, walk: ScopeWalk, guarded: list[ScriptCall]) -> Guard:
    inside = list(ast.walk(node.test))
    values = [one.value for one in inside if isinstance(one, ast.Constant)]
    return Guard(
        node.lineno,
        frozenset(walk.spelled[id(one)] for one in inside if id(one) in walk.spelled),
        frozenset(value for value in values if isinstance(value, str)),
        frozenset(value for value in values if isinstance(value, int)),
        tuple(guarded[:_MOST_SPREAD]),
    )


def _spread(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]


def _unpacked(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """What `map` gives one by one stands in a variable now and then."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple):
        return tuple(arguments[0])
    return arguments
