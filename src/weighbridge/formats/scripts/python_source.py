"""Read what Python source would do: calls with their literal arguments, imports, names, strings.

Nothing runs, and no text costs more than its size allows: tokens and nesting are counted before the
parser sees them. What the parser refuses is read loosely, and said to be incomplete.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings

from weighbridge.formats.scripts.facts import ScriptFacts
from weighbridge.formats.scripts.python_loose import read_loosely
from weighbridge.formats.scripts.python_tokens import shape
from weighbridge.formats.scripts.python_walk import Walk

_CHARS = 2 << 20
_TOKENS = 200_000
_BRACKETS = 60
_INDENTS = 60
_SHOWN = 4096
_PRINT = re.compile(
    r"^([ \t]*|.*?[:;][ \t]*)(print|exec)[ \t]+(?![ \t=(.,)\]}+*/%<>&|^-])([^\n;]+)", re.MULTILINE
)
_EXCEPT = re.compile(r"^([ \t]*except[ \t]+[\w.()\x20,]+?),[ \t]*(\w+)[ \t]*:", re.MULTILINE)


def read_python(text: str) -> ScriptFacts:
    """Facts of any text, as Python of today where that is possible, else of Python 2, else loosely."""
    cut = text[:_CHARS].replace("\0", "")
    tree = parse(cut) or parse(_modernised(cut))
    if tree is None:
        facts = read_loosely(cut)
        return _with_text(facts, cut, is_complete=False)
    walk = Walk()
    walk.read(tree)
    return _with_text(walk.facts(), cut, is_complete=not walk.is_cut and len(text) <= _CHARS)


def parse(text: str) -> ast.Module | None:
    """The syntax tree; None when there is none, or when it would be too large to build."""
    measured = shape(text, _TOKENS)
    if measured.tokens > _TOKENS or measured.brackets > _BRACKETS or measured.indents > _INDENTS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for attempt in (text, textwrap.dedent(text).strip()):
            try:
                return ast.parse(attempt)
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                continue
    return None


def is_beyond_limits(text: str) -> bool:
    """True for a text that may be Python though `parse` gave nothing: it is too long or too deep."""
    measured = shape(text, _TOKENS)
    if measured.tokens > _TOKENS or measured.brackets > _BRACKETS or measured.indents > _INDENTS:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (MemoryError, RecursionError):
            return True
        except (SyntaxError, ValueError):
            return False
    return False


def _modernised(text: str) -> str:
    """The statements of Python 2 in the words of Python 3."""
    return _EXCEPT.sub(r"\1 as \2:", _PRINT.sub(r"\1\2(\3)", text))


def _with_text(facts: ScriptFacts, text: str, *, is_complete: bool) -> ScriptFacts:
    return ScriptFacts(
        calls=facts.calls,
        imports=facts.imports,
        references=facts.references,
        strings=facts.strings,
        is_complete=is_complete and facts.is_complete,
        text=text[:_SHOWN],
    )
