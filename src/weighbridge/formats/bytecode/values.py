"""What marshal data and code objects are made of, as plain data.

Laws: a value may share parts with itself (marshal has references), so whoever walks one counts
its steps; nothing here is hashed, compared or printed as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeAlias, Union

Version = tuple[int, int]
"""(3, 11): the release that a table of instructions belongs to."""


class Layout(StrEnum):
    """The fields of a code object, in the order in which marshal writes them. Four have existed."""

    PYTHON2 = "2.7"
    KEYWORD_ONLY = "3.0-3.7"
    POSITIONAL_ONLY = "3.8-3.10"
    LOCALS_PLUS = "3.11+"


class Atom(Enum):
    """Values that are themselves and nothing more."""

    ELLIPSIS = "..."
    STOP_ITERATION = "StopIteration"
    RECURSION = "a container inside itself"
    HUGE_INTEGER = "an integer of more than 30,000 bits"
    COMPUTED = "the result of a call"
    """Only in code objects that a pickle spells out: a constant that is made by a call."""


class Kind(StrEnum):
    """Containers other than tuples."""

    LIST = "list"
    SET = "set"
    FROZENSET = "frozenset"
    DICT = "dict"
    """Keys and values in turn."""
    SLICE = "slice"
    """Start, stop, step."""


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    kind: Kind
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CodeObject:
    """One compiled function, class body or module.

    Attributes:
        qualname: None before Python 3.11.
        constants: nested functions and classes are code objects among them.
        local_names: what the indices of fast locals mean: `varnames`, and from 3.11 on cells and
            free variables behind them.
        version: the release, where something says it; None for bare marshal data.
    """

    name: str
    qualname: str | None
    filename: str
    first_line: int
    names: tuple[str, ...]
    varnames: tuple[str, ...]
    freevars: tuple[str, ...]
    cellvars: tuple[str, ...]
    local_names: tuple[str, ...]
    constants: tuple[Value, ...]
    code: bytes
    layout: Layout
    version: Version | None = None

    @property
    def title(self) -> str:
        """The name as people know it."""
        return self.qualname or self.name

    @property
    def deref_names(self) -> tuple[str, ...]:
        """What the indices of LOAD_DEREF mean."""
        if self.layout is Layout.LOCALS_PLUS:
            return self.local_names
        return self.cellvars + self.freevars


Value: TypeAlias = Union[
    bool, int, float, complex, str, bytes, Atom, "tuple[Value, ...]", Container, CodeObject, None
]


def is_layout_of(layout: Layout, version: Version) -> bool:
    """True when that release writes that layout."""
    return layout_of(version) is layout


def layout_of(version: Version) -> Layout:
    """The layout that a release writes."""
    if version < (3, 0):
        return Layout.PYTHON2
    if version < (3, 8):
        return Layout.KEYWORD_ONLY
    return Layout.POSITIONAL_ONLY if version < (3, 11) else Layout.LOCALS_PLUS
