"""Names, shapes and types of the tensors that a torch pickle would build, without its bytes.

    torch._utils._rebuild_tensor_v2(('storage', torch.FloatStorage, key, place, n), offset, size, ...)
    torch._utils._rebuild_parameter(tensor, requires_grad, hooks)
    torch._tensor._rebuild_from_type_v2(_rebuild_tensor_v2, torch.Tensor, (arguments), state)

They stand in dictionaries, which stand in others (`{"state_dict": {...}, "epoch": 3}`), or in the
`_parameters`, `_buffers` and `_modules` of pickled modules. Each dictionary is a group of its own.

Laws: each container is walked once, so the work grows with the bytes; nothing but a literal size
is believed.

Source: torch/_utils.py, torch/_tensor.py, torch/serialization.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import Literal, NotLiteral
from weighbridge.formats.pickle.trace import Call, Import, Stream
from weighbridge.formats.weights.tensor_entry import Tensor, TensorGroup

MOST_TENSORS = 200_000
_MOST_DEPTH = 100
_MOST_DIMENSIONS = 64
_LONGEST_NAME = 1_000

_REBUILT = frozenset({"_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_tensor_v3"})
_WRAPPED = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
_TYPED = frozenset({"_rebuild_from_type_v2", "_rebuild_from_type"})
_MODULES = frozenset({"torch._utils", "torch._tensor", "torch.tensor"})
_DTYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
}
UNKNOWN_DTYPE = "?"


def tensor_groups(stream: Stream) -> tuple[TensorGroup, ...]:
    """Return what the pickle builds, a group for each dictionary that holds tensors.

    At most 200,000 tensors; `TensorGroup.is_cut` says when there are more.
    """
    if stream.result < 0:
        return ()
    stream.record_all()
    walk = _Walk(stream)
    walk.run()
    return tuple(TensorGroup(path, tuple(found), walk.is_cut) for path, found in walk.groups.items())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value hangs: the dictionaries that lead to its group, and its name in the group."""

    group: tuple[str, ...]
    name: str
    depth: int

    def inner(self, key: str) -> _Place:
        """A value of a plain dictionary begins a group of its own, unless it is a tensor."""
        group = (*self.group, self.name) if self.name else self.group
        return _Place(group, key, self.depth + 1)

    def dotted(self, key: str) -> _Place:
        name = f"{self.name}.{key}" if self.name else key
        return _Place(self.group, name[:_LONGEST_NAME], self.depth + 1)


@dataclass(slots=True)
class _Walk:
    stream: Stream
    groups: dict[tuple[str, ...], list[Tensor]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    states: dict[int, int] = field(default_factory=dict)
    storages: dict[int, int | None] = field(default_factory=dict)
    count: int = 0
    is_cut: bool = False

    def run(self) -> None:
        self.states = {build.target: build.state for build in self.stream.builds()}
        self.storages = {one.offset: one.value for one in self.stream.persistent_ids()}
        waiting = [(self.stream.result, _Place((), "", 0))]
        while waiting and not self.is_cut:
            value, place = waiting.pop()
            tensor = self.tensor(value, place.name)
            if tensor is not None:
                self.keep(tensor, place)
            elif value not in self.seen and place.depth < _MOST_DEPTH:
                self.seen.add(value)
                waiting += reversed(list(self.children(value, place)))

    def keep(self, tensor: Tensor, place: _Place) -> None:
        self.groups.setdefault(place.group, []).append(tensor)
        self.count += 1
        self.is_cut = self.count >= MOST_TENSORS

    def children(self, value: int, place: _Place) -> Iterator[tuple[int, _Place]]:
        state = self.attributes(value)
        if state is not None:
            yield from self.module(state, place)
            return
        opcode = self.stream.opcode(value)
        if opcode in o.DICTS or self.stream.call_at(value) is not None:
            for key, item in self.pairs(value):
                yield item, place.inner(key)
        elif opcode in o.LISTS or opcode in o.TUPLES:
            for number, item in enumerate(self.stream.items(value)):
                yield item, place.inner(str(number))

    def attributes(self, value: int) -> dict[str, int] | None:
        """The attributes of a pickled module; None for anything else."""
        state = self.states.get(value)
        if state is None or state < 0 or self.stream.opcode(state) not in o.DICTS:
            return None
        found = dict(self.pairs(state))
        return found if "_parameters" in found else None

    def module(self, attributes: dict[str, int], place: _Place) -> Iterator[tuple[int, _Place]]:
        for kind in ("_parameters", "_buffers", "_modules"):
            for key, item in self.pairs(attributes.get(kind, -1)):
                yield item, place.dotted(key)

    def pairs(self, value: int) -> Iterator[tuple[str, int]]:
        if value < 0:
            return
        items = self.stream.items(value)
        for key, item in zip(items[::2], items[1::2], strict=False):
            name = self.literal(key)
            if isinstance(name, str | int) and item >= 0:
                yield str(name)[:_LONGEST_NAME], item

    def tensor(self, value: int, name: str) -> Tensor | None:
        call = self.stream.call_at(value) if value >= 0 else None
        for _ in range(3):  # a parameter of a typed tensor
            if call is None or call.arguments is None or call.opcode != "REDUCE":
                return None
            callee, arguments = self.stream.import_at(call.callee), self.stream.items(call.arguments)
            if callee is None or callee.module not in _MODULES:
                return None
            if callee.name not in _WRAPPED or not arguments:
                return self.rebuilt(callee, arguments, name)
            call = self.wrapped(arguments[0])
        return None

    def wrapped(self, value: int) -> Call | None:
        return self.stream.call_at(value) if value >= 0 else None

    def rebuilt(self, callee: Import, arguments: tuple[int, ...], name: str) -> Tensor | None:
        if callee.name in _TYPED and len(arguments) >= 3:
            inner = self.stream.import_at(arguments[0])
            if inner is None or inner.name not in _REBUILT:
                return None
            arguments = self.stream.items(arguments[2])
        elif callee.name not in _REBUILT:
            return None
        if len(arguments) < 3:
            return None
        shape, storage = self.shape(arguments[2]), self.storage(arguments[0])
        if shape is None or storage is None:
            return None
        dtype, key = storage
        return Tensor(name, dtype, shape, f"{key}+{self.literal(arguments[1])!r}")

    def shape(self, value: int) -> tuple[int, ...] | None:
        call = self.stream.call_at(value) if value >= 0 else None
        if call is not None and call.arguments is not None:  # torch.Size([...])
            inner = self.stream.items(call.arguments)
            value = inner[0] if inner else value
        if value < 0 or self.stream.opcode(value) not in o.TUPLES | o.LISTS:
            return None
        sizes = [self.literal(item) for item in self.stream.items(value)[:_MOST_DIMENSIONS]]
        numbers = tuple(size for size in sizes if type(size) is int and size >= 0)
        return numbers if len(numbers) == len(sizes) else None

    def storage(self, value: int) -> tuple[str, str] | None:
        if value < 0 or self.stream.opcode(value) != o.BINPERSID:
            return None
        found = self.storages.get(value)
        items = self.stream.items(found) if found is not None and found >= 0 else ()
        if len(items) < 3 or self.literal(items[0]) != "storage":
            return None
        kind = self.stream.import_at(items[1])
        dtype = _DTYPES.get(kind.name or "", UNKNOWN_DTYPE) if kind is not None else UNKNOWN_DTYPE
        return dtype, str(self.literal(items[2]))

    def literal(self, value: int) -> Literal:
        try:
            return self.stream.literal_at(value) if value >= 0 else None
        except NotLiteral:
            return None
