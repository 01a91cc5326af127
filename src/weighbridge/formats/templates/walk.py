"""Walk the statements of a template and collect its facts: `read_template` is what analyzers call.

Branches are all walked. Loops over literals and small macros are followed, as long as there is fuel,
because names can be put together in them; any other loop is walked once.

Law: any text gives facts, Malformed or LimitReached, in a time that its length bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from jinja2 import nodes

from weighbridge.errors import LimitReached
from weighbridge.formats.templates.expressions import CONTENT_NAMES, Expressions
from weighbridge.formats.templates.facts import About, CostKind, Emission, TemplateFacts
from weighbridge.formats.templates.jinja_syntax import parse_jinja
from weighbridge.formats.templates.scope import Scope
from weighbridge.formats.templates.values import Seen, joined

_MOST_ROUNDS: Final = 128
_LONG_LOOPS: Final = 10_000_000
_SMALL_MACRO: Final = 120
_DEEPEST_MACRO: Final = 4
_DOUBLED: Final = 2
_OTHER_TEMPLATES: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def read_template(text: str) -> TemplateFacts:
    """Return what a Jinja template does.

    Raises:
        Malformed: it is no Jinja.
        LimitReached: it is too large or too deep.
    """
    tree = parse_jinja(text)
    walk = _Walk()
    try:
        walk.body(tree.body)
    except RecursionError:
        raise LimitReached("the template is nested too deeply") from None
    return walk.scope.recorder.facts()


@dataclass(frozen=True, slots=True)
class _Macro:
    node: nodes.Macro | nodes.CallBlock
    emissions: tuple[Emission, ...]
    size: int


class _Walk:
    def __init__(self) -> None:
        self.scope = Scope()
        self._expressions = Expressions(self.scope, self._run_macro)
        self._macros: dict[str, _Macro] = {}
        self._depth = 0

    def body(self, statements: Sequence[nodes.Node]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: nodes.Node) -> None:
        match node:
            case nodes.Output():
                self._output(node)
            case nodes.If():
                self._if(node)
            case nodes.For():
                self._for(node)
            case nodes.Assign(target=target, node=value):
                self._assign(node, target, value)
            case nodes.AssignBlock():
                self._assign_block(node)
            case nodes.Macro():
                self._macro(node)
            case nodes.With(targets=targets, values=values, body=body):
                for target, value in zip(targets, values, strict=False):
                    self._assign(node, target, value)
                self.body(body)
            case nodes.FilterBlock(filter=filtered, body=body):
                self.scope.uncertain()
                self._expressions.visit(filtered)
                self.body(body)
            case nodes.CallBlock(call=call, body=body):
                self.scope.uncertain()
                self._expressions.visit(call)
                self.body(body)
            case nodes.Include() | nodes.Import() | nodes.FromImport() | nodes.Extends():
                self._other_template(node)
            case nodes.ExprStmt(node=expression):
                with self.scope.writing(expression):
                    self._expressions.visit(expression)
            case _:
                self.body(list(node.iter_child_nodes()))

    # Writing.

    def _output(self, node: nodes.Output) -> None:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                if part.data:
                    self.scope.emit(part.data, part)
                seen = Seen(value=part.data)
            else:
                with self.scope.writing(part):
                    seen = self._written(part)
            if self.scope.captured is not None and len(self.scope.captured) < 1_000:
                self.scope.captured.append(seen)

    def _written(self, part: nodes.Expr) -> Seen:
        """Visit an expression that is written; where it folds, its text counts, not its pieces."""
        pieces = self.scope.pieces
        before = len(pieces or ())
        seen = self._expressions.visit(part)
        if pieces is not None and seen.text is not None:
            del pieces[before:]
            self.scope.piece(seen.text)
        return seen

    # Tests and loops.

    def _if(self, node: nodes.If) -> None:
        self.scope.uncertain()
        start = self.scope.branch()
        ends: list[dict[str, Seen]] = []
        with ExitStack() as failed:
            for branch in (node, *node.elif_):
                test = self._expressions.visit(branch.test)
                with self.scope.tested(branch.test, test):
                    self.body(branch.body)
                ends.append(self.scope.variables)
                self.scope.variables = dict(start)
                failed.enter_context(self.scope.tested(branch.test, test, failed=True))
            self.body(node.else_)
        self.scope.join(ends)

    def _for(self, node: nodes.For) -> None:
        items = self._expressions.visit(node.iter)
        with ExitStack() as stack:
            if items.words:
                stack.enter_context(self.scope.tested(node.iter, items))
            count = items.count or (len(items.value) if isinstance(items.value, tuple | str) else 1)
            before = self.scope.repeats, self.scope.loops
            self.scope.repeats, self.scope.loops = min(before[0] * max(1, count), 10**30), before[1] + 1
            if self.scope.repeats >= _LONG_LOOPS:
                self.scope.recorder.cost(node.iter, CostKind.LOOP, self.scope.repeats)
            self._rounds(node, items)
            self.scope.repeats, self.scope.loops = before
        self.body(node.else_)

    def _rounds(self, node: nodes.For, items: Seen) -> None:
        cost = _rounds_of(items) * _size(node) if self.scope.fuel > 0 else 0
        if 0 < cost <= self.scope.fuel:
            self.scope.fuel -= cost
            rounds = list(_items_of(items))
        else:
            self.scope.uncertain()
            one = replace(joined(items), root=items.root, chain=(*items.chain, "[]")[-24:])
            rounds = [replace(one, is_built=items.is_built, pieces=items.literals())]
        for item in rounds:
            self._bind(node.target, item)
            if node.test is None:
                self.body(node.body)
                continue
            test = self._expressions.visit(node.test)
            self.scope.uncertain()
            with self.scope.tested(node.test, test):
                self.body(node.body)

    # Variables.

    def _assign(self, node: nodes.Node, target: nodes.Node, value: nodes.Node) -> None:
        self._check_doubling(target, value)
        self.scope.adding_to = _spelled(target)
        with self.scope.writing(value):
            seen = self._written(value) if isinstance(value, nodes.Expr) else Seen()
        self.scope.adding_to = ""
        if isinstance(target, nodes.Name) and _spelled_call(value) == "namespace":
            self._bind_namespace(target.name, value)
        self._bind(target, seen)

    def _bind(self, target: nodes.Node, seen: Seen) -> None:
        match target:
            case nodes.Name(name=name):
                self.scope.assign(name, seen)
            case nodes.NSRef(name=name, attr=attribute):
                self.scope.assign(f"{name}.{attribute}", seen)
            case nodes.Tuple(items=targets):
                values = seen.value if isinstance(seen.value, tuple) else ()
                for number, one in enumerate(targets):
                    if len(values) == len(targets):
                        self._bind(one, replace(seen, value=values[number]))
                    else:
                        self._bind(one, replace(joined(seen), root=seen.root, chain=seen.chain))

    def _bind_namespace(self, name: str, call: nodes.Node) -> None:
        """`set ns = namespace(found=false)`: attributes that later statements set and test."""
        with self.scope.silent():
            for one in call.kwargs if isinstance(call, nodes.Call) else ():
                if isinstance(one, nodes.Keyword):
                    self.scope.assign(f"{name}.{one.key}", self._expressions.visit(one.value))

    def _assign_block(self, node: nodes.AssignBlock) -> None:
        with self.scope.capturing() as captured:
            self.body(node.body)
        if node.filter is not None:
            self._expressions.visit(node.filter)
            captured.append(Seen())
        self._bind(node.target, self._captured(node, captured))

    def _captured(self, node: nodes.Node, captured: list[Seen]) -> Seen:
        """The value of a block: what was written in it, one after the other."""
        return self._expressions.built(node, captured)

    def _check_doubling(self, target: nodes.Node, value: nodes.Node) -> None:
        if not self.scope.loops:
            return
        name = _spelled(target)
        same = sum(_spelled(one) == name for one in _operands(value))
        is_product = isinstance(value, nodes.Mul) and name in (
            _spelled(value.left),
            _spelled(value.right),
        )
        if name and (same >= _DOUBLED or is_product):
            self.scope.recorder.cost(value, CostKind.DOUBLING, same)

    # Macros and other templates.

    def _macro(self, node: nodes.Macro) -> None:
        before = len(self.scope.recorder.in_order)
        saved = self.scope.branch()
        for parameter in node.args:
            about = frozenset({About.CONTENT}) if parameter.name in CONTENT_NAMES else frozenset()
            self.scope.assign(parameter.name, Seen(about=about))
        for default in node.defaults:
            self._expressions.visit(default)
        with self.scope.capturing():
            self.body(node.body)
        self.scope.variables = saved
        emissions = tuple(self.scope.recorder.in_order[before:])
        self._macros[node.name] = _Macro(node, emissions, _size(node))

    def _run_macro(self, node: nodes.Call) -> Seen | None:
        """What a call of a macro writes; small ones are followed."""
        macro = self._macros.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        if macro is None or not isinstance(macro.node, nodes.Macro):
            return None
        arguments = [self._expressions.visit(one) for one in node.args]
        named = {one.key: self._expressions.visit(one.value) for one in node.kwargs}
        if self.scope.conditions or self.scope.begins_answer:
            self.scope.fuel -= len(macro.emissions)
            for emission in macro.emissions if self.scope.fuel > 0 else ():
                self.scope.recorder.again(
                    emission, self.scope.conditions, begins_answer=self.scope.begins_answer
                )
        if macro.size > _SMALL_MACRO or self._depth >= _DEEPEST_MACRO or self.scope.fuel < macro.size:
            return joined(*arguments, *named.values())
        self.scope.fuel -= macro.size
        return self._followed(macro.node, arguments, named)

    def _followed(self, macro: nodes.Macro, arguments: list[Seen], named: dict[str, Seen]) -> Seen:
        saved = self.scope.branch()
        for number, parameter in enumerate(macro.args):
            given = arguments[number] if number < len(arguments) else named.get(parameter.name, Seen())
            self.scope.assign(parameter.name, given)
        self._depth += 1
        with self.scope.capturing() as captured:
            self.body(macro.body)
        self._depth -= 1
        self.scope.variables = saved
        return self._captured(macro, captured)

    def _other_template(self, node: nodes.Node) -> None:
        target = self._expressions.visit(node.template) if isinstance(node, _OTHER_TEMPLATES) else Seen()
        kind = {"fromimport": "from"}.get(type(node).__name__.lower(), type(node).__name__.lower())
        self.scope.recorder.directive(node, kind, target.text)


def _rounds_of(items: Seen) -> int:
    """How many rounds a loop over a literal has; 0 when it is none, or too long to be followed."""
    if items.entries is not None:
        count = len(items.entries)
    else:
        count = len(items.value) if isinstance(items.value, str | tuple) else 0
    return count if count <= _MOST_ROUNDS else 0


def _items_of(items: Seen) -> Iterator[Seen]:
    if items.entries is not None:
        yield from (Seen(value=key) for key, _ in items.entries)
    elif isinstance(items.value, str | tuple):
        for value in items.value:
            yield replace(items, value=value, root="", chain=(), count=0)


def _size(node: nodes.Node) -> int:
    """Nodes in a piece of the tree, counted as far as it matters."""
    count, pending = 0, [node]
    while pending and count < 5_000:
        count += 1
        pending.extend(pending.pop().iter_child_nodes())
    return count


def _operands(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.Concat():
            yield from node.nodes
        case nodes.Add():
            yield from _operands(node.left)
            yield from _operands(node.right)
        case nodes.List() | nodes.Tuple():
            yield from node.items
        case _:
            yield node


def _spelled_call(node: nodes.Node) -> str:
    return _spelled(node.node) if isinstance(node, nodes.Call) else ""


def _spelled(node: nodes.Node) -> str:
    match node:
        case nodes.Name(name=name):
            return name
        case nodes.NSRef(name=name, attr=attribute):
            return f"{name}.{attribute}"
        case nodes.Getattr(node=nodes.Name(name=name), attr=attribute):
            return f"{name}.{attribute}"
    return ""
