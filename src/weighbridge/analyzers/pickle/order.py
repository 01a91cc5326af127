"""Steps on an object that no pickler takes in that order, and that call what was planted in it.

Loaders look up `append`, `extend`, `add` and `__setstate__` on the object itself. Whoever sets an
attribute of that name first can make the next step call any callable, with none of them called by
name. A pickler writes each object in one order: make it, append items, set items, set the state.

Source: Lib/pickle.py `save_reduce`, `load_build`, `load_appends`, `load_additems`.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from weighbridge.formats.pickle.callees import CalleeKind, Callees
from weighbridge.formats.pickle.opcodes import CALLS
from weighbridge.formats.pickle.trace import Build, Mutation, Stream

_EMPTY_TUPLE = 0x29

_ATTRIBUTE_BAGS = frozenset({("argparse", "Namespace"), ("types", "SimpleNamespace")})
"""Allowed classes whose constructor sets any attribute that it is told to."""
_SETS_ITEMS = frozenset({"SETITEM", "SETITEMS"})


def out_of_order(stream: Stream, callees: Callees) -> Iterator[tuple[int, str]]:
    """Yield offset and words for each step on an object that was finished before."""
    bags = _Bags(stream, callees)
    finished: set[int] = set()
    with_items: set[int] = set()
    steps: tuple[Iterator[Build | Mutation], ...] = (stream.builds(), stream.mutations())
    for step in merge(*steps, key=lambda found: found.offset):
        target = step.target
        if stream.opcode(target) not in CALLS:
            continue
        if target in finished:
            yield step.offset, _words(step, "an object whose state was set before")
        elif isinstance(step, Build):
            if bags.is_filled(target):
                yield step.offset, _words(step, "an object whose attributes its constructor was given")
        elif step.opcode in _SETS_ITEMS:
            with_items.add(target)
        elif target in with_items:
            yield step.offset, _words(step, "an object that holds items by key")
        elif bags.is_bag(target):
            yield step.offset, _words(step, "an object that is no list")
        if isinstance(step, Build):
            finished.add(target)


def _words(step: Build | Mutation, what: str) -> str:
    return f"sets the state of {what}" if isinstance(step, Build) else f"{step.opcode} on {what}"


class _Bags:
    """Tells instances of `_ATTRIBUTE_BAGS`; a file may hold millions of objects of few classes."""

    def __init__(self, stream: Stream, callees: Callees) -> None:
        self._stream = stream
        self._callees = callees
        self._makers: dict[int, bool] = {}

    def is_bag(self, value: int) -> bool:
        call = self._stream.call_at(value)
        if call is None:
            return False
        if call.callee not in self._makers:
            made = self._callees.of(call)
            is_bag = made.kind is CalleeKind.IMPORT and (made.module, made.name) in _ATTRIBUTE_BAGS
            self._makers[call.callee] = is_bag
        return self._makers[call.callee]

    def is_filled(self, value: int) -> bool:
        """True for a bag that was made with arguments, or by a detour that may add some."""
        if not self.is_bag(value):
            return False
        call = self._stream.call_at(value)
        if call is None or call.arguments is None:
            return True
        if call.callee != call.offset and self._stream.opcode(call.callee) in CALLS:
            return True
        if self._stream.opcode(call.arguments) == _EMPTY_TUPLE:
            return False
        self._stream.record_all()
        return self._callees.arguments(call) != ()
