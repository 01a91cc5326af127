"""Source trees as a program: modules, classes, functions, and what their names mean.

Nothing is imported. Files are parsed; both branches of a condition count, so platforms, optional
dependencies and `TYPE_CHECKING` imports are all there.
"""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from values import NOTHING, Value, join, one

_DEEPEST_IMPORT = 16
_LARGEST_FILE = 4_000_000
_BUILTINS = frozenset(dir(__builtins__) if not isinstance(__builtins__, dict) else __builtins__)


@dataclass(slots=True)
class Unit:
    """A function, a method or the body of a module, with what is known of it so far.

    Attributes:
        name: `package.module.Class.method`.
        owner: name of the class, for methods.
        nodes: its definitions; several when branches of a condition each have one.
        parameters: positional ones, then keyword-only ones, then `*` and `**`, by name.
        reaches: (capability, is it steered by an argument) -> (distance, next hop, parameters).
        result: what it returns; the bits are parameters whose value goes there.
        self_calls: methods called on the own first parameter -> parameters that reach them.
        called: parameters that are called.
        given: classes that callers of its own library hand to a parameter, while they are few.
        stores: attributes of the own first parameter -> parameters whose value goes there.
        unresolved: calls of which nothing is known.
    """

    name: str
    module: str
    owner: str | None
    nodes: list[ast.AST]
    parameters: tuple[str, ...] = ()
    positional: int = 0
    star: int = -1
    double_star: int = -1
    kind: str = "function"
    reaches: dict = field(default_factory=dict)
    result: Value = NOTHING
    self_calls: dict[str, int] = field(default_factory=dict)
    called: int = 0
    stores: dict[str, int] = field(default_factory=dict)
    given: dict[int, frozenset] = field(default_factory=dict)
    unresolved: int = 0
    evaluations: int = 0


@dataclass(slots=True)
class Class:
    name: str
    module: str
    bases: list[ast.expr]
    decorators: list[ast.expr]
    metaclass: ast.expr | None
    body: list[ast.stmt]
    env: dict[str, Value] = field(default_factory=dict)
    """Methods, nested classes and other class attributes; attributes of instances as well."""
    properties: set[str] = field(default_factory=set)
    lineage: tuple[str, ...] | None = None
    foreign: tuple[str, ...] = ()
    """Bases without source, by dotted name."""


@dataclass(slots=True)
class Module:
    name: str
    is_package: bool
    library: str
    env: dict[str, Value] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    tree: ast.Module | None = None


