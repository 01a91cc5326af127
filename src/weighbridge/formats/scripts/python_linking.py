"""Several files of Python as one: what a file imports from its neighbours is put before it.

A value that is fetched in one file and run in another flows through neither. So the files are put
together, those that are imported first. Names of the module level get the name of their file before
them (`utils:run`), and whoever imported them refers to them by that name. Lines tell the file, too.
The result is there to be read, never to be run.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.formats.scripts.python_calls import Imported
from weighbridge.formats.scripts.python_moments import without_main

_STRIDE: Final = 10_000_000
"""More lines than any source that is read has."""
_HOPS: Final = 4
_MOST_FILES: Final = 40
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Linkable:
    """One file.

    Attributes:
        file: its name.
        tree: what it holds; it is changed.
        imports: by local name; modules are names of files.
    """

    file: str
    tree: ast.Module
    imports: Mapping[str, Imported]


@dataclass(frozen=True, slots=True)
class Linked:
    """The files as one."""

    tree: ast.Module
    files: tuple[str, ...]

    def place(self, line: int) -> tuple[str, int] | None:
        """Return the file and the line in it, for a line of the whole."""
        number = line // _STRIDE - 1
        return (self.files[number], line % _STRIDE) if 0 <= number < len(self.files) else None


def link(parts: Sequence[Linkable]) -> Linked:
    """Put files together; the first of them keeps its names.

    Args:
        parts: the file that is asked about, and those that it leads to.
    """
    parts = parts[:_MOST_FILES]
    prefixes = {one.file: f"{_stem(one.file)}:" if number else "" for number, one in enumerate(parts)}
    taken: set[str] = set()
    for file, prefix in prefixes.items():
        prefixes[file] = prefix if prefix not in taken else f"{file}:".replace(".", "_")
        taken.add(prefix)
    owned = {one.file: frozenset(_owned(one.tree.body)) for one in parts}
    names = _Names(prefixes, owned, {one.file: one.imports for one in parts})
    body: list[ast.stmt] = []
    for number, one in reversed(list(enumerate(parts))):
        statements = one.tree.body if number == 0 else without_main(one.tree.body)[0]
        renaming = _Renaming(names, one)
        for statement in statements:
            renamed = renaming.visit(statement)
            if isinstance(renamed, ast.stmt):
                _move(renamed, (number + 1) * _STRIDE)
                body.append(renamed)
    return Linked(ast.Module(body=body, type_ignores=[]), tuple(one.file for one in parts))


@dataclass(frozen=True, slots=True)
class _Names:
    """Where the names of all files come from."""

    prefixes: Mapping[str, str]
    owned: Mapping[str, frozenset[str]]
    imports: Mapping[str, Mapping[str, Imported]]

    def name(self, file: str, name: str) -> str | None:
        """Return what a name of a file is called in the whole; None when it isn't there."""
        for _ in range(_HOPS):
            if name in self.owned.get(file, ()):
                return self.prefixes[file] + name
            found = self.imports.get(file, {}).get(name)
            if found is None or found.module is None or found.name is None:
                return None
            file, name = found.module, found.name
        return None

    def module(self, file: str, name: str) -> str | None:
        """Return the file that a name of a file's module level stands for."""
        found = self.imports.get(file, {}).get(name)
        is_module = found is not None and found.name is None and found.module in self.prefixes
        return found.module if is_module and found is not None else None


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: _Names, part: Linkable) -> None:
        self._names = names
        self._file = part.file
        self._local: list[frozenset[str]] = []
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._at_level(node)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._renamed(node.id) or node.id
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and not self._is_local(node.value.id):
            module = self._names.module(self._file, node.value.id)
            name = self._names.name(module, node.attr) if module is not None else None
            if name is not None:
                return ast.copy_location(ast.Name(id=name, ctx=node.ctx), node)
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return self._without_files(node)

    def visit_Import(self, node: ast.Import) -> ast.AST:
        return self._without_files(node)

    def _without_files(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        """An import of the names that are not in the whole."""
        node.names = [one for one in node.names if not self._is_linked(one.asname or one.name)]
        return node if node.names else ast.copy_location(ast.Pass(), node)

    def _is_linked(self, local: str) -> bool:
        is_name = self._names.name(self._file, local) is not None
        return is_name or self._names.module(self._file, local) is not None

    def _function(self, node: _Function) -> ast.AST:
        self._at_level(node)
        self._local.append(frozenset(_bound(node)))
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        self._local.pop()
        return node

    def _at_level(self, node: _Function | ast.ClassDef) -> None:
        if self._depth == 0:
            node.name = self._renamed(node.name) or node.name

    def _renamed(self, name: str) -> str | None:
        return None if self._is_local(name) else self._names.name(self._file, name)

    def _is_local(self, name: str) -> bool:
        return any(name in one for one in self._local)


def _owned(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that the module level defines or gives values."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    yield from _stored(target)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for key in ("body", "orelse", "finalbody"):
                    yield from _owned(getattr(statement, key, ()))
                for handler in getattr(statement, "handlers", ()):
                    yield from _owned(handler.body)


def _stored(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _bound(function: _Function) -> Iterator[str]:
    """Names that are a function's own."""
    shared: set[str] = set()
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Global(names=names):
                shared.update(names)
    yield from found - shared


def _move(statement: ast.stmt, by: int) -> None:
    for node in ast.walk(statement):
        if isinstance(node, (ast.stmt, ast.expr, ast.ExceptHandler, ast.arg, ast.keyword)):
            node.lineno += by
            node.end_lineno = (node.end_lineno or node.lineno) + (by if node.end_lineno else 0)


def _stem(file: str) -> str:
    base = posixpath.basename(file).partition(".")[0]
    return base if base != "__init__" else posixpath.basename(posixpath.dirname(file)) or base
