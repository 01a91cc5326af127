"""Laws of the source itself that no linter holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LONGEST = 500
RUNS_CODE = {"__import__", "compile", "eval", "exec"}


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield str(path.relative_to(ROOT / "src" / "weighbridge")), node


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id == "Exception"
    )


def test_no_module_is_longer_than_the_limit() -> None:
    assert {str(path.name): _lines(path) for path in SOURCES if _lines(path) > LONGEST} == {}


def test_every_exception_is_caught_in_one_place_only() -> None:
    places = [
        name
        for name, node in _nodes()
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]
    assert places == ["engine/tree.py"]


def test_nothing_calls_what_runs_code() -> None:
    calls = [
        (name, node.func.id)
        for name, node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert calls
    assert [call for call in calls if call[1] in RUNS_CODE] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_module_says_why_it_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))
