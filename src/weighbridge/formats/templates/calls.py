"""Calls, filters and tests of an expression: what they look up, build, cost, and depend on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from jinja2 import nodes

from weighbridge.formats.templates import fold
from weighbridge.formats.templates.facts import About, CostKind, How
from weighbridge.formats.templates.fold_operations import FILTERS, METHODS, apply
from weighbridge.formats.templates.scope import Scope
from weighbridge.formats.templates.values import MOST_ITEMS, Refused, Seen, Value, few, joined

Visit = Callable[[nodes.Node | None], Seen]
LookUp = Callable[[nodes.Node, Seen, Seen, How], Seen]

_CONTENT_KEYS: Final = ("content", "text", "contents")
_BY_ATTRIBUTE: Final = frozenset({"map", "selectattr", "rejectattr", "groupby", "sort", "sum"}) | {
    "unique",
    "min",
    "max",
    "join",
}
_FIRST_IS_ATTRIBUTE: Final = frozenset({"selectattr", "rejectattr", "groupby"})
_SELECTS: Final = frozenset({"select", "reject", "selectattr", "rejectattr"})
_MATCHES: Final = frozenset(
    {"regex_search", "regex_match", "regex_findall", "regex_test", "search", "match", "contains"}
)
"""Filters and methods that other runtimes add: what they are given is a regular expression."""
_PATTERN_WORD: Final = re.compile(r"[^\W\d_]{3,40}")
_LOOKS_FOR: Final = _MATCHES | {"find", "index", "count", "startswith", "endswith", "rfind", "rindex"}
_CUTS_AT: Final = frozenset(
    {"split", "rsplit", "partition", "rpartition", "replace", "removeprefix", "removesuffix", "strip"}
)
_MEASURES: Final = frozenset({"length", "count", "wordcount"})
_SHAPE_TESTS: Final = frozenset(
    {"defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "boolean"}
    | {"true", "false", "odd", "even", "callable", "integer", "float"}
)
_WHOLE_DIALOGUE: Final = frozenset({"tojson", "string", "pprint", "join"})
_GIVEN: Final = frozenset({"messages", "tools", "functions", "documents"})
_NOT_WRITTEN: Final = frozenset({"raise_exception", "strftime_now", "range", "exit", "error"})
_BUILDS: Final = frozenset(
    {"join", "replace", "format", "reverse", "lower", "upper", "title", "capitalize", "trim", "string"}
    | {"list", "first", "last", "center", "truncate", "batch", "slice", "wordwrap", "swapcase", "random"}
    | {"urlize", "indent", "strip", "zfill", "casefold"}
)
_KEEPS_CONTENT: Final = (
    _BUILDS
    | {"default", "d", "safe", "e", "escape", "tojson", "split", "rsplit"}
    | {
        "lstrip",
        "rstrip",
        "partition",
        "rpartition",
        "removeprefix",
        "removesuffix",
        "items",
        "striptags",
        "encode",
        "decode",
        "get",
        "pop",
        "unique",
        "sort",
        "select",
        "reject",
        "map",
        "float",
        "int",
    }
)
_WIDTHS: Final = frozenset({"center", "indent", "ljust", "rjust", "zfill", "wordwrap", "truncate"})
_LONG_WIDTH: Final = re.compile(r"[%:<>^][-+0# ]{0,4}(\d{7,})")
_LARGE: Final = 1_000_000
_LONG_LOOP: Final = 100_000
_CHANGES: Final = frozenset(
    {"append", "extend", "insert", "update", "pop", "remove", "clear", "setdefault"}
)


class Calls:
    """Visits calls, filters and tests; `visit` visits what is in them, `look_up` takes a name of it."""

    def __init__(self, scope: Scope, visit: Visit, look_up: LookUp) -> None:
        self._scope = scope
        self._visit = visit
        self._look_up = look_up

    # Calls.

    def call(self, node: nodes.Call) -> Seen:
        """`callee(arguments)`: a method of a text, a function of Jinja, or anything else."""
        owner, name, callee = self._callee(node.node)
        with self._scope.silent() if self._is_silent(name) else _as_is():
            arguments = [self._visit(one) for one in node.args]
            keywords = self._keywords(node.kwargs)
            others = [self._visit(one) for one in (node.dyn_args, node.dyn_kwargs) if one is not None]
        self._scope.recorder.call(node, callee)
        known: Seen | None = None
        if owner is not None:
            known = self._method(node, owner, name, arguments, keywords)
        elif isinstance(node.node, nodes.Name):
            known = self._function(node, node.node.name, arguments, keywords)
        if known is not None:
            return known
        seen = replace(joined(callee, *arguments, *keywords.values(), *others), root=callee.root)
        return replace(seen, chain=(*callee.chain, "()")[-24:])

    def _callee(self, node: nodes.Expr) -> tuple[Seen | None, str, Seen]:
        """Return the owner of a method, the last name, and what is called. Nothing is visited twice."""
        if isinstance(node, nodes.Getattr):
            with self._scope.silent() if node.attr not in METHODS else _as_is():
                owner = self._visit(node.node)
            with self._scope.silent():
                callee = self._look_up(node, owner, Seen(value=node.attr), How.ATTRIBUTE)
            return owner, node.attr, callee
        with self._scope.silent():
            callee = self._visit(node)
        return None, callee.chain[-1] if callee.chain else callee.root, callee

    def _keywords(self, given: Sequence[nodes.Node]) -> dict[str, Seen]:
        pairs = [one for one in given if isinstance(one, nodes.Keyword)]
        return {one.key: self._visit(one.value) for one in pairs}

    def _is_silent(self, name: str) -> bool:
        return name in _NOT_WRITTEN or name in _LOOKS_FOR or (name in _CUTS_AT and name != "replace")

    def _function(
        self, node: nodes.Call, name: str, arguments: Sequence[Seen], keywords: dict[str, Seen]
    ) -> Seen | None:
        if name in self._scope.variables:
            return None
        if name in ("strftime_now", "now", "today"):
            return Seen(root=name, about=frozenset({About.DATE}))
        if name in ("dict", "namespace"):
            entries = tuple(keywords.items())
            return replace(joined(*keywords.values()), entries=entries if name == "dict" else None)
        return self._range(node, arguments) if name == "range" else None

    def _range(self, node: nodes.Call, arguments: Sequence[Seen]) -> Seen:
        try:
            numbers = [one.known for one in arguments]
            bounds = [one for one in numbers if isinstance(one, int)]
            if len(bounds) != len(numbers) or not 1 <= len(bounds) <= 3:
                raise Refused
            items = range(*bounds)
        except (Refused, ValueError, OverflowError):
            return joined(*arguments)
        count = max(0, (items.stop - items.start) // items.step + 1) if items.step else 0
        if count >= _LONG_LOOP:
            self._scope.recorder.cost(node, CostKind.LOOP, count)
        if count > MOST_ITEMS:
            return replace(joined(*arguments), count=count)
        return Seen(value=tuple(items), count=count)

    def _method(
        self,
        node: nodes.Call,
        owner: Seen,
        name: str,
        arguments: Sequence[Seen],
        keywords: dict[str, Seen],
    ) -> Seen:
        if name in _CHANGES and isinstance(node.node, nodes.Getattr):
            self._changed(node.node.node, name, arguments)
        if owner.entries is not None and name in ("get", "items", "values", "keys"):
            return self._of_mapping(node, owner, name, arguments)
        result = self._operation(node, name, owner, arguments, keywords)
        is_chain = not isinstance(result.value, str) and result.root == owner.root
        return replace(result, chain=(*owner.chain, name, "()")[-24:]) if is_chain else result

    def _of_mapping(self, node: nodes.Call, owner: Seen, name: str, arguments: Sequence[Seen]) -> Seen:
        entries = owner.entries or ()
        if name == "get" and arguments:
            key = arguments[0]
            for known, value in entries:
                if known == key.text:
                    return value
            if key.is_content:
                words = tuple(known for known, _ in entries)
                with self._scope.tested(node, replace(joined(key), words=words)):
                    for _, value in entries:
                        if value.text:
                            self._scope.emit(value.text, node)
            return joined(owner, key)
        if name == "keys":
            return Seen(value=tuple(key for key, _ in entries))
        texts = [(key, value.text) for key, value in entries if value.text is not None]
        if len(texts) != len(entries):
            return joined(owner)
        pairs: tuple[Value, ...] = tuple(texts)
        return Seen(value=pairs if name == "items" else tuple(text for _, text in texts))

    def _changed(self, owner: nodes.Expr, name: str, arguments: Sequence[Seen]) -> None:
        """`items.append(x)`: the list is another one afterwards."""
        if not isinstance(owner, nodes.Name) or owner.name not in self._scope.variables:
            return
        before = self._scope.variables[owner.name]
        try:
            if not isinstance(before.value, tuple) or len(arguments) != 1:
                raise Refused
            added = arguments[0].known
            if name == "append":
                after: Value = fold.bounded((*before.value, added))
            elif name == "extend":
                after = fold.bounded((*before.value, *fold.spread(added)))
            else:
                raise Refused
        except Refused:
            pieces = few((*before.literals(), *(text for one in arguments for text in one.literals())))
            both = replace(joined(before, *arguments), pieces=pieces, is_built=True)
            self._scope.assign(owner.name, both)
            return
        self._scope.assign(owner.name, replace(joined(before, *arguments), value=after))

    # Filters.

    def filter(self, node: nodes.Filter) -> Seen:
        """`value|name(arguments)`."""
        owner = self._visit(node.node) if node.node is not None else Seen()
        with self._scope.silent() if node.name not in ("replace", "default", "d") else _as_is():
            arguments = [self._visit(one) for one in node.args]
            keywords = self._keywords(node.kwargs)
            for one in (node.dyn_args, node.dyn_kwargs):
                if one is not None:
                    self._visit(one)
        if node.name == "attr" and arguments:
            self._scope.recorder.access(node, owner, arguments[0], How.FILTER)
            return owner.step(arguments[0].text or "[]")
        about = self._attribute(node, owner, arguments, keywords)
        if node.name in _SELECTS:
            about = self._selected(node, owner, arguments, about)
        result = self._operation(node, node.name, owner, arguments, keywords)
        return replace(
            result, about=result.about | about.about, words=few((*result.words, *about.words))
        )

    def _attribute(
        self, node: nodes.Filter, owner: Seen, arguments: Sequence[Seen], keywords: dict[str, Seen]
    ) -> Seen:
        """Filters that look up a path in each item."""
        if node.name not in _BY_ATTRIBUTE:
            return Seen()
        path = keywords.get("attribute")
        if path is None and node.name in _FIRST_IS_ATTRIBUTE and arguments:
            path = arguments[0]
        if path is None and node.name == "map" and len(arguments) > 1 and arguments[0].text == "attr":
            path = arguments[1]
        if path is None:
            return Seen()
        if path.text is None:
            self._scope.recorder.access(node, owner, path, How.PATH)
            return joined(path)
        step = owner
        for part in path.text.split(".")[:32]:
            self._scope.recorder.access(node, step, Seen(value=part), How.PATH)
            step = step.step(part)
        is_content = any(part in _CONTENT_KEYS for part in path.text.split(".")[:32])
        return Seen(about=frozenset({About.CONTENT}) if is_content else owner.about)

    def _selected(self, node: nodes.Filter, owner: Seen, arguments: Sequence[Seen], about: Seen) -> Seen:
        """`selectattr('content', 'in', ...)`: a test, and what it looks for."""
        rest = arguments[2:] if node.name.endswith("attr") else arguments[1:]
        words = few(text for one in rest for text in one.literals())
        both = joined(owner, about)
        return replace(both, words=few((*both.words, *words))) if both.is_content else both

    # What methods and filters share.

    def _operation(
        self,
        node: nodes.Call | nodes.Filter,
        name: str,
        owner: Seen,
        arguments: Sequence[Seen],
        keywords: dict[str, Seen],
    ) -> Seen:
        self._widths(node, name, owner, arguments, keywords)
        if name == "replace" and owner.is_content and len(arguments) > 1:
            for old in arguments[0].literals():
                self._scope.recorder.rewrite(node, old, " ".join(arguments[1].literals()))
        folded = self._fold(node, name, owner, arguments, keywords)
        if folded is not None:
            return folded
        both = joined(owner, *arguments, *keywords.values())
        literals = few(text for one in arguments for text in one.literals())
        result = replace(both, root=owner.root, chain=owner.chain)
        if name in _WHOLE_DIALOGUE and owner.root in _GIVEN:
            result = replace(result, about=result.about | {About.CONTENT})
        if name in _MEASURES and not (name == "count" and arguments):
            return replace(self._measured(both, owner), root=owner.root, chain=owner.chain)
        if owner.is_content and name in _MATCHES:
            literals = few(word for text in literals for word in _PATTERN_WORD.findall(text[:1_000]))
        if owner.is_content and name in _LOOKS_FOR:
            result = replace(result, words=few((*result.words, *literals)))
        elif owner.is_content and name in _CUTS_AT:
            result = replace(result, cuts=few((*result.cuts, *filter(None, literals))))
        if name not in _KEEPS_CONTENT and name not in _LOOKS_FOR and not result.words:
            result = replace(result, about=result.about - {About.CONTENT})
        if name in _BUILDS:
            pieces = few(
                (*owner.literals(), *(literals if name in ("replace", "join") else ())), most=64
            )
            result = replace(result, pieces=pieces, is_built=owner.is_built or bool(pieces))
        elif name in ("default", "d"):
            result = replace(result, pieces=few((*owner.literals(), *literals), most=64))
        return result

    def _measured(self, both: Seen, owner: Seen) -> Seen:
        about = both.about
        if About.CONTENT in about:
            about = (about - {About.CONTENT}) | {About.LENGTH}
        elif owner.root == "messages" and not owner.chain:
            about |= {About.COUNT}
        return replace(both, about=about)

    def _fold(
        self,
        node: nodes.Call | nodes.Filter,
        name: str,
        owner: Seen,
        arguments: Sequence[Seen],
        keywords: dict[str, Seen],
    ) -> Seen | None:
        table = FILTERS if isinstance(node, nodes.Filter) else METHODS
        operation = table.get(name)
        value: Value
        try:
            if operation is None:
                return None
            if owner.entries is not None and name in (
                "list",
                "join",
                "first",
                "last",
                "sort",
                "reverse",
            ):
                value = tuple(key for key, _ in owner.entries)
            else:
                value = owner.known
            given = [one.known for one in arguments]
            named = {key: one.known for key, one in keywords.items()}
            result = apply(operation, value, given, named)
        except Refused:
            return None
        self._scope.work -= fold.weight(result)
        if self._scope.work < 0:
            self._scope.recorder.is_cut = True
            return None
        if isinstance(result, str):
            self._scope.recorder.text(node, result)
        both = joined(owner, *arguments)
        return replace(both, value=result, root="''" if isinstance(result, str) else "")

    def _widths(
        self,
        node: nodes.Node,
        name: str,
        owner: Seen,
        arguments: Sequence[Seen],
        keywords: dict[str, Seen],
    ) -> None:
        if name == "format" and owner.text:
            self.price_format(node, owner.text)
        if name not in _WIDTHS:
            return
        for one in (*arguments, *keywords.values()):
            if isinstance(one.value, int) and one.value >= _LARGE:
                self._scope.recorder.cost(node, CostKind.WIDTH, one.value)

    def price_format(self, node: nodes.Node, form: str) -> None:
        """Record widths in a text that is filled in: `'%999999999d'`."""
        for found in _LONG_WIDTH.finditer(form):
            self._scope.recorder.cost(node, CostKind.WIDTH, int(found[1][:15]))

    # Tests.

    def test(self, node: nodes.Test) -> Seen:
        """`value is name(arguments)`."""
        with self._scope.silent():
            owner = self._visit(node.node)
            arguments = [self._visit(one) for one in node.args]
        if node.name in _SHAPE_TESTS:
            return Seen(root=owner.root, chain=owner.chain, words=owner.words, cuts=owner.cuts)
        both = joined(owner, *arguments)
        if both.about:
            literals = (text for one in (owner, *arguments) if not one.about for text in one.literals())
            both = replace(both, words=few((*both.words, *literals)))
        return both


class _as_is:  # noqa: N801  # reads as a word after `with`
    """A context that changes nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None
