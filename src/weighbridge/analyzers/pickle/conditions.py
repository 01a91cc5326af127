"""When a callable that could do harm is harmless, by what it is called with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import assert_never

from weighbridge.analyzers.pickle.own_classes import ON_DERIVING, handed_values, methods_that_run
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, text, type_by_name
from weighbridge.formats.pickle.literals import NotLiteral, payload
from weighbridge.formats.pickle.trace import Call, Stream
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Condition, Judgement, Standing
from weighbridge.knowledge.resolution import oddity

_LARGEST_SIZE = 1 << 24
_DEPTH = 16
_BYTES = frozenset({0x42, 0x43, 0x8E, 0x96, 0x54, 0x55})
_RECONSTRUCTOR = ("_reconstructor",)
_HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)
_CODECS = (None, "latin1", "latin-1", "utf-8", "utf8", "ascii")
_TEXTS = frozenset({0x56, 0x58, 0x8C, 0x8D, 0x53})
_INSTANCES = ("NEWOBJ", "NEWOBJ_EX", "OBJ", "INST")
_PLAIN_MAKERS = frozenset(
    f"builtins.{name}"
    for name in ("range", "slice", "complex", "set", "frozenset", "list", "tuple", "dict")
)
"""Types that make plain data from plain data."""
_DATA_WITH_METHODS = _PLAIN_MAKERS | {"builtins.bytearray", "itertools.count"}
_METHODS_OF_DATA = frozenset({"__contains__", "__getitem__", "__len__", "__next__"})
_PARTIALS = frozenset({"_functools.partial", "functools.partial"})
_METHODCALLERS = frozenset({"_operator.methodcaller", "operator.methodcaller"})
_THROUGH_PARTIAL = "called through a partial: the arguments that it adds can't be seen"
KEEPERS = _PARTIALS | {"collections.defaultdict"}
"""They keep the callable that they are given and run nothing."""
_FUNCTION_MAKERS = frozenset({"FunctionType", "_create_function", "_make_function"})
_CODE = frozenset({Condition.EMBEDDED_CODE})
_CLASSES = frozenset({Condition.PLAIN_METACLASS})
_OWN = frozenset({Condition.CELL_OF_FUNCTION, Condition.FUNCTION_OF_CODE, Condition.PLAIN_METACLASS})
"""What makes a function, a class or a cell that nobody else has."""
_KEEPING = _OWN | {Condition.KEEPS_OWN_FUNCTIONS, Condition.OWN_FUNCTION_OR_CLASS}
_METACLASSES = frozenset({"abc.ABCMeta", "builtins.type", "enum.EnumMeta", "enum.EnumType"})
_SHOWN_METHOD = re.compile(
    r"<method '(\w+)' of"
    r" '(?:str|bytes|bytearray|list|dict|set|frozenset|tuple|int|float|complex)' objects>",
    re.ASCII,
)
_RUN_WHEN_IMPORTED = frozenset({"antigravity", "this", "idlelib.idle"})
_KEPT = (Condition.LITERAL_ARGUMENTS, Condition.NAMED_ONLY)


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome for one call.

    Attributes:
        objection: why the call is not harmless; None when it is.
        payload: bytes that the call loads as a pickle.
        handed: a callable that the call runs or keeps to run.
        named: a callable that the call looks up and does not run.
        kept: a callable among the arguments whose use was looked into here.
    """

    objection: str | None = None
    payload: ByteSource | None = None
    handed: Callee | None = None
    named: Callee | None = None
    kept: Callee | None = None


_FINE = Checked()


def may_be_kept(judgement: Judgement) -> bool:
    """True for a callable that does no harm while it is a value: the file names it and no more."""
    return (
        judgement.standing in _HARMLESS or judgement.condition in _KEPT or judgement.canonical in KEEPERS
    )


