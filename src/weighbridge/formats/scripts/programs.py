"""Read a program whose language nobody names: Python where it parses as such, else a command line."""

from __future__ import annotations

import ast
import re

from weighbridge.formats.scripts.facts import ScriptFacts
from weighbridge.formats.scripts.python_source import parse, read_python
from weighbridge.formats.scripts.shell import read_shell

_ACTS = (ast.Call, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
_PYTHON = re.compile(
    r"^[ \t]*(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b|def[ \t]+\w+[ \t]*\(|class[ \t]+\w+"
    r"|exec[ \t]*[(\"']|print[ \t]*[\"'(]|[\w.]+[ \t]*=[^=]|__import__)",
    re.MULTILINE,
)


def read_program(text: str) -> ScriptFacts:
    """Facts of any text, in the language that it is most likely written in."""
    return read_python(text) if is_python(text) else read_shell(text)


def is_python(text: str) -> bool:
    """True when the text parses as Python that does something, or has lines as only Python has."""
    tree = parse(text)
    if tree is None:
        return _PYTHON.search(text) is not None
    return any(isinstance(node, _ACTS) for node in ast.walk(tree))
