"""What BUILD and item assignment do to things that the stream did not make, or made by a lie.

Both change the loading process when their target is a class, a function or another object that was
there before: imported, or handed back by a call that makes nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.analyzers.pickle.conditions import may_be_kept
from weighbridge.analyzers.pickle.dtypes import forged_dtypes
from weighbridge.analyzers.pickle.order import out_of_order
from weighbridge.analyzers.pickle.templates import forged_templates
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import CalleeKind, Callees, text
from weighbridge.formats.pickle.decompile import decompile, spell
from weighbridge.formats.pickle.trace import Build, Call, Stream
from weighbridge.knowledge.callables import CallableKnowledge

_TENSOR_BUILDERS = ("torch._utils._rebuild_", "torch._tensor._rebuild_", "numpy.")
_HANDS_BACK = frozenset(
    {
        "_functools.reduce",
        "_operator.getitem",
        "_operator.or_",
        "builtins.getattr",
        "builtins.max",
        "builtins.min",
        "builtins.sum",
        "builtins.type",
        "functools.reduce",
        "operator.getitem",
        "operator.or_",
        "torch.jit._pickle.restore_type_tag",
        "torch.nn.backends.thnn._get_thnn_function_backend",
        "types.GenericAlias",
        "types.UnionType",
    }
)
"""Allowed calls whose result is no new object. No pickler sets the state of such a result."""
_IMPORTED = o.IMPORTS | o.EXTENSIONS
_PARTIALS = frozenset({"_functools.partial", "functools.partial"})
_DTYPE = re.compile(r"numpy(\.\w+)*\.dtype\Z|numpy\.dtypes\.")
_RAW_MEMORY = frozenset({"__array_interface__", "__array_struct__"})
_RAW_MEMORY_BYTES = re.compile(rb"__array_(?:interface|struct)__")


@dataclass(frozen=True, slots=True)
class Odd:
    """A step that breaks `rule`; `subject` says at what."""

    rule: str
    offset: int
    subject: str
    evidence: str


def odd_states(stream: Stream, callees: Callees, knowledge: CallableKnowledge) -> Iterator[Odd]:
    """Yield what BUILD, SETITEM(S), APPEND(S) and ADDITEMS do that no pickler makes them do."""
    makers = _Makers(stream, callees, knowledge)
    dtypes: list[Build] = []
    for build in stream.builds():
        maker = makers.of(build.target)
        yield from _target(stream, maker, build.target, build.offset, "sets the state of")
        if maker in _PARTIALS:
            yield from _partial(stream, callees, knowledge, build)
        elif maker is not None and _DTYPE.match(maker):
            dtypes.append(build)
    for mutation in stream.mutations():
        maker = makers.of(mutation.target)
        yield from _target(stream, maker, mutation.target, mutation.offset, f"{mutation.opcode} on")
        yield from _tensor_items(stream, mutation.offset, mutation.target)
    for offset, words in out_of_order(stream, callees):
        yield Odd("PKL034", offset, words, words)
    for build, made, words in forged_templates(stream, callees):
        yield Odd("PKL001", build.offset, made, f"{decompile(stream, build.target)}: {words}")
    for build, words in forged_dtypes(stream, callees, dtypes):
        yield Odd("PKL015", build.offset, "numpy.dtype", f"{decompile(stream, build.target)}: {words}")
    yield from _raw_memory(stream)


class _Makers:
    """The canonical name of what made a value. A file may hold millions of objects of few classes."""

    def __init__(self, stream: Stream, callees: Callees, knowledge: CallableKnowledge) -> None:
        self._stream = stream
        self._callees = callees
        self._knowledge = knowledge
        self._names: dict[int | tuple[str | None, str | None], str | None] = {}

    def of(self, value: int) -> str | None:
        call = self._stream.call_at(value) if self._stream.opcode(value) in o.CALLS else None
        if call is None:
            return None
        inst = self._stream.inst_import(call) if call.opcode == "INST" else None
        key = call.callee if inst is None else (inst.module, inst.name)
        if key not in self._names:
            self._names[key] = self._name(call)
        return self._names[key]

    def _name(self, call: Call) -> str | None:
        callee = self._callees.of(call)
        if callee.kind is not CalleeKind.IMPORT:
            return None
        judged = self._knowledge.judge(callee.module, callee.name, protocol=callee.protocol)
        return judged.canonical


def _target(stream: Stream, maker: str | None, target: int, offset: int, verb: str) -> Iterator[Odd]:
    opcode = stream.opcode(target)
    if maker is not None and maker in _HANDS_BACK:
        stream.record([target, *_arguments(stream, target)])
        words = f"{verb} {decompile(stream, target)}, which is no object that this pickle made"
        yield Odd("PKL032", offset, maker, words)
    elif opcode in (o.PERSID, o.BINPERSID):
        words = f"{verb} an object that the loading program supplied"
        yield Odd("PKL032", offset, "persistent_load", words)
    elif opcode in _IMPORTED:
        found = stream.import_at(target)
        if found is not None:
            words = f"{verb} {spell(found)} itself, not of an object that this pickle made"
            yield Odd("PKL032", offset, spell(found), words)


def _arguments(stream: Stream, value: int) -> list[int]:
    call = stream.call_at(value)
    return [call.arguments] if call is not None and call.arguments is not None else []


def _partial(
    stream: Stream, callees: Callees, knowledge: CallableKnowledge, build: Build
) -> Iterator[Odd]:
    """The state of a `functools.partial` is (function, arguments, ...): it replaces the first."""
    call = stream.call_at(build.target)
    if call is None:
        return
    stream.record([build.state])
    items = stream.items(build.state)
    if items and items[:1] == (callees.arguments(call) or ())[:1]:
        return  # the same function again, as every honest file has it: judged at the call
    function = callees.value(items[0]) if items else None
    if function is not None and function.kind is CalleeKind.IMPORT:
        judged = knowledge.judge(function.module, function.name, protocol=function.protocol)
        if may_be_kept(judged):
            return
    words = "sets the function of a partial to something that is on no list"
    yield Odd("PKL032", build.offset, "functools.partial", words)


def _tensor_items(stream: Stream, offset: int, target: int) -> Iterator[Odd]:
    call = stream.call_at(target)
    found = stream.import_at(call.callee) if call is not None else None
    if found is None or stream.opcode(offset) not in (o.SETITEM, o.SETITEMS):
        return
    if spell(found).startswith(_TENSOR_BUILDERS):
        yield Odd("PKL053", offset, spell(found), "assigns items to a tensor while it loads")


def _raw_memory(stream: Stream) -> Iterator[Odd]:
    """NumPy looks `__array_interface__` up on the instance, and reads wherever it points to."""
    if _RAW_MEMORY_BYTES.search(stream.data, stream.start, stream.stop) is None:
        return
    stream.record_all()
    for container, items in stream.children.items():
        if stream.opcode(container) in o.DICTS or stream.opcode(container) in o.CALLS:
            for key in items[::2]:
                name = text(stream, key)
                if name in _RAW_MEMORY:
                    yield Odd("PKL016", key, name, f"sets {name}: NumPy takes it for an address")
