"""Which functions of a few Python files lead to which: classes, their methods, and what each refers to.

A loader makes one class and calls some of its methods. What then runs in the file, and in the files that
it imports from its own folder, is found by following names. A name that is merely referred to counts as
called, since it may be handed on.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_MOST_PLACES: Final = 10_000
_MOST_STEPS: Final = 500_000
_MOST_ROUNDS: Final = 30
_LONGEST_WAY: Final = 20
_MAKING: Final = ("__new__", "__init__", "__post_init__", "__del__")
_MOST_BASES: Final = 20
_OWN: Final = ("self", "cls", "klass", "mcs")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Imported:
    """What a name of a file was imported as.

    Attributes:
        module: path of the file's module from the folder of the importing file, parts joined by `/`;
            None for a package that is installed.
        name: inside of the module; None for the module itself.
    """

    module: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Body:
    """What a function, a class or the module level refers to.

    Attributes:
        plain: names, and first names of attribute chains.
        own: attributes of `self` and `cls`.
        above: attributes of `super()`.
        of: (name, attribute): attributes of plain names.
        methods: attributes of anything else.
    """

    line: int
    plain: frozenset[str]
    own: frozenset[str]
    above: frozenset[str]
    of: frozenset[tuple[str, str]]
    methods: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClassParts:
    """One class: its bases as they are spelled, and what its body refers to."""

    name: str
    line: int
    bases: tuple[str, ...]
    metaclass: str | None
    methods: frozenset[str]
    body: Body


@dataclass(slots=True)
class ModuleParts:
    """One file.

    Attributes:
        functions: by qualified name, as the scopes of the file are named.
        classes: by name; a class within a class goes by `Outer.Inner`.
        imports: by local name.
        modules: files of the same folder that are imported, wherever the import stands.
        variables: names that the module level gives a value, and what that refers to.
        has_star: something is imported under names that are not known.
    """

    functions: dict[str, Body] = field(default_factory=dict)
    classes: dict[str, ClassParts] = field(default_factory=dict)
    imports: dict[str, Imported] = field(default_factory=dict)
    modules: dict[str, int] = field(default_factory=dict)
    variables: dict[str, frozenset[str]] = field(default_factory=dict)
    has_star: bool = False

    def has(self, name: str) -> bool:
        """True when the module can give something of this name."""
        tables: tuple[Mapping[str, object], ...] = (
            self.classes,
            self.functions,
            self.imports,
            self.variables,
        )
        return self.has_star or "__getattr__" in self.functions or any(name in one for one in tables)


@dataclass(frozen=True, slots=True)
class Place:
    """A function of a file, on behalf of a class: `self` is an object of that class."""

    module: str
    function: str
    receiver: tuple[str, str] | None = None


def module_parts(tree: ast.Module) -> ModuleParts:
    """Take a file apart."""
    parts = ModuleParts()
    _statements(tree.body, "", parts)
    for node in ast.walk(tree):
        _imports(node, parts)
    return parts


def _statements(body: Iterable[ast.stmt], owner: str, parts: ModuleParts) -> None:
    pending = deque((statement, owner) for statement in body)
    while pending:
        statement, name = pending.popleft()
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts.functions[f"{name}{statement.name}"] = _body([statement], statement.lineno)
            case ast.ClassDef():
                full = f"{name}{statement.name}"
                parts.classes[full] = _class(statement, full)
                pending.extend((inner, f"{full}.") for inner in statement.body)
            case ast.Assign(targets=targets, value=value) if not name:
                for target in targets:
                    if isinstance(target, ast.Name):
                        parts.variables[target.id] = _body([value], statement.lineno).plain
            case ast.AnnAssign(target=ast.Name(id=target_name), value=ast.expr() as value) if not name:
                parts.variables[target_name] = _body([value], statement.lineno).plain
            case ast.If() | ast.Try() | ast.TryStar() | ast.With() | ast.For() | ast.While():
                pending.extend((inner, name) for inner in _inner(statement))


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    for key in ("body", "orelse", "finalbody"):
        yield from getattr(statement, key, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body


def _class(node: ast.ClassDef, full: str) -> ClassParts:
    methods = frozenset(one.name for one in _all_functions(node.body))
    rest = [one for one in node.body if not isinstance(one, Function | ast.ClassDef)]
    metaclass = next((one.value for one in node.keywords if one.arg == "metaclass"), None)
    return ClassParts(
        full,
        node.lineno,
        tuple(text for base in node.bases if (text := _dotted(base)) is not None),
        _dotted(metaclass) if metaclass is not None else None,
        methods,
        _body(rest, node.lineno),
    )


def _all_functions(body: Iterable[ast.stmt]) -> Iterator[Function]:
    pending = deque(body)
    while pending:
        statement = pending.popleft()
        if isinstance(statement, Function):
            yield statement
        elif not isinstance(statement, ast.ClassDef):
            pending.extend(_inner(statement))


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Subscript):
        return _dotted(node.value)
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else None


def _body(nodes: Iterable[ast.AST], line: int) -> Body:
    plain: set[str] = set()
    own: set[str] = set()
    above: set[str] = set()
    of: set[tuple[str, str]] = set()
    methods: set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                (own.add(attribute) if name in _OWN else of.add((name, attribute)))
                plain.add(name)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=attribute):
                above.add(attribute)
            case ast.Attribute(attr=attribute):
                methods.add(attribute)
            case ast.Name(id=name):
                plain.add(name)
        pending.extend(_below(node))
    return Body(
        line, frozenset(plain), frozenset(own), frozenset(above), frozenset(of), frozenset(methods)
    )


def _below(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node, without what merely says of which type something is."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "ctx"):
            continue
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, ast.AST):
                yield one


def _imports(node: ast.AST, parts: ModuleParts) -> None:
    match node:
        case ast.ImportFrom(module=module, level=1, names=names):
            for alias in names:
                path = (module or alias.name).replace(".", "/")
                parts.modules.setdefault(path, node.lineno)
                given = alias.name if module else None
                parts.has_star |= alias.name == "*"
                parts.imports[alias.asname or alias.name] = Imported(path, given)
        case ast.ImportFrom(names=names):
            for alias in names:
                parts.has_star |= alias.name == "*"
                outer = Imported(None, f"{'.' * node.level}{node.module or ''}.{alias.name}")
                parts.imports.setdefault(alias.asname or alias.name, outer)
        case ast.Import(names=names):
            for alias in names:
                local = alias.asname or alias.name.partition(".")[0]
                parts.imports.setdefault(local, Imported(None, alias.name))


@dataclass(slots=True)
class Reached:
    """What runs, and for each place the one that led to it.

    Attributes:
        came_from: by place; None for what the loader calls itself.
        classes: (module, name) of the classes that are made.
        loose: attributes of objects whose class can't be told, and a place that asks for each.
        is_cut: a limit left places unvisited.
        names: (module, name) of what was followed already.
        steps: names and attributes that were looked up.
    """

    came_from: dict[Place, Place | None] = field(default_factory=dict)
    classes: dict[tuple[str, str], None] = field(default_factory=dict)
    loose: dict[str, Place] = field(default_factory=dict)
    is_cut: bool = False
    names: set[tuple[str, str]] = field(default_factory=set)
    steps: int = 0

    def way(self, place: Place) -> tuple[str, ...]:
        """The names of functions from what the loader calls to a place."""
        names: list[str] = []
        step: Place | None = place
        while step is not None and len(names) < _LONGEST_WAY:
            names.append(step.function)
            step = self.came_from[step]
        return tuple(reversed(names))


@dataclass(slots=True)
class CallGraph:
    """Files of one folder by the path of their module, and what leads to what in them."""

    modules: Mapping[str, ModuleParts]
    _lines: dict[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def reach(self, *waves: Iterable[Place]) -> Reached:
        """Follow every reference from some places on, nearest places first, one wave after the other."""
        found = Reached()
        for starts in waves:
            self._follow([(start, None) for start in starts], found)
        for _ in range(_MOST_ROUNDS):
            more = [
                (place, found.loose[place.function.rpartition(".")[2]])
                for where in found.classes
                for place in self.methods(*where)
                if place.function.rpartition(".")[2] in found.loose and place not in found.came_from
            ]
            if not more or found.is_cut:
                return found
            self._follow(more, found)
        found.is_cut = True
        return found

    def methods(self, module: str, name: str) -> Iterator[Place]:
        """Yield each method of a class and of its bases in these files, on behalf of that class."""
        told: set[str] = set()
        for owner, one in self._line(module, name):
            for method in sorted(self.modules[owner].classes[one].methods - told):
                told.add(method)
                yield Place(owner, f"{one}.{method}", (module, name))

    def defined(self, module: str, name: str) -> tuple[str, str] | None:
        """Return the file and name by which something is defined that a file knows by some name."""
        for _ in range(_MOST_BASES):
            parts = self.modules.get(module)
            if parts is None:
                return None
            if name in parts.classes or name in parts.functions:
                return module, name
            imported = parts.imports.get(name)
            if imported is None or imported.module is None or imported.name is None:
                return (module, name) if name in parts.variables else None
            module, name = imported.module, imported.name
        return None

    def _follow(self, pending_places: Iterable[tuple[Place, Place | None]], found: Reached) -> None:
        pending = deque(pending_places)
        while pending:
            place, came_from = pending.popleft()
            if place in found.came_from or place.function not in self.modules[place.module].functions:
                continue
            if len(found.came_from) >= _MOST_PLACES or found.steps > _MOST_STEPS:
                found.is_cut = True
                return
            found.came_from[place] = came_from
            pending.extend((after, place) for after in self._after(place, found))

    def _after(self, place: Place, found: Reached) -> Iterator[Place]:
        body = self.modules[place.module].functions[place.function]
        found.steps += 1 + len(body.own) + len(body.above) + len(body.plain)
        if place.receiver is not None:
            yield from self._of_receiver(place, place.receiver, body)
        yield from self._names(place.module, body.plain, found)
        for attribute in body.methods:
            found.loose.setdefault(attribute, place)
        for name, attribute in sorted(body.of):
            places = tuple(self._attribute(place.module, name, attribute))
            if not places and name not in self.modules[place.module].imports:
                found.loose.setdefault(attribute, place)
            yield from places

    def _of_receiver(self, place: Place, receiver: tuple[str, str], body: Body) -> Iterator[Place]:
        for attribute in sorted(body.own):
            yield from self._method(receiver, attribute, receiver)
        owner = self.modules[place.module].classes.get(place.function.rpartition(".")[0])
        for base in owner.bases if owner is not None else ():
            for attribute in sorted(body.above):
                yield from self._method((place.module, base.partition(".")[0]), attribute, receiver)

    def _names(self, module: str, names: Iterable[str], found: Reached) -> Iterator[Place]:
        pending = [(module, name) for name in sorted(names)]
        while pending:
            where = self.defined(*pending.pop())
            if where is None or where in found.names:
                continue
            found.names.add(where)
            parts = self.modules[where[0]]
            if where[1] in parts.functions:
                yield Place(*where)
            elif where[1] in parts.classes:
                found.classes[where] = None
                for attribute in _MAKING:
                    yield from self._method(where, attribute, where)
                pending += [(where[0], name) for name in sorted(parts.classes[where[1]].body.plain)]
            else:
                pending += [(where[0], name) for name in sorted(parts.variables.get(where[1], ()))]

    def _attribute(self, module: str, name: str, attribute: str) -> Iterator[Place]:
        """`Class.method` and `module.function`."""
        imported = self.modules[module].imports.get(name)
        if imported is not None and imported.name is None and imported.module in self.modules:
            yield Place(imported.module or "", attribute)
        where = self.defined(module, name)
        if where is not None and where[1] in self.modules[where[0]].classes:
            yield from self._method(where, attribute, where)

    def _line(self, module: str, name: str) -> tuple[tuple[str, str], ...]:
        if (module, name) not in self._lines:
            self._lines[module, name] = tuple(self._bases(module, name))
        return self._lines[module, name]

    def _bases(self, module: str, name: str) -> Iterator[tuple[str, str]]:
        """A class and its bases, as far as they are in these files."""
        pending, seen = deque([(module, name)]), set[tuple[str, str]]()
        while pending and len(seen) < _MOST_BASES:
            where = self.defined(*pending.popleft())
            if where is None or where in seen:
                continue
            seen.add(where)
            parts = self.modules[where[0]].classes.get(where[1])
            if parts is not None:
                yield where
                pending.extend((where[0], base.partition(".")[0]) for base in parts.bases)

    def _method(
        self, start: tuple[str, str], attribute: str, receiver: tuple[str, str]
    ) -> Iterator[Place]:
        for owner, one in self._line(*start):
            if attribute in self.modules[owner].classes[one].methods:
                yield Place(owner, f"{one}.{attribute}", receiver)
                return
