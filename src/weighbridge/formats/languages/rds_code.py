"""Find the code in an R object, and when it runs: on first use, on each read, or when it is called.

Reading an object runs nothing by itself. A promise without a value runs its expression when it is
first looked at (CVE-2024-27322), an active binding on each look, and a term of a formula when the
model predicts. A closure waits for somebody to call it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final

from weighbridge.formats.languages.rds import RdsFile
from weighbridge.formats.languages.rds_objects import UNBOUND, Kind, Sexp


class Place(Enum):
    """What makes the code run. The value is for people."""

    TOP_PROMISE = "a promise that is the object itself"
    PROMISE = "a promise inside of the object"
    ACTIVE_BINDING = "an active binding"
    STARTUP = "a function that R calls by itself when it starts or ends"
    FORMULA = "a term of a formula"
    CLOSURE = "a function"
    LANGUAGE = "an expression that is kept as data"
    EVALUATED = "a lazy argument that has its value already"


@dataclass(frozen=True, slots=True)
class RCall:
    """One function that code calls or names.

    Attributes:
        name: without its package.
        node: the call itself, for `deparse`.
        route: where it is: names of list elements and bindings.
    """

    name: str
    package: str
    place: Place
    node: Sexp
    route: str


@dataclass(frozen=True, slots=True)
class Unevaluated:
    """A promise whose expression holds a call and has not run."""

    place: Place
    text: str
    route: str


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A vector whose bytes are those of a file of the machine that loads it."""

    class_name: str
    paths: tuple[str, ...]
    route: str


@dataclass(frozen=True, slots=True)
class Startup:
    """A function under a name that R calls by itself."""

    name: str
    route: str


RFact = RCall | Unevaluated | MappedFile | Startup

_SELF_RUNNING: Final = frozenset(
    {Place.TOP_PROMISE, Place.PROMISE, Place.ACTIVE_BINDING, Place.STARTUP, Place.FORMULA}
)
_STARTUP_NAMES: Final = frozenset({".First", ".Last", ".First.sys", ".Last.sys"})
_FORMULA_ATTRIBUTES: Final = frozenset({"variables", "predvars", "terms"})
_APPLIERS: Final = frozenset(
    {"do.call", "match.fun", "lapply", "sapply", "vapply", "mapply", "Map", "Reduce", "Filter", "get"}
    | {"getFunction", "getFromNamespace", "getExportedValue", "getAnywhere", "mget", "get0", "Recall"}
    | {"as.call", "call", "as.name", "as.symbol", "match.arg", "tryCatch", "reg.finalizer"}
)
_PARSERS: Final = frozenset({"parse", "str2lang", "str2expression", "textConnection", "parse_expr"})
_PARSERS_OF_PACKAGES: Final = frozenset({"parse_exprs", "parse_quo", "source_string"})
_CALLED = re.compile(r"(?<![\w.])(?:([A-Za-z][\w.]*):::?)?([A-Za-z.][\w.]*)\s*\(")
_MAX_ARGUMENTS = 32
_SHOWN = 160
_SHOWN_DEPTH = 6
_ROUTE_PARTS = 8


@dataclass(frozen=True, slots=True)
class _Visit:
    node: Sexp
    place: Place | None
    route: tuple[str, ...]
    is_top: bool = False

    def to(self, node: Sexp | None, place: Place | None, *names: str) -> Iterator[_Visit]:
        if node is not None and (node.kind is not Kind.DATA or node.attributes is not None):
            yield _Visit(node, place, (*self.route, *names)[-_ROUTE_PARTS:])

    @property
    def where(self) -> str:
        return "/" + "/".join(self.route)


def find_code(file: RdsFile) -> Iterator[RFact]:
    """Yield what can run, each node once.

    What was being read when the reading stopped is looked at with what holds it in mind.
    """
    stack = [*reversed(list(_unfinished(file))), _Visit(file.root, None, (), is_top=True)]
    seen: set[int] = set()
    while stack:
        visit = stack.pop()
        if id(visit.node) in seen:
            continue
        seen.add(id(visit.node))
        following: list[_Visit] = []
        for one in _look(visit, file.is_workspace):
            if isinstance(one, _Visit):
                following.append(one)
            else:
                yield one
        stack += reversed(following)


