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
from weighbridge.formats.pickle.trace import Build, Call, Mutation, Stream

_EMPTY_TUPLE = 0x29

_ATTRIBUTE_BAGS = frozenset({("argparse", "Namespace"), ("types", "SimpleNamespace")})
"""Allowed classes whose constructor sets any attribute that it is told to."""
_SETS_ITEMS = frozenset({"SETITEM", "SETITEMS"})


def out_of_order(stream: Stream, callees: Callees) -> Iterator[tuple[int, str]]:
    """Yield offset and words for each step on an object that was finished before."""
    finished: set[int] = set()
    with_items: set[int] = set()
    steps: tuple[Iterator[Build | Mutation], ...] = (stream.builds(), stream.mutations())
    for step in merge(*steps, key=lambda found: found.offset):
        target = step.target
        if stream.opcode(target) not in CALLS:
            continue
        words = _objection(stream, callees, step, target in finished, target in with_items)
        if words is not None:
            yield step.offset, words
        if isinstance(step, Build):
            finished.add(target)
        elif step.opcode in _SETS_ITEMS:
            with_items.add(target)


def _objection(
    stream: Stream, callees: Callees, step: Build | Mutation, is_finished: bool, has_items: bool
) -> str | None:
    if isinstance(step, Build):
        if is_finished:
            return "sets the state of an object for the second time"
        if _is_bag(stream, callees, step.target, filled=True):
            return "sets the state of an object whose attributes its constructor was given"
        return None
    if is_finished:
        return f"{step.opcode} on an object whose state was set before"
    if step.opcode in _SETS_ITEMS:
        return None
    if has_items:
        return f"{step.opcode} on an object that holds items by key"
    if _is_bag(stream, callees, step.target, filled=False):
        return f"{step.opcode} on an object that is no list"
    return None


def _is_bag(stream: Stream, callees: Callees, target: int, *, filled: bool) -> bool:
    call = stream.call_at(target)
    if call is None:
        return False
    callee = callees.of(call)
    if callee.kind is not CalleeKind.IMPORT or (callee.module, callee.name) not in _ATTRIBUTE_BAGS:
        return False
    is_direct = call.callee == call.offset or stream.opcode(call.callee) not in CALLS
    return not filled or not is_direct or not _is_without_arguments(stream, callees, call)


def _is_without_arguments(stream: Stream, callees: Callees, call: Call) -> bool:
    if call.arguments is not None and stream.opcode(call.arguments) == _EMPTY_TUPLE:
        return True
    stream.record_all()
    return callees.arguments(call) == ()
