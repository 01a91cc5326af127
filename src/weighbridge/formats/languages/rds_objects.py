"""What an R object is made of, as far as it can run: vectors of numbers are not kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto


class SexpType(IntEnum):
    """Type codes of a stream. Source: src/main/serialize.c and Rinternals.h of R."""

    SYMBOL = 1
    PAIRLIST = 2
    CLOSURE = 3
    ENVIRONMENT = 4
    PROMISE = 5
    LANGUAGE = 6
    SPECIAL = 7
    BUILTIN = 8
    CHARACTERS = 9
    LOGICAL = 10
    INTEGER = 13
    REAL = 14
    COMPLEX = 15
    STRINGS = 16
    DOTS = 17
    LIST = 19
    EXPRESSION = 20
    BYTECODE = 21
    POINTER = 22
    WEAK_REFERENCE = 23
    RAW = 24
    OBJECT = 25
    ALTREP = 238
    ATTRIBUTED_PAIRLIST = 239
    ATTRIBUTED_LANGUAGE = 240
    BASE_ENVIRONMENT = 241
    EMPTY_ENVIRONMENT = 242
    BYTECODE_REFERENCE = 243
    BYTECODE_DEFINITION = 244
    PERSISTENT = 247
    PACKAGE = 248
    NAMESPACE = 249
    BASE_NAMESPACE = 250
    MISSING_ARGUMENT = 251
    UNBOUND_VALUE = 252
    GLOBAL_ENVIRONMENT = 253
    NULL = 254
    REFERENCE = 255


class Kind(Enum):
    """What a node is for whoever looks for code."""

    DATA = auto()
    """Numbers, raw bytes, NULL, a missing argument: nothing in it runs."""
    UNBOUND = auto()
    """No value yet: of a promise, that its expression has not run."""
    STRINGS = auto()
    SYMBOL = auto()
    PAIR = auto()
    CALL = auto()
    CLOSURE = auto()
    PROMISE = auto()
    ENVIRONMENT = auto()
    LIST = auto()
    BYTECODE = auto()
    PRIMITIVE = auto()
    PLACE = auto()
    """A package, a namespace, or a reference that the loader resolves by name."""
    ALTREP = auto()
    """A compact vector that a registered class rebuilds; its class is `text`."""


@dataclass(slots=True, eq=False)
class Sexp:
    """One node. Environments make the graph cyclic.

    Attributes:
        text: name of a symbol, primitive, package or ALTREP class.
        strings: the first 64 strings of a character vector, each cut at 4 KiB.
        tag: of a pair or call its name; of a closure or promise its environment.
        head: of a pair or call its first element; of a closure its arguments; of a promise its
            value; of an environment its enclosure.
        tail: of a pair or call the rest; of a closure its body; of a promise its expression; of an
            environment its frame.
        items: elements of a list or of an environment's hash table, constants of byte code.
        is_active: a binding that calls its function whenever it is read.
    """

    kind: Kind
    text: str = ""
    strings: tuple[str, ...] = ()
    attributes: Sexp | None = None
    tag: Sexp | None = None
    head: Sexp | None = None
    tail: Sexp | None = None
    items: list[Sexp] = field(default_factory=list)
    is_active: bool = False


DATA = Sexp(Kind.DATA)
UNBOUND = Sexp(Kind.UNBOUND)
"""Shared by all nodes that hold nothing."""