def _unfinished(file: RdsFile) -> Iterator[_Visit]:
    place: Place | None = None
    for node in file.unfinished:
        yield _Visit(node, place, (), is_top=node is file.root)
        if node.kind is Kind.ENVIRONMENT:
            place = None
        elif node.kind is Kind.PROMISE and node.head is UNBOUND:
            place = Place.TOP_PROMISE if node is file.root else Place.PROMISE
        elif node.kind is Kind.CLOSURE and place not in _SELF_RUNNING:
            place = Place.CLOSURE


def _look(visit: _Visit, is_workspace: bool) -> Iterator[_Visit | RFact]:
    node = visit.node
    match node.kind:
        case Kind.PAIR:
            yield from _pairs(visit, is_workspace and visit.is_top)
        case Kind.CALL:
            yield from _call(visit)
        case Kind.CLOSURE:
            place = visit.place if visit.place in _SELF_RUNNING else Place.CLOSURE
            yield from visit.to(node.head, place)
            yield from visit.to(node.tail, place)
            yield from visit.to(node.tag, None)
        case Kind.PROMISE:
            yield from _promise(visit)
        case Kind.ENVIRONMENT:
            yield from visit.to(node.head, None)
            yield from visit.to(node.tail, None)
            yield from _items(visit, None)
        case Kind.BYTECODE:
            yield from _bytecode(visit)
        case Kind.ALTREP:
            yield from _altrep(visit)
        case Kind.LIST:
            yield from _items(visit, visit.place)
        case Kind.DATA | Kind.UNBOUND | Kind.STRINGS | Kind.SYMBOL | Kind.PRIMITIVE | Kind.PLACE:
            pass
    if node.attributes is not None and node.kind is not Kind.PAIR:
        yield from _attributes(visit, node.attributes)


def _items(visit: _Visit, place: Place | None) -> Iterator[_Visit]:
    names = _names(visit.node)
    for index, item in enumerate(visit.node.items):
        yield from visit.to(item, place, names[index] if index < len(names) else str(index + 1))


def _names(node: Sexp) -> tuple[str, ...]:
    """The attribute `names`; none when elements without code were left out."""
    for cell in _chain(node.attributes):
        if cell.tag is not None and cell.tag.text == "names" and cell.head is not None:
            return cell.head.strings if len(cell.head.strings) == len(node.items) else ()
    return ()


def _chain(node: Sexp | None) -> Iterator[Sexp]:
    """The cells of a pairlist; a cycle can't be written."""
    while node is not None and node.kind in (Kind.PAIR, Kind.CALL):
        yield node
        node = node.tail


def _attributes(visit: _Visit, attributes: Sexp) -> Iterator[_Visit]:
    for cell in _chain(attributes):
        name = cell.tag.text if cell.tag is not None else ""
        is_term = name in _FORMULA_ATTRIBUTES
        yield from visit.to(cell.head, Place.FORMULA if is_term else visit.place, f"@{name}")


def _pairs(visit: _Visit, is_workspace: bool) -> Iterator[_Visit | RFact]:
    for cell in _chain(visit.node):
        if cell.attributes is not None:
            yield from _attributes(visit, cell.attributes)
        name = cell.tag.text if cell.tag is not None else ""
        place = visit.place
        if cell.is_active:
            place = Place.ACTIVE_BINDING
        elif is_workspace and name in _STARTUP_NAMES:
            place = Place.STARTUP
            yield Startup(name, f"{visit.where}{name}")
        for one in visit.to(cell.head, place, *([name] if name else [])):
            yield _Visit(one.node, one.place, one.route, is_top=is_workspace)


def _promise(visit: _Visit) -> Iterator[_Visit | RFact]:
    node = visit.node
    if node.head is not None and node.head.kind is Kind.UNBOUND:
        place = Place.TOP_PROMISE if visit.is_top else Place.PROMISE
        if node.tail is not None and node.tail.kind in (Kind.CALL, Kind.BYTECODE):
            yield Unevaluated(place, deparse(node.tail), visit.where)
        yield from visit.to(node.tail, place)
    else:
        yield from visit.to(node.head, visit.place)
        yield from visit.to(node.tail, Place.EVALUATED)
    yield from visit.to(node.tag, None)


