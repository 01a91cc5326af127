"""Read the sources of Keras and its libraries out of wheels, as syntax trees: nothing is imported."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef

_NO_PART_OF_THE_LIBRARY = re.compile(r"(?:^|/|_)test|/tools/|/guides/|benchmarks|/api/")
_FIRST_TO_WRITE_MODULES = (2, 10)
"""Configurations of older releases of Keras name a class, and no module."""


@dataclass(frozen=True, slots=True)
class Release:
    """One wheel: the library's name, its version, and its modules by their dotted names."""

    library: str
    version: tuple[int, ...]
    modules: dict[str, ast.Module]

    @property
    def writes_modules(self) -> bool:
        """Whether a configuration that it wrote says of which module a class is."""
        return self.library not in ("keras", "tf_keras") or self.version >= _FIRST_TO_WRITE_MODULES

    def definitions(self) -> Iterator[tuple[str, Definition]]:
        """Yield (module, definition) of each class and function that stands at the top of a module."""
        for module, tree in self.modules.items():
            for statement in tree.body:
                if isinstance(statement, Definition):
                    yield module, statement


def read_releases(folder: Path, libraries: tuple[str, ...]) -> list[Release]:
    """Return the releases of the libraries, in their order and by version.

    Raises:
        SystemExit: there is no wheel of one of them.
    """
    releases = [_read(wheel) for wheel in folder.glob("*.whl") if _library(wheel) in libraries]
    if missing := set(libraries) - {release.library for release in releases}:
        raise SystemExit(f"{folder}: no wheel of {', '.join(sorted(missing))}")
    return sorted(releases, key=lambda release: (libraries.index(release.library), release.version))


def exported(definition: Definition) -> set[str]:
    """Return the dotted names that `@keras_export` and its like give a definition."""
    names: set[str] = set()
    for decorator in definition.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called.endswith(
                "_export"
            ):
                names |= set(_texts(decorator))
    return names


def _library(wheel: Path) -> str:
    return wheel.name.partition("-")[0].lower()


def _read(wheel: Path) -> Release:
    version = tuple(int(part) for part in wheel.name.split("-")[1].split("."))
    with zipfile.ZipFile(wheel) as archive:
        sources = [
            name
            for name in archive.namelist()
            if name.endswith(".py") and not _NO_PART_OF_THE_LIBRARY.search(name)
        ]
        modules = {_module(name): ast.parse(archive.read(name)) for name in sources}
    return Release(_library(wheel), version, modules)


def _module(source: str) -> str:
    """Return the dotted name of a file of a wheel; tf_keras is what `keras` was before 3.0."""
    dotted = source.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return re.sub(r"^tf_keras(?=\.|$)", "keras", dotted)


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Constant(value=str(text)):
                yield text