class Program:
    """Everything read so far. Libraries are added one after the other; later ones see earlier ones."""

    def __init__(self, sinks: frozenset[str] = frozenset()) -> None:
        self._sinks = sinks
        self.modules: dict[str, Module] = {}
        self.classes: dict[str, Class] = {}
        self.units: dict[str, Unit] = {}
        self.readers: dict[object, set[str]] = defaultdict(set)
        """Name of a unit, or of a variable or attribute -> units whose summary rests on it."""
        self.changed: set[object] = set()
        self.class_names: dict[int, str] = {}
        """Identity of a class statement -> name of the class, in the library that is being read."""
        self._attributes: dict[tuple[str, str, str | None], Value] = {}
        self.methods: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """Method name -> (class, unit) in the library that is being read."""

    def add_library(self, library: str, files: Iterator[tuple[str, bool, Path]]) -> list[str]:
        """Parse the files (module name, is a package, path) and return the names of their units."""
        self.methods.clear()
        self.class_names.clear()
        before = set(self.units)
        for name, is_package, path in files:
            if name in self.modules or path.stat().st_size > _LARGEST_FILE:
                continue
            tree = parse(path)
            if tree is not None:
                self.modules[name] = Module(name, is_package, library, tree=tree)
                self._declare(self.modules[name], tree.body, name, None)
                body = Unit(f"{name}.<module>", name, None, [tree], kind="module")
                self.units[body.name] = body
        return [name for name in self.units if name not in before]

    def forget_trees(self) -> None:
        """Keep summaries, drop syntax."""
        for unit in self.units.values():
            unit.nodes = []
        for module in self.modules.values():
            module.tree = None
        for found in self.classes.values():
            found.body = []
        self.readers.clear()
        self.changed.clear()
        self._attributes.clear()

    def _declare(self, module: Module, body: list[ast.stmt], prefix: str, owner: str | None) -> None:
        for node in statements(body):
            if isinstance(node, ast.ClassDef):
                self._declare_class(module, node, f"{prefix}.{node.name}", owner)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._declare_function(module, node, f"{prefix}.{node.name}", owner)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._declare_function(module, node.value, f"{prefix}.{target.id}", owner)
            elif owner is None and isinstance(node, (ast.Import, ast.ImportFrom)):
                self.bind_import(module, node, module.env)

    def _declare_class(self, module: Module, node: ast.ClassDef, name: str, owner: str | None) -> None:
        metaclass = next((k.value for k in node.keywords if k.arg == "metaclass"), None)
        made = Class(name, module.name, node.bases, node.decorator_list, metaclass, node.body)
        if name in self.classes:  # another branch of a condition: both count
            self.classes[name].bases = [*self.classes[name].bases, *node.bases]
            made = self.classes[name]
        self.classes[name] = made
        self.class_names[id(node)] = name
        where = module.env if owner is None else self.classes[owner].env
        where[node.name] = join(where.get(node.name, NOTHING), one("c", name))
        self._declare(module, node.body, name, name)

    def _declare_function(
        self, module: Module, node: ast.FunctionDef | ast.Lambda, name: str, owner: str | None
    ) -> None:
        own_name = name.rpartition(".")[2]
        unit = self.units.get(name)
        if unit is None:
            unit = self.units[name] = Unit(name, module.name, owner, [])
            set_parameters(unit, node.args)
        unit.nodes.append(node)
        unit.kind = _kind(node, unit.kind) if owner is not None else "function"
        where = module.env if owner is None else self.classes[owner].env
        where[own_name] = join(where.get(own_name, NOTHING), one("f", name))
        if owner is not None:
            self.methods[own_name].append((owner, name))
            if unit.kind == "property":
                self.classes[owner].properties.add(own_name)

    def bind_import(
        self, module: Module, node: ast.Import | ast.ImportFrom, env: dict[str, Value]
    ) -> None:
        """Put what an import statement binds into `env`."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                bound = alias.asname or name
                env[bound] = join(env.get(bound, NOTHING), one("m", name))
            return
        base = absolute(module, node)
        for alias in node.names:
            if alias.name == "*":
                if base not in module.stars:
                    module.stars.append(base)
                continue
            bound = alias.asname or alias.name
            if env.get(bound, NOTHING)[0] and base == module.name:
                continue  # `from . import x` beside an x of its own
            env[bound] = join(env.get(bound, NOTHING), one("l", (base, alias.name)))

    # What names mean.

    def global_name(self, module: Module, name: str, depth: int = _DEEPEST_IMPORT) -> Value:
        """Return what a name means at the top level of a module; builtins come last."""
        found = self._in_module(module, name, depth)
        if found is not NOTHING:
            return found
        if name in _BUILTINS:
            return one("x", f"builtins.{name}")
        for star in module.stars:
            if star not in self.modules:
                return one("x", f"{star}.{name}")
        return NOTHING

    def module_attribute(self, module_name: str, name: str, depth: int = _DEEPEST_IMPORT) -> Value:
        """Return what `module.name` is."""
        module = self.modules.get(module_name)
        if module is None:
            dotted = f"{module_name}.{name}"
            return one("m", dotted) if dotted in self.modules else one("x", dotted)
        found = self._in_module(module, name, depth)
        if found is not NOTHING:
            return found
        if f"{module_name}.{name}" in self._sinks:  # `FunctionType = type(_f)`
            return one("x", f"{module_name}.{name}")
        if f"{module_name}.{name}" in self.modules:
            return one("m", f"{module_name}.{name}")
        for star in module.stars:
            if star not in self.modules:
                return one("x", f"{star}.{name}")
        return NOTHING

    def _in_module(self, module: Module, name: str, depth: int) -> Value:
        if depth <= 0:
            return NOTHING
        found = module.env.get(name)
        if found is not None and found[0]:
            resolved = self.resolved(found, depth - 1)
            if resolved[0]:
                module.env[name] = resolved
                return resolved
        for star in module.stars:
            if star in self.modules and star != module.name and not name.startswith("__"):
                found = self._in_module(self.modules[star], name, depth - 4)
                if found is not NOTHING:
                    return found
        return NOTHING if module.env.get(name) is None else module.env[name]

    def resolved(self, value: Value, depth: int = _DEEPEST_IMPORT) -> Value:
        """Look up the imports among the references."""
        if not any(kind == "l" for kind, _ in value[0]):
            return value
        found: Value = (frozenset(r for r in value[0] if r[0] != "l"), value[1])
        for kind, name in value[0]:
            if kind == "l":
                found = join(found, self.module_attribute(name[0], name[1], depth))
        return found

    # Classes.

    def lineage(self, name: str) -> tuple[str, ...]:
        """Return the class and its bases with source, nearest first."""
        found = self.classes[name]
        if found.lineage is None:
            found.lineage = (name,)  # a cycle ends here
            order, foreign = [name], []
            for base in found.bases:
                self._add_base(found, base, order, foreign)
            found.lineage, found.foreign = tuple(dict.fromkeys(order)), tuple(dict.fromkeys(foreign))
        return found.lineage

    def _add_base(self, found: Class, base: ast.expr, order: list[str], foreign: list[str]) -> None:
        for kind, target in self.evaluate_name(found.module, base)[0]:
            if kind == "c" and target in self.classes:
                order.extend(self.lineage(target))
                foreign.extend(self.classes[target].foreign)
            elif kind in "xm":
                foreign.append(target)

    def evaluate_name(self, module: str, node: ast.expr) -> Value:
        """Return what a dotted name means at the top level of a module; NOTHING for the rest."""
        if isinstance(node, ast.Name):
            return self.global_name(self.modules[module], node.id)
        if isinstance(node, ast.Subscript):
            return self.evaluate_name(module, node.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            return self.global_name(self.modules[module], node.value)
        if isinstance(node, ast.Attribute):
            value = NOTHING
            for kind, name in self.evaluate_name(module, node.value)[0]:
                if kind == "m":
                    value = join(value, self.module_attribute(name, node.attr))
                elif kind == "c" and name in self.classes:
                    value = join(value, self.class_attribute(name, node.attr))
                elif kind == "x":
                    value = join(value, one("x", f"{name}.{node.attr}"))
            return value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return join(self.evaluate_name(module, node.left), self.evaluate_name(module, node.right))
        return NOTHING

    def class_attribute(self, name: str, attribute: str, *, behind: str | None = None) -> Value:
        """Return an attribute of a class, looked up in its bases; `behind` skips up to that base."""
        key = (name, attribute, behind)
        if key not in self._attributes:
            self._attributes[key] = self._class_attribute(name, attribute, behind)
        return self._attributes[key]

    def note_change(self, key: object) -> None:
        """Remember that a variable or an attribute may be more than it was."""
        self.changed.add(key)
        self._attributes.clear()

    def _class_attribute(self, name: str, attribute: str, behind: str | None) -> Value:
        skipping = behind is not None
        for base in self.lineage(name):
            if not skipping and attribute in self.classes[base].env:
                found = self.resolved(self.classes[base].env[attribute])
                if found is not NOTHING:
                    return found
            skipping = skipping and base != behind
        foreign = self.classes[name].foreign
        return one("x", f"{foreign[0]}.{attribute}") if foreign else NOTHING

    def is_property(self, name: str, attribute: str) -> bool:
        for base in self.lineage(name):
            if attribute in self.classes[base].env:
                return attribute in self.classes[base].properties
        return False


def parse(path: Path) -> ast.Module | None:
    """Return the syntax tree, or None for what this Python cannot parse (templates, Python 2)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, those inside of conditions, loops and tries as well."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from statements(handler.body)


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the module that a `from` import names, dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts if module.is_package else parts[:-1]
    parts = parts[: len(parts) - (node.level - 1)]
    return ".".join([*parts, node.module] if node.module else parts)


def set_parameters(unit: Unit, arguments: ast.arguments) -> None:
    """Number the parameters of a unit by its signature."""
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    names = [*positional, *(a.arg for a in arguments.kwonlyargs)]
    unit.positional = len(positional)
    if arguments.vararg:
        unit.star = len(names)
        names.append(arguments.vararg.arg)
    if arguments.kwarg:
        unit.double_star = len(names)
        names.append(arguments.kwarg.arg)
    unit.parameters = tuple(names)


def _kind(node: ast.FunctionDef, before: str) -> str:
    for decorator in getattr(node, "decorator_list", ()):
        name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
        if name == "staticmethod":
            return "static"
        if name == "classmethod":
            return "class"
        if name in ("setter", "getter", "deleter") or "property" in name:
            return "property"
    return before if before == "property" else "method"