class Conditions:
    """Checks the calls of one stream. Their arguments must have been recorded."""

    def __init__(
        self, stream: Stream, callees: Callees, knowledge: CallableKnowledge, *, in_archive: bool
    ) -> None:
        self._stream = stream
        self._callees = callees
        self._knowledge = knowledge
        self._in_archive = in_archive
        self._states: dict[int, int] | None = None
        self._running: frozenset[str] | None = None
        self._handed: frozenset[int] | None = None
        self.watched: set[int] = set()
        """Tuples whose callables were looked into together with what they are called with."""

    def check(self, call: Call, condition: Condition) -> Checked:
        given = self._callees.arguments(call)
        made = self._partial_behind(call)
        if made is not None:
            return _FINE if self._is_honest_partial(made) else Checked(_THROUGH_PARTIAL)
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
                if len(given) != 1 and self._judge(self._callees.of(call)).canonical == "builtins.type":
                    return Checked("makes a class, with the methods that it is given")
                return self._literal(call, given)
            case Condition.STORED_RESULT:
                return self._stored(call, given)
            case Condition.WRAPS_FIRST_ARGUMENT | Condition.REBUILDS_FIRST_ARGUMENT:
                return self._wraps(call, given)
            case Condition.ALLOWED_CLASS_ATTRIBUTE:
                return self._attribute(call, given)
            case Condition.NESTED_PICKLE:
                return self._nested(given)
            case Condition.EMBEDDED_CODE:
                return _FINE
            case Condition.FUNCTION_OF_CODE:
                is_code = bool(given) and self._is_made(given[0], _CODE)
                return _FINE if is_code else Checked("the code of the function is computed")
            case Condition.OWN_FUNCTION_OR_CLASS:
                is_own = bool(given) and self._is_own(given[0])
                return _FINE if is_own else Checked("sets the state of what this file did not make")
            case Condition.CELL_OF_FUNCTION:
                return _FINE if self._makes_functions() else Checked("a cell without a function")
            case Condition.KEEPS_OWN_FUNCTIONS:
                is_own = all(self._is_own_or_data(value) for value in given)
                return _FINE if is_own else Checked("keeps a callable that is not of this file")
            case Condition.PLAIN_METACLASS:
                is_plain = self._makes_plain_class(given)
                return _FINE if is_plain else Checked("what makes the class is no plain type")
            case Condition.TYPE_BY_NAME:
                return self._type_by_name(given)
            case Condition.METHOD_OF_DATA:
                return self._method_of_data(given)
            case Condition.KNOWN_MODULE:
                return self._module(given)
            case _:
                assert_never(condition)

    def partial(self, call: Call) -> Checked:
        """Judge a call of a partial: only two are ever written, each standing for keywords."""
        made = self._partial_behind(call)
        if made is None:
            return _FINE
        if not self._is_honest_partial(made):
            return Checked(_THROUGH_PARTIAL)
        held = self._held(made)
        return Checked(handed=self._callees.value(held[1])) if self._is_new(held) else _FINE

    def _partial_behind(self, call: Call) -> Call | None:
        made = self._stream.call_at(call.callee)
        if made is None or self._judge(self._callees.of(made)).canonical not in _PARTIALS:
            return None
        return made

    def _is_honest_partial(self, made: Call) -> bool:
        """`partial(cls.__new__, cls, k=1)` of protocol 2, `partial(methodcaller, "name", k=1)`."""
        held = self._held(made)
        return self._is_new(held) or self._is_methodcaller(held)

    def _held(self, made: Call) -> tuple[int, ...]:
        """The function of a partial and the arguments that it adds; a state replaces both."""
        if self._states is None:
            self._states = {build.target: build.state for build in self._stream.builds()}
        given = self._callees.arguments(made) or ()
        if made.offset not in self._states:
            return given
        self._stream.record([self._states[made.offset]])
        state = self._stream.items(self._states[made.offset])
        if len(state) < 2 or state[:1] != given[:1]:
            return ()
        return (state[0], *self._stream.items(state[1]))

    def _is_new(self, held: tuple[int, ...]) -> bool:
        taken = self._stream.call_at(held[0]) if len(held) > 1 else None
        given = self._callees.arguments(taken) if taken is not None else None
        return given is not None and len(given) == 2 and text(self._stream, given[1]) == "__new__"

    def _is_methodcaller(self, held: tuple[int, ...]) -> bool:
        if not held or self._judge(self._callees.value(held[0])).canonical not in _METHODCALLERS:
            return False
        return self._fetches_harmless("methodcaller", held[1:]).objection is None

    def _rebuilt(self, call: Call, given: tuple[int, ...] | None) -> Checked:
        if call.opcode in ("NEWOBJ", "NEWOBJ_EX") or given == ():
            return _FINE
        return Checked("its constructor is called with arguments; its own pickles never do that")

    def _literal(self, call: Call, given: tuple[int, ...]) -> Checked:
        if not self._are_data(given):
            return Checked("its arguments are not plain data")
        codec = text(self._stream, given[1]) if len(given) > 1 else None
        if self._judge(self._callees.of(call)).canonical == "_codecs.encode" and codec not in _CODECS:
            return Checked(f"encodes by {codec!r}, which no pickler does")
        return _FINE

    def _are_data(self, values: tuple[int, ...], depth: int = _DEPTH) -> bool:
        return depth > 0 and all(self._is_data(value, depth) for value in values)

    def _is_data(self, value: int, depth: int) -> bool:
        if self._stream.opcode(value) in o.CONTAINERS:
            return self._are_data(self._stream.items(value), depth - 1)
        if self._stream.opcode(value) in _TEXTS | _BYTES:
            return True
        call = self._stream.call_at(value)
        if call is not None:
            return self._makes_data(call, depth)
        if self._stream.import_at(value) is not None:
            return self._is_plain_callable(value)
        try:
            found = self._stream.literal_at(value)
        except NotLiteral:
            return False
        return not isinstance(found, int) or found <= _LARGEST_SIZE

    def _makes_data(self, call: Call, depth: int) -> bool:
        """`bytearray(encode("x", "latin1"))`: so protocol 2 spells what later ones have opcodes for."""
        maker = self._callees.of(call)
        if maker.kind is not CalleeKind.IMPORT:
            return False
        given = self._callees.arguments(call)
        judgement = self._judge(maker)
        is_maker = (
            judgement.condition is Condition.LITERAL_ARGUMENTS or judgement.canonical in _PLAIN_MAKERS
        )
        return is_maker and given is not None and self._are_data(given, depth - 1)

    def _is_plain_callable(self, value: int) -> bool:
        """`reduce(or_, (int, NoneType))`: named among data, and harmless when it is called with data."""
        named = self._callees.value(value)
        if named.kind is not CalleeKind.IMPORT:
            return False
        judgement = self._judge(named)
        return (
            judgement.standing is Standing.ALLOWED or judgement.condition is Condition.LITERAL_ARGUMENTS
        )

    def _wraps(self, call: Call, given: tuple[int, ...]) -> Checked:
        if not given or self._is_none(given[0]):
            return _FINE
        wrapped = self._modern(self._callees.value(given[0]))
        keeps = self._judge(self._callees.of(call)).canonical in KEEPERS
        if wrapped.kind is CalleeKind.COMPUTED:
            return (
                _FINE
                if keeps and (self._is_method_of_data(given[0]) or self._is_own(given[0]))
                else Checked("what it wraps is computed")
            )
        if wrapped.kind is CalleeKind.METHOD:
            # The call of getattr that made it has been judged for itself.
            return (
                _FINE
                if keeps
                else Checked(f"calls the method {wrapped.name!r} of an object of this file")
            )
        judgement = self._judge(wrapped)
        if keeps and may_be_kept(judgement):
            return _FINE
        if keeps and self._is_methodcaller(self._held(call)):
            self.watched |= {call.arguments or -1, (self._states or {}).get(call.offset, -1)}
            return _FINE
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

    def _attribute(self, call: Call, given: tuple[int, ...]) -> Checked:
        if self._is_setter_of_dill(given):
            self.watched.add(call.arguments or -1)
            return Checked(kept=self._callees.value(given[2]))
        name = text(self._stream, given[1]) if len(given) in (2, 3) else None
        if name is None:
            return Checked("the attribute's name is computed")
        if self._is_attribute_of_data(given[0], name):
            return _FINE
        if self._is_own(given[0]) and name.isidentifier() and not name.startswith("__"):
            return _FINE
        if name != "__new__" and (name.startswith("__") or not name.isidentifier()):
            return Checked(f"reaches for {name!r}, Python's own machinery")
        built = self._stream.call_at(given[0])
        owner = self._callees.value(given[0]) if built is None else self._maker(built)
        if owner.kind is not CalleeKind.IMPORT:
            return Checked(f"takes {name!r} from something that is computed")
        standing = self._judge(owner).standing
        if name == "__new__" and standing is not Standing.CONDITIONAL:
            return Checked(handed=owner)
        attribute = self._modern(Callee(owner.kind, owner.module, f"{owner.name}.{name}", 4))
        method = self._judge(attribute)
        if method.standing is Standing.DANGEROUS and set(method.capabilities) != {Capability.GLUE}:
            return Checked(f"takes the method {name!r}: {method.why}")
        if standing in _HARMLESS or may_be_kept(method):
            return _FINE
        if standing in (Standing.UNKNOWN, Standing.MAIN) and (
            built is None or built.opcode in _INSTANCES
        ):
            return Checked(named=attribute if built is None else owner)
        return Checked(f"takes {name!r} from something that is on no list")

    def _is_setter_of_dill(self, given: tuple[int, ...]) -> bool:
        """`getattr(dill._dill, "_setattr", setattr)`: what it is called with is judged at that call."""
        if len(given) != 3 or text(self._stream, given[1]) != "_setattr":
            return False
        names = [self._judge(self._callees.value(value)).canonical for value in (given[0], given[2])]
        return names == ["dill._dill", "builtins.setattr"]

    def _maker(self, built: Call) -> Callee:
        """What made an instance: the class, also where protocols 0 and 1 go through a function."""
        maker = self._callees.of(built)
        if maker.name not in _RECONSTRUCTOR:
            return maker
        given = self._callees.arguments(built)
        return self._callees.value(given[0]) if given else maker

    def _is_attribute_of_data(self, owner: int, name: str) -> bool:
        """`{...}.get`: a method of plain data, kept as a value."""
        is_plain = name.isidentifier() and not name.startswith("__")
        if not (is_plain or name in _METHODS_OF_DATA) or self._stream.import_at(owner) is not None:
            return False
        call = self._stream.call_at(owner)
        is_known = call is None or self._judge(self._callees.of(call)).canonical in _DATA_WITH_METHODS
        return is_known and self._is_data(owner, _DEPTH)

    def _is_method_of_data(self, value: int) -> bool:
        call = self._stream.call_at(value)
        given = self._callees.arguments(call) if call is not None else None
        if (
            call is None
            or not given
            or self._judge(self._callees.of(call)).canonical != "builtins.getattr"
        ):
            return False
        name = text(self._stream, given[1]) if len(given) == 2 else None
        return name is not None and self._is_attribute_of_data(given[0], name)

    def _stored(self, call: Call, given: tuple[int, ...]) -> Checked:
        """`operator.methodcaller` and its kin: the method that they will call must be harmless too."""
        if not self._are_data(given):
            return Checked("its arguments are not plain data")
        return self._fetches_harmless(self._callees.of(call).name, given)

    def _fetches_harmless(self, maker: str, given: tuple[int, ...]) -> Checked:
        names = {"methodcaller": given[:1], "attrgetter": given}.get(maker, ())
        spelled = [text(self._stream, value) for value in names]
        if maker == "itemgetter":
            spelled = [key for value in given if (key := text(self._stream, value)) is not None]
        for part in [part for name in spelled for part in (name or "__computed").split(".")]:
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

    def _is_made(self, value: int, how: frozenset[Condition]) -> bool:
        made = self._stream.call_at(value)
        return made is not None and self._judge(self._callees.of(made)).condition in how

    def makes_instance(self, call: Call) -> bool:
        """True where an object of a class that this file makes is made, and no code of the file runs."""
        if not self._is_made(call.callee, _CLASSES) or self._methods_that_run():
            return False
        if call.offset in self._handed_values():
            return False
        is_member = len(self._callees.arguments(call) or ()) == 1 and self._is_enumeration(call.callee)
        return call.opcode in ("NEWOBJ", "NEWOBJ_EX") or is_member

    def _methods_that_run(self) -> frozenset[str]:
        if self._running is None:
            self._running = methods_that_run(self._stream, self._is_own)
        return self._running

    def _handed_values(self) -> frozenset[int]:
        if self._handed is None:
            self._handed = handed_values(self._stream, self._keeps)
        return self._handed

    def _keeps(self, call: Call) -> bool:
        judgement = self._judge(self._callees.of(call))
        return judgement.canonical in KEEPERS or judgement.condition in _KEEPING

    def _is_enumeration(self, value: int) -> bool:
        made = self._stream.call_at(value)
        return made is not None and self._callees.of(made).name == "_make_skeleton_enum"

    def _makes_functions(self) -> bool:
        """True where the stream carries code of its own."""
        return any(found.name in _FUNCTION_MAKERS for found in self._stream.imports())

    def _is_own(self, value: int) -> bool:
        return self._is_made(value, _OWN)

    def _is_own_or_data(self, value: int) -> bool:
        return self._is_own(value) or self._is_data(value, _DEPTH) or self._is_harmless_name(value)

    def _is_harmless_name(self, value: int) -> bool:
        named = self._callees.value(value)
        return named.kind is CalleeKind.IMPORT and self._judge(named).standing in _HARMLESS

    def _makes_plain_class(self, given: tuple[int, ...]) -> bool:
        if self._methods_that_run() & ON_DERIVING:
            return False
        if given and self._stream.opcode(given[0]) in o.TUPLES:
            return all(self._is_harmless_name(base) for base in self._stream.items(given[0]))
        return bool(given) and self._judge(self._callees.value(given[0])).canonical in _METACLASSES

    def _type_by_name(self, given: tuple[int, ...]) -> Checked:
        name = text(self._stream, given[0]) if len(given) == 1 else None
        return (
            Checked("the name of a type is computed")
            if name is None
            else Checked(named=type_by_name(name))
        )

    def _method_of_data(self, given: tuple[int, ...]) -> Checked:
        name, shown = (text(self._stream, value) for value in given[1:]) if len(given) == 3 else ("", "")
        found = _SHOWN_METHOD.fullmatch(shown or "")
        is_plain = found is not None and found[1] == name and not found[1].startswith("__")
        return _FINE if is_plain else Checked("evaluates text that is no method of plain data")

    def _module(self, given: tuple[int, ...]) -> Checked:
        """An imported module runs; one of a known library would be imported anyway."""
        name = text(self._stream, given[0]) if given else None
        if name is None or oddity(name, "_"):
            return Checked("the name of a module is computed")
        top, _, rest = name.partition(".")
        owner, _, last = name.rpartition(".")
        if top not in self._knowledge.stdlib | self._knowledge.allow.libraries:
            # Judged like any name of that library: nobody knows what its import runs.
            return Checked(named=Callee(CalleeKind.IMPORT, top, rest or top, 4))
        if "__main__" in name.split(".") or name in _RUN_WHEN_IMPORTED:
            return Checked(f"importing {name} runs a program")
        if owner and name != "os.path" and not self._knowledge.computed.has_module(name):
            # dill gives the attribute of that name where there is no such module.
            return Checked(named=Callee(CalleeKind.IMPORT, owner, last, 4))
        return _FINE

    def _is_none(self, value: int) -> bool:
        return self._stream.opcode(value) == 0x4E

    def _modern(self, callee: Callee) -> Callee:
        """The attribute by its class's name in Python 3; old protocols write that of Python 2."""
        owner, dot, rest = callee.name.partition(".")
        if not dot:
            return callee
        module, name = self._knowledge.renames.renamed(callee.module, owner)
        return Callee(callee.kind, module, f"{name}.{rest}", callee.protocol)

    def _judge(self, callee: Callee) -> Judgement:
        return self._knowledge.judge(callee.module, callee.name, protocol=callee.protocol)
