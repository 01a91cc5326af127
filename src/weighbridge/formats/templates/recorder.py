"""Collects facts while a template is walked: each once, and not without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from jinja2 import nodes

from weighbridge.formats.templates.facts import (
    Access,
    Call,
    CodeText,
    Condition,
    Cost,
    CostKind,
    Directive,
    Emission,
    How,
    Rewrite,
    TemplateFacts,
)
from weighbridge.formats.templates.unparse import unparse
from weighbridge.formats.templates.values import Seen

_MOST: Final = 20_000
_SHORTEST_TEXT: Final = 2
_Fact = TypeVar("_Fact")
_Table = dict[tuple[object, ...], _Fact]


@dataclass(slots=True)
class Recorder:
    """Facts so far. Expressions are written out only for what is new.

    Attributes:
        in_order: the emissions, to be sliced.
    """

    is_cut: bool = False
    emissions: _Table[Emission] = field(default_factory=dict)
    in_order: list[Emission] = field(default_factory=list)
    conditions: _Table[Condition] = field(default_factory=dict)
    accesses: _Table[Access] = field(default_factory=dict)
    calls: _Table[Call] = field(default_factory=dict)
    directives: _Table[Directive] = field(default_factory=dict)
    costs: _Table[Cost] = field(default_factory=dict)
    rewrites: _Table[Rewrite] = field(default_factory=dict)
    texts: _Table[CodeText] = field(default_factory=dict)

    def _keep(
        self, table: _Table[_Fact], key: tuple[object, ...], make: Callable[[], _Fact]
    ) -> _Fact | None:
        if key in table:
            return table[key]
        if len(table) >= _MOST:
            self.is_cut = True
            return None
        table[key] = make()
        return table[key]

    def _keep_emission(self, key: tuple[object, ...], make: Callable[[], Emission]) -> None:
        before = len(self.emissions)
        kept = self._keep(self.emissions, key, make)
        if kept is not None and len(self.emissions) > before:
            self.in_order.append(kept)

    def emission(
        self,
        text: str,
        node: nodes.Node,
        conditions: tuple[Condition, ...],
        *,
        begins_answer: bool,
    ) -> None:
        key = (text, conditions, begins_answer)
        shown = "" if isinstance(node, nodes.TemplateData) else unparse(node)
        self._keep_emission(key, lambda: Emission(text, node.lineno, shown, conditions, begins_answer))

    def again(
        self, emission: Emission, conditions: tuple[Condition, ...], *, begins_answer: bool
    ) -> None:
        """Record that a text of a macro is written under further tests."""
        more = (*conditions, *emission.conditions)[:16]
        begins = begins_answer or emission.begins_answer
        self._keep_emission(
            (emission.text, more, begins),
            lambda: replace(emission, conditions=more, begins_answer=begins),
        )

    def condition(self, test: nodes.Node, seen: Seen) -> Condition:
        made = Condition(unparse(test), test.lineno, seen.about, seen.words)
        return self._keep(self.conditions, (made,), lambda: made) or made

    def access(self, node: nodes.Node, owner: Seen, name: Seen, how: How) -> None:
        text = name.text
        pieces = () if text is not None else name.pieces[:8]
        key = (text, how, owner.root, owner.chain, name.is_built, name.is_content, pieces)
        self._keep(
            self.accesses,
            key,
            lambda: Access(
                text,
                how,
                owner.root,
                owner.chain,
                node.lineno,
                unparse(node),
                name.is_built,
                name.is_content,
                pieces,
            ),
        )

    def call(self, node: nodes.Node, callee: Seen) -> None:
        chain = (callee.root, *callee.chain)
        self._keep(self.calls, (chain,), lambda: Call(chain, node.lineno, unparse(node)))

    def directive(self, node: nodes.Node, kind: str, target: str | None) -> None:
        self._keep(self.directives, (kind, target), lambda: Directive(kind, target, node.lineno))

    def cost(self, node: nodes.Node, kind: CostKind, amount: int) -> None:
        self._keep(self.costs, (kind, amount), lambda: Cost(kind, amount, node.lineno, unparse(node)))

    def rewrite(self, node: nodes.Node, old: str, new: str) -> None:
        self._keep(self.rewrites, (old, new), lambda: Rewrite(old, new, node.lineno, unparse(node)))

    def text(self, node: nodes.Node, text: str) -> None:
        if len(text) >= _SHORTEST_TEXT:
            self._keep(self.texts, (text,), lambda: CodeText(text, node.lineno, unparse(node)))

    def facts(self) -> TemplateFacts:
        """Everything that was recorded, in order."""
        return TemplateFacts(
            emissions=tuple(self.emissions.values()),
            conditions=tuple(self.conditions.values()),
            accesses=tuple(self.accesses.values()),
            calls=tuple(self.calls.values()),
            directives=tuple(self.directives.values()),
            costs=tuple(self.costs.values()),
            rewrites=tuple(self.rewrites.values()),
            texts=tuple(self.texts.values()),
            is_cut=self.is_cut,
        )
