"""Find the code objects in a pickle: marshal data that it loads, and objects that it spells out.

`marshal.loads(b"...")`, `types.CodeType(1, 0, ...)`, `cloudpickle._builtin_type("CodeType")(...)` and
`dill._dill._create_code(...)` are known by their arguments: who makes them may go by any name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.pickle.code_judgement import EmbeddedCode
from weighbridge.analyzers.pickle.code_traces import may_make_code
from weighbridge.analyzers.pickle.conditions import Conditions
from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.building import FEWEST_ARGUMENTS, code_from_arguments
from weighbridge.formats.bytecode.marshal_reader import MAX_BYTES, read_marshal
from weighbridge.formats.bytecode.values import Atom, CodeObject, Container, Kind, Value
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, registered_extensions, text
from weighbridge.formats.pickle.decompile import cut, decompile
from weighbridge.formats.pickle.literals import NotLiteral
from weighbridge.formats.pickle.reader import is_plausible
from weighbridge.formats.pickle.trace import Call, Stream

_MOST_ARGUMENTS = 21
_MAX_DEPTH = 40
_MAX_VALUES = 200_000
_MAX_ALIASES = 10_000
_CODE_BYTES = (b"c", b"\xe3")
_BYTES = frozenset({0x42, 0x43, 0x8E, 0x96, 0x54, 0x55})
_LOADS = frozenset({"load", "loads"})
_MAKERS = frozenset({"CodeType", "_create_code"})
_IMPORTERS = frozenset({"subimport", "_import_module", "import_module", "__import__"})


def embedded_code(streams: Sequence[Stream], context: Context) -> Iterator[EmbeddedCode]:
    """Yield the outermost code objects of all readings, each place in the file once.

    Raises:
        LimitReached: the time is spent.
    """
    seen: set[int | None] = set()
    extensions: dict[int, tuple[str, str]] = {}
    for stream in streams:
        if stream.start > 0 and stream.flattened is None and not is_plausible(stream):
            continue
        if not may_make_code(stream):
            continue
        extensions |= registered_extensions(stream)
        for found in _Finder(stream, extensions, context).run():
            if found.offset not in seen:
                seen.add(found.offset)
                context.budget.check_time()
                yield found


class _Finder:
    """Reads one stream."""

    def __init__(self, stream: Stream, extensions: dict[int, tuple[str, str]], context: Context) -> None:
        self._stream = stream
        self._callees = Callees(stream, extensions)
        self._conditions = Conditions(stream, self._callees, context.callables, in_archive=False)
        self._values: dict[int, Value] = {}
        self._codes: dict[int, CodeObject] = {}
        self._problems: dict[int, str] = {}
        self._inner: set[int] = set()
        """Calls whose result is a part of another code object."""

    def run(self) -> Iterator[EmbeddedCode]:
        calls = [call for call in self._stream.calls() if self._may_make_code(call)]
        self._stream.record(call.arguments for call in calls if call.arguments is not None)
        for call in calls:
            self._call(call, 0)
        known = self._aliases()
        for call in calls:
            problem = self._problems.get(call.offset)
            code = self._codes.get(call.offset)
            if (code is None and problem is None) or call.offset in self._inner:
                continue
            name = o.OPCODES[self._stream.opcode(call.offset)].name
            place = self._stream.place(call.offset)
            yield EmbeddedCode(code, self._maker(call), known, place, name, problem or "")

    def _maker(self, call: Call) -> str:
        callee = self._callees.of(call)
        if callee.kind is CalleeKind.IMPORT:
            return _spell(callee)
        return cut(decompile(self._stream, call.callee), 80)

    def _may_make_code(self, call: Call) -> bool:
        callee = self._callees.of(call)
        return callee.kind is not CalleeKind.IMPORT or _is_maker(callee) or _is_marshal(callee)

    def _call(self, call: Call, depth: int) -> Value:
        """The code object that a call makes, or its arguments when it makes something else."""
        callee = self._callees.of(call)
        given = self._callees.arguments(call)
        if _is_marshal(callee):
            return self._load(call, given)
        if given is None:
            self._named_only(call, callee, "its arguments are computed")
            return Atom.COMPUTED
        if FEWEST_ARGUMENTS <= len(given) <= _MOST_ARGUMENTS or _is_maker(callee):
            return self._construct(call, callee, given, depth)
        if len(given) == 1 and callee.kind is not CalleeKind.IMPORT and self._is_code_data(given[0]):
            return self._load(call, given)
        return Container(Kind.LIST, self._all(given, depth))

    def _construct(self, call: Call, callee: Callee, given: tuple[int, ...], depth: int) -> Value:
        before = set(self._codes)
        try:
            code = code_from_arguments(self._all(given, depth))
        except Malformed as error:
            self._named_only(call, callee, error.reason)
            return Atom.COMPUTED
        self._codes[call.offset] = code
        self._inner |= set(self._codes) - before - {call.offset}
        return code

    def _named_only(self, call: Call, callee: Callee, problem: str) -> None:
        """What is called by a known name and can't be read is a problem; anything else is no code."""
        if callee.kind is CalleeKind.IMPORT and _is_maker(callee):
            self._problems[call.offset] = problem

    def _load(self, call: Call, given: tuple[int, ...] | None) -> Value:
        data = self._conditions.payload(given[0]) if given else None
        if data is None or data.size > MAX_BYTES:
            self._problems[call.offset] = "the marshal data is computed" if data is None else "too large"
            return Atom.COMPUTED
        try:
            value = read_marshal(bytes(data.read_at(0, data.size))).value
        except Malformed as error:
            self._problems[call.offset] = str(error)
            return Atom.COMPUTED
        if isinstance(value, CodeObject):
            self._codes[call.offset] = value
        return value

    def _is_code_data(self, value: int) -> bool:
        if self._stream.opcode(value) not in _BYTES:
            return False
        data = self._conditions.payload(value)
        return data is not None and data.size > 64 and bytes(data.read_at(0, 1)) in _CODE_BYTES

    # Values.

    def _all(self, values: tuple[int, ...], depth: int) -> tuple[Value, ...]:
        return tuple(self._value(value, depth + 1) for value in values)

    def _value(self, value: int, depth: int) -> Value:
        if value in self._values:
            return self._values[value]
        if value < 0 or depth > _MAX_DEPTH or len(self._values) > _MAX_VALUES:
            return Atom.COMPUTED
        self._values[value] = Atom.RECURSION
        self._values[value] = self._read(value, depth)
        return self._values[value]

    def _read(self, value: int, depth: int) -> Value:
        opcode = self._stream.opcode(value)
        if opcode in o.TUPLES:
            return self._all(self._stream.items(value), depth)
        if opcode in o.CONTAINERS:
            return Container(Kind.LIST, self._all(self._stream.items(value), depth))
        call = self._stream.call_at(value)
        data = self._conditions.payload(value) if opcode in _BYTES or call is not None else None
        if data is not None and data.size <= MAX_BYTES:
            return bytes(data.read_at(0, data.size))
        if call is not None:
            if call.offset in self._codes:
                self._inner.add(call.offset)
                return self._codes[call.offset]
            return self._call(call, depth)
        try:
            found = self._stream.literal_at(value)
        except NotLiteral:
            return Atom.COMPUTED
        return bytes(found) if isinstance(found, bytearray) else found

    # Names of modules.

    def _aliases(self) -> dict[str, str]:
        """`{"o": "os"}` out of `{"o": subimport("os")}`: how functions come by their globals."""
        found: dict[str, str] = {}
        for holder, items in self._stream.children.items():
            if self._stream.opcode(holder) not in o.DICTS or len(found) >= _MAX_ALIASES:
                continue
            for key, value in zip(items[::2], items[1::2], strict=False):
                alias = text(self._stream, key)
                target = self._target(value)
                if alias is not None and target is not None:
                    found[alias] = target
        return found

    def _target(self, value: int) -> str | None:
        call = self._stream.call_at(value)
        if call is None:
            named = self._callees.value(value)
            return _spell(named) if named.kind is CalleeKind.IMPORT else None
        if self._callees.of(call).name.rpartition(".")[2] not in _IMPORTERS:
            return None
        given = self._callees.arguments(call) or ()
        return text(self._stream, given[0]) if given else None


def _is_maker(callee: Callee) -> bool:
    last = callee.name.rpartition(".")[2]
    return last in _MAKERS or (callee.module, callee.name) == ("new", "code")


def _is_marshal(callee: Callee) -> bool:
    *owners, last = f"{callee.module}.{callee.name}".split(".")
    return last in _LOADS and any(owner.strip("_") == "marshal" for owner in owners)


def _spell(callee: Callee) -> str:
    return f"{callee.module}.{callee.name}".strip(".")
