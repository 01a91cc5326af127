"""Find every name that a pickled `module` and `name` may really mean, without importing anything.

A loader renames (`fix_imports`), walks dots (`random` + `_os.system`), and finds the same function
under internal twins. Judging the spelling alone is how scanners are passed by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weighbridge.knowledge.callable_tables import read_rows

Pair = tuple[str, str]

MAX_COMPONENTS = 32
"""Dotted names with more parts than this are judged by their length alone."""


@dataclass(frozen=True, slots=True)
class Renames:
    """Renames of unpicklers and other names of modules."""

    names: dict[Pair, Pair]
    """Python 2 (module, name) to its Python 3 pair."""
    modules: dict[str, str]
    """Python 2 module to its Python 3 name."""
    old_names: dict[Pair, tuple[Pair, ...]]
    """`names` the other way."""
    old_modules: dict[str, tuple[str, ...]]
    """`modules` the other way."""
    components: dict[str, str]
    """An attribute of this name is that module, whichever module it hangs on."""
    paths: dict[str, str]
    """A dotted path that stands for another."""

    @classmethod
    def load(cls, directory: Path) -> Renames:
        """Read `python2.tsv` and `twins.tsv`.

        Raises:
            WeighbridgeError: a table is missing or breaks the format.
        """
        names: dict[Pair, Pair] = {}
        modules: dict[str, str] = {}
        for old_module, old_name, module, name in read_rows(directory / "python2.tsv", columns=4):
            if old_name == "*":
                modules[old_module] = module
            else:
                names[old_module, old_name] = (module, name)
        twins: dict[str, dict[str, str]] = {"component": {}, "path": {}}
        for kind, name, module in read_rows(directory / "twins.tsv", columns=3):
            twins[kind][name] = module
        return cls(names, modules, _inverse(names), _inverse(modules), twins["component"], twins["path"])

    def reached(self, module: str, name: str, *, protocol: int) -> Pair:
        """Return the pair that CPython's unpickler looks up: renamed below protocol 3."""
        return self.renamed(module, name) if protocol < 3 else (module, name)

    def renamed(self, module: str, name: str) -> Pair:
        """Return the Python 3 pair of a Python 2 one; any other pair as it is."""
        if (module, name) in self.names:
            return self.names[module, name]
        return self.modules.get(module, module), name

    def spellings(self, module: str, name: str) -> Iterator[list[str]]:
        """Yield every dotted path that the pair may stand for, the most telling first."""
        pairs = [self.renamed(module, name), (module, name), *self.old_names.get((module, name), ())]
        pairs += [(old, name) for old in self.old_modules.get(module, ())]
        for pair in dict.fromkeys(pairs):
            parts = f"{pair[0]}.{pair[1]}".split(".")
            yield from self._twins(parts)
            yield parts

    def walks(self, name: str) -> Iterator[list[str]]:
        """Yield the paths that begin at a component of a dotted `name`, underscores taken off.

        `("random", "_os.system")` gives `os.system`. A name without dots gives nothing.
        """
        parts = name.split(".")
        for start, part in enumerate(parts[:-1]):
            bare = part.lstrip("_")
            target = self.components.get(bare)
            if target is not None:
                yield [target, *parts[start + 1 :]]
            yield parts[start:]
            if bare and bare != part:
                yield [bare, *parts[start + 1 :]]

    def _twins(self, parts: list[str]) -> Iterator[list[str]]:
        for cut in (1, 2):
            twin = self.paths.get(".".join(parts[:cut]))
            if twin is not None:
                yield [*twin.split("."), *parts[cut:]]
        for start in range(len(parts) - 1):
            if parts[start] == "six":
                yield from self._six(parts[start:])

    def _six(self, parts: list[str]) -> Iterator[list[str]]:
        """Read `six.moves.NAME`; every library carries a copy of six, which is the same one."""
        if parts[1] == "moves" and len(parts) > 2:
            moved = self.paths.get(".".join(parts[:3]))
            if moved is not None:
                yield moved.split(".") + parts[3:]
            yield self.modules.get(parts[2], parts[2]).split(".") + parts[3:]
            yield parts[2:]
        yield parts


def is_dunder(part: str) -> bool:
    """True for `__name__`: an attribute that Python itself gives meaning to."""
    return len(part) > 4 and part.startswith("__") and part.endswith("__")


def oddity(module: str, name: str) -> str | None:
    """Return what is wrong with the spelling, or None for plain dotted ASCII identifiers."""
    text = f"{module}.{name}"
    if not module or not name:
        return "an empty module or name"
    if not text.isascii():
        letters = any("a" <= char.lower() <= "z" for char in text)
        return "letters of several scripts: a look-alike" if letters else "not ASCII"
    if not all(part.isidentifier() for part in text.split(".")):
        return "not an identifier"
    return None


K = TypeVar("K")
V = TypeVar("V")


def _inverse(table: dict[K, V]) -> dict[V, tuple[K, ...]]:
    inverse: dict[V, tuple[K, ...]] = {}
    for key, value in table.items():
        inverse[value] = (*inverse.get(value, ()), key)
    return inverse
