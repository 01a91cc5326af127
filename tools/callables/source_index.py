"""Read a package's source as syntax trees: its classes, its functions and what its names mean.

Nothing is imported or run. A dotted name is followed through the package's own re-exports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One source file: `names` maps a local name to the dotted name it was imported from."""

    name: str
    names: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Definition] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    """By qualname, nested classes included, classes made inside functions left out."""


class SourceIndex:
    """Modules of the packages below one site-packages directory, parsed when first asked for."""

    def __init__(self, site_packages: Path) -> None:
        self._root = site_packages
        self._modules: dict[str, Module | None] = {}

    def walk(self, package: str) -> Iterator[Module]:
        """Yield every module of `package`, tests left out, in the order of their names."""
        base = self._root / package.replace(".", "/")
        files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
        for file in files:
            parts = list(file.relative_to(self._root).with_suffix("").parts)
            if any(part in ("tests", "test", "testing", "conftest", "__main__") for part in parts):
                continue
            module = self.module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            if module is not None:
                yield module

    def module(self, name: str) -> Module | None:
        """Return a parsed module, or None when there is no such source file."""
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def find(self, dotted: str, depth: int = 8) -> tuple[Module, str] | None:
        """Return where a dotted name is defined, as (module, qualname); None when it is not ours."""
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = self.module(".".join(parts[:cut]))
            if module is None:
                continue
            qualname = ".".join(parts[cut:])
            if qualname in module.classes or qualname in module.functions:
                return module, qualname
            return self._reexported(module, parts[cut:], depth - 1) if depth else None
        return None

    def _reexported(self, module: Module, parts: list[str], depth: int) -> tuple[Module, str] | None:
        targets = [module.names[parts[0]]] if parts[0] in module.names else []
        targets += [f"{star}.{parts[0]}" for star in module.stars if not targets]
        for target in targets:
            found = self.find(".".join([target, *parts[1:]]), depth)
            if found:
                return found
        return None

    def _parse(self, name: str) -> Module | None:
        path = self._root / name.replace(".", "/")
        is_package = (path / "__init__.py").is_file()
        file = path / "__init__.py" if is_package else path.with_suffix(".py")
        if not file.is_file():
            return None
        module = Module(name)
        tree = ast.parse(file.read_bytes())
        _collect(tree.body, module, name if is_package else name.rpartition(".")[0])
        return module


def dotted_name(node: ast.expr) -> str | None:
    """Return `a.b.c` for an attribute chain; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted_name(node.value)
        return None if left is None else f"{left}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return dotted_name(node.value)
    return None


def meaning(module: Module, name: str) -> str:
    """Return the full dotted name of what `name` means at the top level of `module`."""
    head, dot, rest = name.partition(".")
    if head in module.names:
        return module.names[head] + dot + rest
    if head in module.classes or head in module.functions:
        return f"{module.name}.{name}"
    return name


def _collect(body: list[ast.stmt], module: Module, package: str) -> None:
    for node in body:
        match node:
            case ast.ClassDef():
                _collect_class(node, node.name, module)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                module.functions[node.name] = node
            case ast.Import():
                for alias in node.names:
                    head = alias.name.partition(".")[0]
                    module.names[alias.asname or head] = alias.name if alias.asname else head
            case ast.ImportFrom():
                source = _absolute(node, package)
                for alias in node.names:
                    if alias.name == "*":
                        module.stars.append(source)
                    else:
                        module.names[alias.asname or alias.name] = f"{source}.{alias.name}"
            case ast.Assign(targets=[ast.Name(id=alias_name)], value=ast.Name(id=value)):
                module.names.setdefault(alias_name, f"{module.name}.{value}")
            case ast.If() | ast.Try() | ast.With():
                _collect(node.body, module, package)
                _collect(getattr(node, "orelse", []), module, package)
                for handler in getattr(node, "handlers", []):
                    _collect(handler.body, module, package)


def _collect_class(node: ast.ClassDef, qualname: str, module: Module) -> None:
    module.classes[qualname] = node
    for inner in node.body:
        if isinstance(inner, ast.ClassDef):
            _collect_class(inner, f"{qualname}.{inner.name}", module)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base
