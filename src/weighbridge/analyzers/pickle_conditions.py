"""When a callable that could do harm is harmless, by what it is called with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, text
from weighbridge.formats.pickle.literals import NotLiteral, payload
from weighbridge.formats.pickle.trace import Call, Stream
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Condition, Judgement, Standing

_LARGEST_SIZE = 1 << 24
_DEPTH = 16
_BYTES = frozenset({0x42, 0x43, 0x8E, 0x96, 0x54, 0x55})
_RECONSTRUCTOR = ("_reconstructor",)
_HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome for one call.

    Attributes:
        objection: why the call is not harmless; None when it is.
        payload: bytes that the call loads as a pickle.
        handed: a callable that the call runs or keeps to run.
    """

    objection: str | None = None
    payload: ByteSource | None = None
    handed: Callee | None = None


_FINE = Checked()


class Conditions:
    """Checks the calls of one stream. Their arguments must have been recorded."""

    def __init__(
        self, stream: Stream, callees: Callees, knowledge: CallableKnowledge, *, in_archive: bool
    ) -> None:
        self._stream = stream
        self._callees = callees
        self._knowledge = knowledge
        self._in_archive = in_archive

    def check(self, call: Call, condition: Condition) -> Checked:
        given = self._callees.arguments(call)
        if condition is Condition.REBUILT:
            return self._rebuilt(call, given)
        if condition is Condition.TORCHSCRIPT_TYPE:
            return _FINE if self._in_archive else Checked("a TorchScript type outside an archive")
        if condition is Condition.NAMED_ONLY:
            return Checked("named by honest files, never called")
        if given is None:
            return Checked("its arguments are computed")
        match condition:
            case Condition.LITERAL_ARGUMENTS:
                return _FINE if self._are_data(given) else Checked("its arguments are not plain data")
            case Condition.STORED_RESULT:
                return self._stored(call, given)
            case Condition.WRAPS_FIRST_ARGUMENT | Condition.REBUILDS_FIRST_ARGUMENT:
                return self._wraps(call, given)
            case Condition.ALLOWED_CLASS_ATTRIBUTE:
                return self._attribute(given)
            case Condition.NESTED_PICKLE:
                return self._nested(given)
            case _:
                assert_never(condition)

    def _rebuilt(self, call: Call, given: tuple[int, ...] | None) -> Checked:
        if call.opcode in ("NEWOBJ", "NEWOBJ_EX") or given == ():
            return _FINE
        return Checked("its constructor is called with arguments; its own pickles never do that")

    def _are_data(self, values: tuple[int, ...], depth: int = _DEPTH) -> bool:
        return depth > 0 and all(self._is_data(value, depth) for value in values)

    def _is_data(self, value: int, depth: int) -> bool:
        if self._stream.opcode(value) in o.CONTAINERS:
            return self._are_data(self._stream.items(value), depth - 1)
        try:
            found = self._stream.literal_at(value)
        except NotLiteral:
            return False
        return not isinstance(found, int) or found <= _LARGEST_SIZE

    def _wraps(self, call: Call, given: tuple[int, ...]) -> Checked:
        if not given or self._is_none(given[0]):
            return _FINE
        wrapped = self._callees.value(given[0])
        if wrapped.kind is CalleeKind.COMPUTED:
            return Checked("what it wraps is computed")
        if wrapped.kind is CalleeKind.METHOD:
            return Checked(f"wraps the method {wrapped.name!r} of an object that this file makes")
        judgement = self._judge(wrapped)
        if judgement.standing is Standing.CONDITIONAL:
            return Checked(f"wraps {judgement.canonical}, which is harmless only under known arguments")
        if self._callees.of(call).name in _RECONSTRUCTOR and not self._has_plain_base(given):
            return Checked("the base class whose constructor runs is not a plain type")
        return Checked(handed=wrapped)

    def _has_plain_base(self, given: tuple[int, ...]) -> bool:
        if len(given) < 2:
            return False
        base = self._callees.value(given[1])
        return base.kind is CalleeKind.IMPORT and self._judge(base).standing in _HARMLESS

    def _attribute(self, given: tuple[int, ...]) -> Checked:
        name = text(self._stream, given[1]) if len(given) in (2, 3) else None
        if name is None:
            return Checked("the attribute's name is computed")
        if name != "__new__" and (name.startswith("__") or not name.isidentifier()):
            return Checked(f"reaches for {name!r}, Python's own machinery")
        owner = self._callees.value(given[0])
        built = self._stream.call_at(given[0])
        if built is not None:
            owner = self._callees.of(built)
        if owner.kind is not CalleeKind.IMPORT or self._judge(owner).standing not in _HARMLESS:
            return Checked(f"takes {name!r} from something that is on no list")
        if name == "__new__":
            return _FINE
        method = self._knowledge.judge(owner.module, f"{owner.name}.{name}", protocol=4)
        if method.standing is Standing.DANGEROUS and set(method.capabilities) != {Capability.GLUE}:
            return Checked(f"takes the method {name!r}: {method.why}")
        return _FINE

    def _stored(self, call: Call, given: tuple[int, ...]) -> Checked:
        """`operator.methodcaller` and its kin: the method that they will call must be harmless too."""
        if not self._are_data(given):
            return Checked("its arguments are not plain data")
        maker = self._callees.of(call).name
        names = {"methodcaller": given[:1], "attrgetter": given}.get(maker, ())
        for part in (part for value in names for part in (text(self._stream, value) or "").split(".")):
            if part.startswith("__") or (maker == "methodcaller" and self._is_dangerous_method(part)):
                return Checked(f"reaches for {part!r} of whatever it is given")
        return _FINE

    def _is_dangerous_method(self, name: str) -> bool:
        return f"*.{name}" in self._knowledge.dangerous

    def _nested(self, given: tuple[int, ...]) -> Checked:
        found = self.payload(given[0]) if given else None
        return Checked("loads a pickle that is computed") if found is None else Checked(payload=found)

    def payload(self, value: int) -> ByteSource | None:
        """The bytes that a value is: a literal, or text that protocol 2 encodes to bytes."""
        stream = self._stream
        if stream.opcode(value) in _BYTES:
            try:
                start, stop = payload(stream.data, value, stream.end)
            except NotLiteral:
                return None
            return MemorySource(memoryview(stream.data)[start:stop])
        call = stream.call_at(value)
        if call is None or self._callees.of(call).name != "encode":
            return None
        given = self._callees.arguments(call) or ()
        encoded = text(stream, given[0]) if len(given) == 2 else None
        if encoded is None or text(stream, given[1]) not in ("latin1", "latin-1"):
            return None
        return MemorySource(encoded.encode("latin-1", "replace"))

    def _is_none(self, value: int) -> bool:
        return self._stream.opcode(value) == 0x4E

    def _judge(self, callee: Callee) -> Judgement:
        return self._knowledge.judge(callee.module, callee.name, protocol=callee.protocol)
