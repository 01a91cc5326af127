"""Python expressions in configurations: MONAI's `$...` and resolvers such as `${eval:...}`.

They are evaluated when the configuration is used. Most of them join paths and multiply numbers.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping

from weighbridge.analyzers.configuration.target_weights import (
    RUNS_WHAT_IT_IS_GIVEN,
    Weight,
    weigh_target,
)
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.code_names import installed_code_names

_LONGEST = 20_000
_MOST_NAMES = 1_000


def harmful_names(
    text: str, knowledge: CallableKnowledge, imported: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the names that an expression uses and that run code or programs; () for no Python.

    What is not Python fails where it is evaluated, before anything in it has run.

    Args:
        text: an expression, or statements.
        knowledge: the tables of callables.
        imported: what other expressions of the same file have imported, as `imports_of` gives it.
    """
    tree = _parsed(text)
    if tree is None:
        return ()
    imported = {**(imported or {}), **dict(_imports(tree))}
    found: dict[str, None] = {}
    for number, name in enumerate(_names(tree)):
        if number >= _MOST_NAMES:
            break
        first, dot, rest = name.partition(".")
        full = imported.get(first, first) + dot + rest
        if _runs(full, knowledge):
            found[full] = None
    return tuple(found)


def imports_of(text: str) -> dict[str, str]:
    """Return what a text imports: the name that it binds, and the dotted name that it stands for."""
    tree = _parsed(text) if "import" in text else None
    return {} if tree is None else dict(_imports(tree))


def _parsed(text: str) -> ast.AST | None:
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence", said of what is scanned
            return ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else (alias.name.partition(".")[0]),
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield dotted names: whole chains where they are called or passed on, and bare names."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            step: ast.expr = node
            while isinstance(step, ast.Attribute):
                parts.append(step.attr)
                inner.add(id(step))
                step = step.value
            if isinstance(step, ast.Name):
                inner.add(id(step))
                yield ".".join((step.id, *reversed(parts)))
            elif any(part.startswith("__") for part in parts):
                yield ".".join(("object", *reversed(parts)))
        elif isinstance(node, ast.Name):
            yield node.id


def _runs(name: str, knowledge: CallableKnowledge) -> bool:
    if any(part in ("__globals__", "__subclasses__", "__builtins__") for part in name.split(".")):
        return True
    meaning = installed_code_names().find(name) if "." in name else None
    if meaning is not None:
        return meaning.capability in RUNS_WHAT_IT_IS_GIVEN
    return weigh_target(name, knowledge).weight is Weight.RUNS
