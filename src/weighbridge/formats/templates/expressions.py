"""Walk an expression once: what it gives, what it depends on, and which names it looks up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from jinja2 import nodes

from weighbridge.formats.templates import fold
from weighbridge.formats.templates.calls import Calls
from weighbridge.formats.templates.facts import About, CostKind, How
from weighbridge.formats.templates.scope import Scope
from weighbridge.formats.templates.values import (
    NOTHING,
    Refused,
    Seen,
    Unknown,
    Value,
    few,
    joined,
)

CONTENT_NAMES: Final = frozenset(
    {"content", "text", "prompt", "query", "question", "instruction", "input", "user_input"}
    | {"user_message", "user_prompt", "message_content", "contents"}
)
"""Names of what a message says, where the template does not set them itself."""
_CONTENT_KEYS: Final = frozenset({"content", "text", "contents"})
_DATE_NAMES: Final = frozenset(
    {
        "date_string",
        "current_date",
        "current_time",
        "datetime",
        "today",
        "now",
        "date",
        "currentDateTime",
    }
)
_MARKS: Final[dict[type[nodes.Node], str]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
}
_LONG_REPEAT: Final = 1_000_000
_LARGE_EXPONENT: Final = 10_000
_BUILDS: Final = (nodes.Add, nodes.Mod, nodes.Mul)


class Expressions:
    """Visits expressions of one template, in the order in which Jinja would work them out."""

    def __init__(self, scope: Scope, run_macro: Callable[[nodes.Call], Seen | None]) -> None:
        self._scope = scope
        self._calls = Calls(scope, self.visit, self.look_up)
        self._run_macro = run_macro

    def visit(self, node: nodes.Node | None) -> Seen:
        """Return what is known of the value; names and costs in it are recorded."""
        match node:
            case None:
                return Seen(value=None)
            case nodes.Const(value=value):
                return self._constant(node, value)
            case nodes.TemplateData(data=data):
                return Seen(value=data)
            case nodes.Name(name=name):
                return self._name(name)
            case nodes.NSRef(name=name, attr=attribute):
                return self._scope.variables.get(f"{name}.{attribute}", Seen(root=name))
            case nodes.Tuple(items=items) | nodes.List(items=items):
                return self._items(node, items)
            case nodes.Dict(items=pairs):
                return self._mapping(pairs)
            case nodes.Getattr(node=nodes.Name(name=name), attr=attribute) if (
                f"{name}.{attribute}" in self._scope.variables
            ):
                return self._name(f"{name}.{attribute}")
            case nodes.Getattr(node=owner, attr=attribute):
                return self.look_up(node, self._owner(owner), Seen(value=attribute), How.ATTRIBUTE)
            case nodes.Getitem(node=owner, arg=key):
                return self._item(node, owner, key)
            case nodes.Concat(nodes=parts):
                return self.built(node, [self.visit(part) for part in parts])
            case nodes.And() | nodes.Or():
                return self._either(node)
            case nodes.BinExpr():
                return self._binary(node)
            case nodes.UnaryExpr(node=inner):
                return self._unary(node, inner)
            case nodes.Compare():
                return self._compare(node)
            case nodes.CondExpr():
                return self._choice(node)
            case nodes.Call():
                return self._run_macro(node) or self._calls.call(node)
            case nodes.Filter():
                return self._calls.filter(node)
            case nodes.Test():
                return self._calls.test(node)
        return joined(*(self.visit(child) for child in node.iter_child_nodes()))

    def _owner(self, node: nodes.Node) -> Seen:
        with self._scope.silent():
            return self.visit(node)

    def _constant(self, node: nodes.Node, value: object) -> Seen:
        if isinstance(value, str):
            self._scope.recorder.text(node, value)
            self._scope.piece(value)
            return Seen(value=value, root="''")
        if value is None or isinstance(value, int | float):
            return Seen(value=value)
        return Seen()

    def _name(self, name: str) -> Seen:
        known = self._scope.variables.get(name)
        if known is not None:
            if name != self._scope.adding_to:
                self._scope.piece(*known.literals())
            return known
        about = NOTHING
        if name in CONTENT_NAMES:
            about = frozenset({About.CONTENT})
        elif name in _DATE_NAMES:
            about = frozenset({About.DATE})
        return Seen(root=name, about=about)

    def _items(self, node: nodes.Node, items: Sequence[nodes.Expr]) -> Seen:
        seen = [self.visit(item) for item in items]
        both = joined(*seen)
        try:
            return replace(both, value=self._made(tuple(one.known for one in seen)))
        except Refused:
            return replace(both, pieces=few(text for one in seen for text in one.literals()))

    def _mapping(self, pairs: Sequence[nodes.Pair]) -> Seen:
        entries: list[tuple[str, Seen]] = []
        for pair in pairs:
            with self._scope.silent():
                key = self.visit(pair.key)
            value = self.visit(pair.value)
            if key.text is not None and len(entries) < 1_000:
                entries.append((key.text, value))
        values = [value for _, value in entries]
        pieces = few(text for value in values for text in value.literals())
        return replace(joined(*values), entries=tuple(entries), pieces=pieces)

    def _item(self, node: nodes.Getitem, owner: nodes.Expr, key: nodes.Expr) -> Seen:
        if isinstance(key, nodes.Slice):
            seen = self.visit(owner)
            with self._scope.silent():
                bounds = [self.visit(one) for one in (key.start, key.stop, key.step)]
            return self._sliced(node, seen, bounds)
        with self._scope.silent():
            seen, name = self.visit(owner), self.visit(key)
        return self.look_up(node, seen, name, How.ITEM)

    def _sliced(self, node: nodes.Node, owner: Seen, bounds: Sequence[Seen]) -> Seen:
        both = replace(joined(owner, *bounds), is_built=owner.is_built or bool(owner.pieces))
        try:
            value = fold.cut(owner.known, *(bound.known for bound in bounds))
            return self._folded(node, value, both)
        except Refused:
            return replace(both, root=owner.root, chain=owner.chain, pieces=owner.literals())

    def look_up(self, node: nodes.Node, owner: Seen, name: Seen, how: How) -> Seen:
        """`owner.name` or `owner[name]`."""
        if not isinstance(name.value, int) or isinstance(name.value, bool):
            self._scope.recorder.access(node, owner, name, how)
        if owner.entries is not None:
            return self._entry(node, owner, name)
        try:
            if how is How.ITEM:
                return self._folded(node, fold.item(owner.known, name.known), joined(owner))
        except Refused:
            pass
        text = name.text
        step = owner.step(text if text is not None else "[]")
        if text in _CONTENT_KEYS or (text is None and owner.is_content):
            about = owner.about | {About.CONTENT}
            return replace(step, about=about, words=owner.words, cuts=owner.cuts)
        return replace(step, is_built=owner.is_built and text is None)

    def _entry(self, node: nodes.Node, owner: Seen, name: Seen) -> Seen:
        """A look-up in a mapping that the template spells out."""
        entries = owner.entries or ()
        for key, value in entries:
            if key == name.text:
                self._scope.piece(*value.literals())
                return value
        if name.is_content:
            words = tuple(key for key, _ in entries)
            with self._scope.tested(node, replace(joined(name), words=words)):
                for _, value in entries:
                    if value.text:
                        self._scope.emit(value.text, node)
        return joined(owner, name, *(value for _, value in entries))

    # Operators.

    def built(self, node: nodes.Node, parts: Sequence[Seen]) -> Seen:
        """Texts written one after the other: `a ~ b`."""
        try:
            value = fold.bounded("".join(fold.plain(part.known) for part in parts))
            return self._folded(node, value, joined(*parts))
        except Refused:
            pieces = few((text for part in parts for text in part.literals()), most=64)
            is_built = bool(pieces) or any(part.is_built for part in parts) or len(parts) > 1
            return replace(joined(*parts), pieces=pieces, is_built=is_built)

    def _binary(self, node: nodes.BinExpr) -> Seen:
        left, right = self.visit(node.left), self.visit(node.right)
        self._price(node, left, right)
        try:
            value = fold.binary(_MARKS.get(type(node), ""), left.known, right.known)
            return self._folded(node, value, joined(left, right))
        except Refused:
            both = joined(left, right)
            if not isinstance(node, _BUILDS):
                return both
            pieces = few((*left.literals(), *right.literals()), most=64)
            return replace(both, pieces=pieces, is_built=bool(pieces) or left.is_built or right.is_built)

    def _price(self, node: nodes.BinExpr, left: Seen, right: Seen) -> None:
        recorder = self._scope.recorder
        if isinstance(node, nodes.Mul):
            for one, other in ((left, right), (right, left)):
                count = one.value
                is_number = isinstance(other.value, int | float)
                if isinstance(count, int) and count >= _LONG_REPEAT and not is_number:
                    size = len(other.text) if other.text else 1
                    recorder.cost(node, CostKind.REPEAT, count * size)
        elif isinstance(node, nodes.Pow):
            exponent = right.value
            if isinstance(exponent, int) and exponent >= _LARGE_EXPONENT:
                recorder.cost(node, CostKind.POWER, exponent)
            elif isinstance(node.left, nodes.Pow) and isinstance(left.value, Unknown):
                recorder.cost(node, CostKind.POWER, _LARGE_EXPONENT)
        elif isinstance(node, nodes.Mod) and left.text:
            self._calls.price_format(node, left.text)

    def _unary(self, node: nodes.UnaryExpr, inner: nodes.Expr) -> Seen:
        with self._scope.silent():
            seen = self.visit(inner)
        value = seen.value
        if isinstance(node, nodes.Neg) and isinstance(value, int | float):
            return Seen(value=-value)
        if isinstance(node, nodes.Not):
            # Whether a text is empty is no secret: only what it was tested for counts.
            return replace(joined(seen), root=seen.root, chain=seen.chain)
        return joined(seen)

    def _either(self, node: nodes.BinExpr) -> Seen:
        left = self.visit(node.left)
        with self._scope.tested(node.left, left):
            right = self.visit(node.right)
        pieces = few((*left.literals(), *right.literals()), most=64)
        both = replace(joined(left, right), pieces=pieces)
        if isinstance(node, nodes.Or) and left.text:
            return replace(both, value=left.text)
        prompt = next((one for one in (left, right) if one.root == "add_generation_prompt"), left)
        return replace(both, root=prompt.root, chain=prompt.chain)

    def _choice(self, node: nodes.CondExpr) -> Seen:
        with self._scope.silent():
            test = self.visit(node.test)
        with self._scope.tested(node.test, test):
            chosen = self.visit(node.expr1)
            other = self.visit(node.expr2)
        if isinstance(node.test, nodes.Const):  # a variable may hold another value in the next round
            return chosen if test.value else other
        pieces = few((*chosen.literals(), *other.literals()), most=64)
        is_built = chosen.is_built or other.is_built
        return replace(joined(chosen, other, test), pieces=pieces, is_built=is_built)

    def _compare(self, node: nodes.Compare) -> Seen:
        with self._scope.silent():
            seen = [self.visit(node.expr), *(self.visit(operand.expr) for operand in node.ops)]
        both = joined(*seen)
        if not both.about:
            return both
        literals = [text for one in seen if not one.about for text in one.literals()]
        if both.about & {About.COUNT, About.LENGTH, About.DATE}:
            literals += [str(one.value) for one in seen if isinstance(one.value, int)]
        contents = [one for one in seen if one.about & {About.CONTENT, About.LENGTH}]
        is_emptiness = any(one.value == "" for one in seen)
        if len(contents) > 1 or About.LENGTH in both.about or is_emptiness:
            literals += both.cuts
        return replace(both, words=few((*both.words, *literals)))

    # Results.

    def _folded(self, node: nodes.Node, value: Value, about: Seen) -> Seen:
        self._made(value)
        if isinstance(value, str):
            self._scope.recorder.text(node, value)
        return replace(about, value=value, root="''" if isinstance(value, str) else "")

    def _made(self, value: Value) -> Value:
        """Account for what folding made. Raises Refused when it was too much in sum."""
        self._scope.work -= fold.weight(fold.bounded(value))
        if self._scope.work < 0:
            self._scope.recorder.is_cut = True
            raise Refused
        return value