def _bytecode(visit: _Visit) -> Iterator[_Visit | RFact]:
    place = visit.place or Place.LANGUAGE
    for item in visit.node.items:
        if item.kind in (Kind.SYMBOL, Kind.PRIMITIVE):
            yield RCall(item.text, "", place, item, visit.where)
        else:
            yield from visit.to(item, place)


def _altrep(visit: _Visit) -> Iterator[_Visit | RFact]:
    node = visit.node
    if node.text.startswith("mmap_"):
        yield MappedFile(node.text, tuple(islice(_strings(node.items[0], 4), 8)), visit.where)
    yield from _items(visit, visit.place)


def literals(call: Sexp) -> Iterator[str]:
    """Yield the texts among the arguments of a call, at most four of each vector."""
    if call.tail is not None:
        yield from _strings(call.tail, 2)


def _strings(node: Sexp, depth: int) -> Iterator[str]:
    yield from node.strings[:4]
    if depth:
        for cell in _chain(node):
            if cell.head is not None:
                yield from _strings(cell.head, depth - 1)
        for item in node.items[:8]:
            yield from _strings(item, depth - 1)


# Calls.


def _call(visit: _Visit) -> Iterator[_Visit | RFact]:
    node = visit.node
    package, name = _callee(node.head)
    place = visit.place or Place.LANGUAGE
    if name == "~" and place in (Place.LANGUAGE, Place.EVALUATED):
        place = Place.FORMULA
    arguments = [cell.head for cell in _chain(node.tail) if cell.head is not None]
    words = tuple(word for one in arguments[:_MAX_ARGUMENTS] for word in _words(one))
    if name:
        yield RCall(name, package, place, node, visit.where)
    if place in _SELF_RUNNING or name in _APPLIERS:
        for word in words:
            yield RCall(word, "", place, node, visit.where)
    if name in _PARSERS or name in _PARSERS_OF_PACKAGES:
        for word in words:
            for match in _CALLED.finditer(word[:4096]):
                yield RCall(match[2], match[1] or "", place, node, visit.where)
    yield from visit.to(node.head, place)
    for argument in arguments:
        yield from visit.to(argument, place)


def _callee(head: Sexp | None) -> tuple[str, str]:
    """Package and name of the function, "" where it is computed."""
    if head is None:
        return "", ""
    if head.kind in (Kind.SYMBOL, Kind.PRIMITIVE):
        return "", head.text
    if head.kind is Kind.STRINGS and len(head.strings) == 1:
        return "", head.strings[0]
    if (
        head.kind is Kind.CALL
        and head.head is not None
        and head.head.text in ("::", ":::", "$", "@", "[[")
    ):
        parts = [next(_words(cell.head), "") for cell in _chain(head.tail) if cell.head is not None]
        if len(parts) == 2:
            return parts[0], parts[1]
    return "", ""


def _words(node: Sexp) -> Iterator[str]:
    if node.kind in (Kind.SYMBOL, Kind.PRIMITIVE):
        yield node.text
    yield from node.strings[:_MAX_ARGUMENTS]


def deparse(node: Sexp | None, depth: int = _SHOWN_DEPTH) -> str:
    """Return code as people write it, cut at 160 characters."""
    if node is None or not depth:
        return "..."
    match node.kind:
        case Kind.SYMBOL | Kind.PRIMITIVE:
            text = node.text
        case Kind.STRINGS:
            text = ", ".join(repr(one[:_SHOWN]) for one in node.strings[:3])
        case Kind.CALL:
            inner = [
                deparse(cell.head, depth - 1)
                for cell, _ in zip(_chain(node.tail), range(6), strict=False)
            ]
            package, name = _callee(node.head)
            shown = f"{package}::{name}" if package else name or deparse(node.head, depth - 1)
            text = f"{shown}({', '.join(inner)})"
        case Kind.BYTECODE:
            text = deparse(node.items[0], depth - 1) if node.items else "byte code"
        case Kind.CLOSURE:
            text = f"function(...) {deparse(node.tail, depth - 1)}"
        case _:
            text = "..."
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
