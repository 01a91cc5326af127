"""Divide Python source by when it runs, and follow values within each part.

What a module does when it is imported weighs more than what one of its functions could do, and
`exec(base64.b64decode(...))` more than an `exec` and a `b64decode` that never meet. So each part of a
file is walked for itself, and for each call it is noted what its arguments were made from.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.formats.scripts.facts import ScriptFacts
from weighbridge.formats.scripts.python_flows import Flow, Following, parameters_of
from weighbridge.formats.scripts.python_moments import (
    Definition,
    Index,
    Inside,
    PythonClass,
    RunsWhen,
    definitions,
    level,
    moments,
    stand_ins,
    without_main,
)
from weighbridge.formats.scripts.python_scope_walk import HANDS_ON, Guard, Part, Patch, ScopeWalk, guards

__all__ = [
    "Flow",
    "Guard",
    "Patch",
    "PythonClass",
    "PythonParts",
    "PythonScope",
    "RunsWhen",
    "python_scopes",
]

_SCOPES: Final = 3_000
_LEVEL: Final = "module level"
_MAIN: Final = "main block"


@dataclass(frozen=True, slots=True)
class PythonScope:
    """One part of a file: its module level, its main block, or one function with all inside it.

    Attributes:
        name: `module level`, `main block`, or the qualified name of the function.
        runs: what makes it run.
        owner: qualified name of the class that it is a method of, or "".
        last_line: of the function or the main block; 0 for the module level.
        patches: attributes of imported things that it gives other values.
        guards: conditions that calls of sinks depend on.
    """

    name: str
    line: int
    runs: RunsWhen
    facts: ScriptFacts
    flows: tuple[Flow, ...]
    owner: str = ""
    last_line: int = 0
    patches: tuple[Patch, ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def is_function(self) -> bool:
        """False for the module level and the main block."""
        return self.name not in (_LEVEL, _MAIN)


@dataclass(frozen=True, slots=True)
class PythonParts:
    """The parts of a file, module level first.

    Attributes:
        is_read: False when a limit left nodes or functions unread.
        is_valued: False when a limit left values unknown, or facts of a part unlisted.
        classes: the classes of the file, in its order.
    """

    scopes: tuple[PythonScope, ...]
    is_read: bool
    is_valued: bool
    classes: tuple[PythonClass, ...] = ()

    def defined(self, name: str) -> PythonClass | PythonScope | None:
        """Return what `auto_map` and its like name: a class, or a function, of the file."""
        made = next((one for one in self.classes if one.name == name), None)
        return made or next((one for one in self.scopes if one.name == name), None)


def python_scopes(tree: ast.Module, is_sink: Callable[[str], bool]) -> PythonParts:
    """Divide a file, and follow the values in each part.

    Args:
        tree: the whole file.
        is_sink: told a dotted name: whether it matters what a call of it is given.
    """
    body, main = without_main(tree.body)
    found = list(definitions(body))
    outer = _outer(level(body), is_sink, dict(stand_ins(found)))
    classes = tuple(_class(one, outer) for one in found if isinstance(one.node, ast.ClassDef))
    functions = [one for one in found if not isinstance(one.node, ast.ClassDef)][:_SCOPES]
    parts = [Part(_LEVEL, "", level(body), outer)]
    if main:
        parts.append(Part(_MAIN, "", main, _walked(main, outer)))
    for one in functions:
        assert not isinstance(one.node, ast.ClassDef)
        walk = _walked([one.node], outer)
        parts.append(Part(one.name, one.owner, [one.node], walk, parameters_of(one.node)))
    index = Index({one.name: one.owner for one in functions}, {one.name: one for one in classes})
    is_read = len(functions) < _SCOPES and not any(part.walk.is_cut for part in parts)
    scopes = tuple(_scopes(parts, index, found, main, is_sink))
    is_valued = not any(part.walk.is_cut for part in parts)
    return PythonParts(scopes, is_read, is_valued, classes)


def _scopes(
    parts: list[Part],
    index: Index,
    found: list[Definition],
    main: list[ast.stmt],
    is_sink: Callable[[str], bool],
) -> Iterator[PythonScope]:
    inside = {part.name: part.walk.inside(part.owner) for part in parts}
    empty = Inside("", frozenset(), frozenset())
    early = _early(parts[0].walk, found, index)
    when = moments(index, inside, early, inside.get(_MAIN, empty))
    following = Following(parts, index, inside)
    flows = following.flows(is_sink)
    parts[0].walk.is_cut |= following.is_cut
    nodes = {one.name: one.node for one in found}
    for part in parts:
        runs = {_LEVEL: RunsWhen.IMPORTED, _MAIN: RunsWhen.STARTED}.get(part.name)
        node = nodes.get(part.name)
        line, last = 1, 0
        if node is not None:
            line, last = node.lineno, node.end_lineno or node.lineno
        elif part.name == _MAIN:
            line, last = main[0].lineno, main[-1].end_lineno or main[-1].lineno
        yield PythonScope(
            part.name,
            line,
            runs or when.get(part.name, RunsWhen.CALLED),
            part.walk.facts(),
            tuple(flows.get(part.name, ())),
            part.owner,
            last,
            tuple(part.walk.patches),
            tuple(guards(part, is_sink)),
        )


def _early(outer: ScopeWalk, found: Iterable[Definition], index: Index) -> Inside:
    """What the module level calls; decorators are called too, and what is handed to whoever calls it."""
    called = {call.name for call, _ in outer.nodes}
    given = {
        outer.spelled[id(one)]
        for call, node in outer.nodes
        if call.name.rpartition(".")[2] in HANDS_ON or any(index.reached(call.name, ""))
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        for one in ast.walk(argument)
        if isinstance(one, (ast.Name, ast.Attribute)) and id(one) in outer.spelled
    }
    for one in found:
        for decorator in one.node.decorator_list:
            called.add(outer.spelled.get(id(decorator), ""))
    return Inside("", frozenset(called), frozenset(given))


def _class(one: Definition, outer: ScopeWalk) -> PythonClass:
    node = one.node
    assert isinstance(node, ast.ClassDef)
    bases = tuple(outer.name_of(base) for base in node.bases[:32])
    metas = [outer.name_of(keyword.value) for keyword in node.keywords if keyword.arg == "metaclass"]
    methods = tuple(
        inner.name for inner in node.body if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    return PythonClass(one.name, node.lineno, bases, metas[0] if metas else None, methods)


def _outer(
    statements: list[ast.stmt], is_sink: Callable[[str], bool], behind: Mapping[str, ast.expr]
) -> ScopeWalk:
    walk = ScopeWalk(is_sink=is_sink)
    walk.look_for(is_sink, behind)
    walk.read(ast.Module(body=statements, type_ignores=[]))
    return walk


def _walked(statements: list[ast.stmt], outer: ScopeWalk) -> ScopeWalk:
    walk = ScopeWalk(is_sink=outer.is_sink, spelled=outer.spelled)
    walk.start_from(outer, statements)
    walk.read(ast.Module(body=statements, type_ignores=[]))
    return walk
