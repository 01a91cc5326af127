"""Which callable a call really calls: through `getattr`, `partial` and the extension registry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import NotLiteral
from weighbridge.formats.pickle.trace import Call, Import, Resolution, Stream

_DEPTH = 8
_GETATTR = frozenset({("builtins", "getattr"), ("__builtin__", "getattr")})
_PARTIAL = frozenset({("functools", "partial")})
_ADD_EXTENSION = frozenset({("copyreg", "add_extension"), ("copy_reg", "add_extension")})
_BUILDERS = frozenset({"__new__"})
_TYPES_BY_NAME = frozenset({"_builtin_type", "_load_type"})
"""Of cloudpickle and dill: they give a type of Python for its name."""
_NAMES_OF_DILL = {
    "PartialType": ("functools", "partial"),
    "ItemGetterType": ("operator", "itemgetter"),
    "AttrGetterType": ("operator", "attrgetter"),
    "MethodCallerType": ("operator", "methodcaller"),
    "SuperType": ("builtins", "super"),
}


class CalleeKind(StrEnum):
    IMPORT = "import"
    """A name that is looked up: `module` and `name` are known."""
    METHOD = "method"
    """An attribute of an object that the stream built: `name` is the attribute."""
    COMPUTED = "computed"
    """The result of some call, or of a name that is not provable: it can be anything."""


@dataclass(frozen=True, slots=True)
class Callee:
    """What is called. `protocol` is the stream's at the import, which decides how names map."""

    kind: CalleeKind
    module: str
    name: str
    protocol: int


_UNKNOWN = Callee(CalleeKind.COMPUTED, "", "", 0)


class Callees:
    """Resolves the callees of one stream. Containers must be recorded before arguments are asked for."""

    def __init__(self, stream: Stream, extensions: dict[int, tuple[str, str]]) -> None:
        self._stream = stream
        self._extensions = extensions
        self._imports: dict[int, Callee] = {}

    def of(self, call: Call) -> Callee:
        inst = self._stream.inst_import(call)
        return self._imported(inst) if inst is not None else self.value(call.callee)

    def value(self, value: int, depth: int = _DEPTH) -> Callee:
        """The callable that a value is."""
        if value < 0 or depth == 0:
            return _UNKNOWN
        if value in self._imports:
            return self._imports[value]
        found = self._stream.import_at(value)
        if found is not None:
            return self._imports.setdefault(value, self._imported(found))
        call = self._stream.call_at(value)
        if call is not None:
            return self._result(call, depth - 1)
        if self._stream.opcode(value) == o.BINPERSID:
            return self._persistent(value, depth - 1)
        return _UNKNOWN

    def arguments(self, call: Call) -> tuple[int, ...] | None:
        """The positional arguments as values; None when they are not one literal tuple."""
        if call.arguments is None:
            return None
        if call.arguments != call.offset and self._stream.opcode(call.arguments) not in o.TUPLES:
            return None
        return self._stream.items(call.arguments)

    def _imported(self, found: Import) -> Callee:
        if found.resolution is Resolution.EXTENSION and found.code in self._extensions:
            module, name = self._extensions[found.code]
            return Callee(CalleeKind.IMPORT, module, name, found.protocol)
        if found.module is None or found.name is None:
            return _UNKNOWN
        return Callee(CalleeKind.IMPORT, found.module, found.name, found.protocol)

    def _result(self, call: Call, depth: int) -> Callee:
        """What a call gives, where that is a callable we can name."""
        maker = self.of(call)
        given = self.arguments(call)
        if maker.kind is not CalleeKind.IMPORT or not given:
            return _UNKNOWN
        pair = (maker.module, maker.name)
        if pair in _PARTIAL:
            return self.value(given[0], depth)
        if pair in _GETATTR and len(given) >= 2:
            return self._attribute(given[0], text(self._stream, given[1]), depth)
        if maker.name in _TYPES_BY_NAME:
            return type_by_name(text(self._stream, given[0]))
        return _UNKNOWN

    def _attribute(self, owner: int, name: str | None, depth: int) -> Callee:
        holder = self.value(owner, depth)
        if name is None:
            return _UNKNOWN
        if holder.kind is CalleeKind.IMPORT and self._stream.import_at(owner) is not None:
            if name in _BUILDERS:
                return holder
            return Callee(CalleeKind.IMPORT, holder.module, f"{holder.name}.{name}", 4)
        built = self._stream.call_at(owner)
        if built is not None:
            maker = self.of(built)
            return Callee(CalleeKind.METHOD, f"{maker.module}.{maker.name}", name, maker.protocol)
        return _UNKNOWN

    def _persistent(self, value: int, depth: int) -> Callee:
        """Torch below 1.6 wrote classes as ('module', class, source file, source code)."""
        found = next((pid for pid in self._stream.persistent_ids() if pid.offset == value), None)
        items = self._stream.items(found.value) if found is not None and found.value is not None else ()
        return self.value(items[1], depth) if len(items) == 4 else _UNKNOWN


def type_by_name(name: str | None) -> Callee:
    """What `_builtin_type("CodeType")` of cloudpickle and `_load_type("slice")` of dill give."""
    if name is None:
        return _UNKNOWN
    module, name = _NAMES_OF_DILL.get(name, ("builtins" if name[:1].islower() else "types", name))
    return Callee(CalleeKind.IMPORT, module, name, 4)


def registered_extensions(stream: Stream) -> dict[int, tuple[str, str]]:
    """The codes that a stream registers itself by `copyreg.add_extension(module, name, code)`."""
    adders = {found.offset for found in stream.imports() if (found.module, found.name) in _ADD_EXTENSION}
    if not adders:
        return {}
    calls = [call for call in stream.calls() if call.callee in adders]
    stream.record(call.arguments for call in calls if call.arguments is not None)
    found: dict[int, tuple[str, str]] = {}
    for call in calls:
        items = stream.items(call.arguments) if call.arguments is not None else ()
        if len(items) == 3:
            module, name, code = (
                text(stream, items[0]),
                text(stream, items[1]),
                integer(stream, items[2]),
            )
            if module is not None and name is not None and code is not None:
                found[code] = (module, name)
    return found


def text(stream: Stream, value: int) -> str | None:
    """The literal string that a value is, or None."""
    try:
        found = stream.literal_at(value)
    except NotLiteral:
        return None
    return found if isinstance(found, str) else None


def integer(stream: Stream, value: int) -> int | None:
    """The literal number that a value is, or None."""
    try:
        found = stream.literal_at(value)
    except NotLiteral:
        return None
    return found if isinstance(found, int) else None
