"""ExecuTorch programs (`.pte`) and tensor files (`.ptd`): tables and segments, never their bytes.

    .pte   u32 root  "ET12"  "eh00"  u32 header length  u64 program size  u64 segment base
           Program flatbuffer  padding  segments
    .ptd   u32 root  "FT01"  "FH01"  u32 header length  u64 flatbuffer offset  u64 flatbuffer size
           u64 segment base  u64 segment bytes  FlatTensor flatbuffer  padding  segments
    .bpte  u32 root  "BP08"  BundledProgram flatbuffer, which holds a program and inputs to try it with

The extended header is optional in old programs. Runtimes on phones index by what stands here, and
several releases did so without a check. Source: schema/program.fbs, flat_tensor.fbs and
extended_header.h of ExecuTorch 1.x.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table, Vector

PROGRAM, TENSORS, BUNDLE = b"ET", b"FT", b"BP"
_PROGRAM_HEADER, _TENSORS_HEADER = b"eh", b"FH"
_MOST_BYTES = 1 << 63
_MOST_DIMS = 16
"""kTensorDimensionLimit of the runtime."""
_MOST_SHOWN = 10_000
_SCALAR_TYPES = 45
_CHECK_EVERY = 1 << 12
_MOST_STEPS = 4_000_000
"""Tables and indexes looked at; a program of a language model has some ten thousand."""

_TENSOR, _TENSOR_LISTS = 5, (10, 11)
_KERNEL, _DELEGATE, _MOVE, _JUMP, _FREE = 1, 2, 3, 4, 5
_CODES = frozenset({_KERNEL, _DELEGATE, _MOVE, _JUMP, _FREE})
_UNBOUND = 2


class ExecutorchAnomaly(StrEnum):
    """What is wrong with a program that can be read."""

    SEGMENT_OUTSIDE = "segment-outside"
    SEGMENT_OVERFLOW = "segment-overflow"
    OFFSET_OUTSIDE = "offset-outside"
    NEGATIVE_SIZE = "negative-size"
    SIZE_OVERFLOW = "size-overflow"
    TOO_MANY_DIMS = "too-many-dims"
    BAD_DIM_ORDER = "bad-dim-order"
    UNKNOWN_SCALAR_TYPE = "unknown-scalar-type"
    INDEX_OUTSIDE = "index-outside"
    UNKNOWN_INSTRUCTION = "unknown-instruction"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that a program hands to someone: a backend's program, or named data.

    Attributes:
        name: id of the backend, or key of the data.
        start: in bytes from the start of the file.
    """

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class ExecutorchFile:
    """What a program or tensor file names.

    Attributes:
        methods: names of the execution plans.
        operators: `aten::add.out`, without repeats.
        delegates: one for each delegate of each plan.
        data: named data that is not said to be a tensor.
    """

    version: int
    methods: tuple[str, ...]
    operators: tuple[str, ...]
    delegates: tuple[Blob, ...]
    data: tuple[Blob, ...]
    anomalies: tuple[Anomaly[ExecutorchAnomaly], ...]


def parse_executorch(source: ByteSource, budget: Budget) -> ExecutorchFile:
    """Read a `.pte` or `.ptd` file; tensor bytes and backend programs are not read.

    Raises:
        Malformed: it is neither, or a table leads nowhere.
        LimitReached: more tables than any program needs, or out of time.
    """
    head = bytes(source.read_at(0, 64))
    if head[4:6] == PROGRAM:
        return _Program(source, budget, head).read()
    if head[4:6] == TENSORS:
        return _Tensors(source, budget, head).read()
    raise Malformed("neither an ExecuTorch program nor a tensor file")


def bundled_program(source: ByteSource) -> Blob | None:
    """Return where the program of a `.bpte` file lies; None for other files.

    Raises:
        Malformed: there is none in it.
    """
    if bytes(source.read_at(4, 2)) != BUNDLE:
        return None
    program = FlatBuffer(source).root().vector(2, 1)
    if program is None:
        raise Malformed("a bundle without a program", 4)
    return Blob("program", program.start, program.count)


class _File:
    """What both kinds of file share: segments behind a flatbuffer, and anomalies."""

    def __init__(self, source: ByteSource, budget: Budget) -> None:
        self.source = source
        self.budget = budget
        self.log: AnomalyLog[ExecutorchAnomaly] = AnomalyLog()
        self.segments: list[tuple[int, int]] = []
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps % _CHECK_EVERY == 0:
            self.budget.check_time()
        if self.steps > _MOST_STEPS:
            raise LimitReached(f"an ExecuTorch file of more than {_MOST_STEPS:,} tables and indexes")

    def read_segments(self, vector: Vector | None, base: int) -> None:
        for index, segment in enumerate(vector.tables() if vector is not None else ()):
            self.step()
            start = base + segment.scalar(0, Scalar.ULONG)
            size = segment.scalar(1, Scalar.ULONG)
            self.segments.append((start, size))
            if max(start, size, start + size) >= _MOST_BYTES:
                detail = f"segment {index}: {size:,} bytes at {start:,} overflow the address"
                self.log.add(ExecutorchAnomaly.SEGMENT_OVERFLOW, detail, at=segment.at)
            elif start + size > self.source.size:
                detail = f"segment {index} ends at {start + size:,}, the file at {self.source.size:,}"
                self.log.add(ExecutorchAnomaly.SEGMENT_OUTSIDE, detail, at=segment.at)

    def index(self, index: int, count: int, what: str, at: int) -> bool:
        """Return True when there is such an element; say so when there is none."""
        if 0 <= index < count:
            return True
        detail = f"{what} {index:,}, and there are {count:,}"
        self.log.add(ExecutorchAnomaly.INDEX_OUTSIDE, detail, at=at, subject=what)
        return False

    def sizes(self, table: Table, *, kind: int, sizes: int, order: int, is_bound: bool = True) -> None:
        """Check the shape of a tensor whose fields have these indexes."""
        scalar = table.scalar(kind, Scalar.BYTE)
        if not 0 <= scalar < _SCALAR_TYPES:
            self.log.add(ExecutorchAnomaly.UNKNOWN_SCALAR_TYPE, f"scalar type {scalar}", at=table.at)
        vector = table.vector(sizes, 4)
        count = vector.count if vector is not None else 0
        if count > _MOST_DIMS:
            self.log.add(ExecutorchAnomaly.TOO_MANY_DIMS, f"{count:,} dimensions", at=table.at)
        elif vector is not None and is_bound:
            self._product(vector.numbers(Scalar.INT), table.at)
        ordered = table.vector(order, 1)
        if ordered is not None and count <= _MOST_DIMS:
            self._order(ordered, count, table.at)

    def _product(self, sizes: list[int], at: int) -> None:
        product = 1
        for size in sizes:
            product *= size
        if any(size < 0 for size in sizes):
            self.log.add(ExecutorchAnomaly.NEGATIVE_SIZE, f"sizes {sizes}", at=at)
        elif product * 8 >= _MOST_BYTES:
            self.log.add(ExecutorchAnomaly.SIZE_OVERFLOW, f"sizes {sizes}", at=at)

    def _order(self, ordered: Vector, count: int, at: int) -> None:
        order = list(ordered.bytes_of(_MOST_DIMS + 1))
        if sorted(order) != list(range(count)):
            detail = f"order {order} of {count} dimensions"
            self.log.add(ExecutorchAnomaly.BAD_DIM_ORDER, detail, at=at)

    def named(self, vector: Vector | None) -> Iterator[Blob]:
        for entry in vector.tables() if vector is not None else ():
            self.step()
            key = entry.text(0, 1024) or ""
            index = entry.scalar(1, Scalar.UINT)
            layout = entry.table(2)
            if layout is not None:
                self.sizes(layout, kind=0, sizes=1, order=2)
            if self.index(index, len(self.segments), "segment", entry.at) and layout is None:
                yield Blob(key, *self.segments[index])


class _Tensors(_File):
    """A `.ptd` file."""

    def __init__(self, source: ByteSource, budget: Budget, head: bytes) -> None:
        super().__init__(source, budget)
        if head[8:10] != _TENSORS_HEADER or len(head) < 48:
            raise Malformed("a tensor file without its header", 8)
        offset, size, self._base = struct.unpack_from("<3Q", head, 16)
        if offset + size > source.size:
            raise Malformed("the flatbuffer ends beyond the file", 16)
        # The four bytes that lead to the root table are those of the whole file.
        self._buffer = FlatBuffer(source, 0, offset + size)

    def read(self) -> ExecutorchFile:
        root = self._buffer.root()
        self.read_segments(root.vector(1, 4), self._base)
        data = tuple(self.named(root.vector(2, 4)))
        version = root.scalar(0, Scalar.UINT)
        return ExecutorchFile(version, (), (), (), data, self.log.all())


class _Program(_File):
    """A `.pte` file."""

    def __init__(self, source: ByteSource, budget: Budget, head: bytes) -> None:
        super().__init__(source, budget)
        self._base, stop = 0, source.size
        if head[8:10] == _PROGRAM_HEADER and len(head) >= 32:
            program_bytes, self._base = struct.unpack_from("<2Q", head, 16)
            if program_bytes > source.size:
                raise Malformed("the program ends beyond the file", 16)
            stop = program_bytes
        self._root = FlatBuffer(source, 0, stop).root()
        self._methods: list[str] = []
        self._operators: dict[str, None] = {}
        self._delegates: list[Blob] = []

    def read(self) -> ExecutorchFile:
        self.read_segments(self._root.vector(4, 4), self._base)
        self._constants = self._constant_count()
        for plan in self._tables(self._root, 1):
            self._plan(plan)
        data = tuple(self.named(self._root.vector(7, 4)))
        version = self._root.scalar(0, Scalar.UINT)
        return ExecutorchFile(
            version,
            tuple(self._methods),
            tuple(self._operators),
            tuple(self._delegates),
            data,
            self.log.all(),
        )

    def _tables(self, table: Table, index: int) -> Iterator[Table]:
        vector = table.vector(index, 4)
        for one in vector.tables() if vector is not None else ():
            self.step()
            yield one

    def _constant_count(self) -> int:
        """How many constants a tensor may point to; checks where those in a segment begin."""
        constants = self._root.table(5)
        if constants is not None:
            count = self._offsets(constants)
            if count:
                return count
        inline = self._root.vector(2, 4)
        for subsegment in self._tables(self._root, 6):
            self._offsets(subsegment)
        return inline.count if inline is not None else 0

    def _offsets(self, subsegment: Table) -> int:
        offsets = subsegment.vector(1, 8)
        index = subsegment.scalar(0, Scalar.UINT)
        if offsets is None or not offsets.count:
            return 0
        if self.index(index, len(self.segments), "segment", subsegment.at):
            size = self.segments[index][1]
            largest = max(offsets.numbers(Scalar.ULONG))
            if largest > size:
                detail = f"a constant begins at {largest:,} of a segment of {size:,} bytes"
                self.log.add(ExecutorchAnomaly.OFFSET_OUTSIDE, detail, at=subsegment.at)
        return offsets.count

    def _plan(self, plan: Table) -> None:
        self._methods.append(plan.text(0, 1024) or "")
        values = plan.vector(2, 4)
        count = values.count if values is not None else 0
        for value in self._tables(plan, 2):
            self._value(value, count)
        for field, what in ((3, "input"), (4, "output")):
            self._indexes(plan, field, count, what)
        operators = [self._operator(one) for one in self._tables(plan, 6)]
        delegates = list(self._tables(plan, 7))
        for delegate in delegates:
            self._delegate(delegate)
        for chain in self._tables(plan, 5):
            self._chain(chain, count, len(operators), len(delegates))

    def _value(self, value: Table, count: int) -> None:
        kind = value.scalar(0, Scalar.UBYTE)
        held = value.table(1)
        if held is None:
            return
        if kind == _TENSOR:
            is_bound = held.scalar(8, Scalar.BYTE) != _UNBOUND
            self.sizes(held, kind=0, sizes=2, order=3, is_bound=is_bound)
            self._extra(held)
        elif kind in _TENSOR_LISTS:
            lowest = 0 if kind == _TENSOR_LISTS[0] else -1
            self._indexes(held, 0, count, "element of a list", lowest=lowest)

    def _extra(self, tensor: Table) -> None:
        index = tensor.scalar(5, Scalar.UINT)
        extra = tensor.table(9)
        is_external = extra is not None and extra.scalar(2, Scalar.BYTE) == 1
        is_mutable = tensor.table(6) is not None
        if index and not is_external and not is_mutable:
            self.index(index, self._constants, "constant", tensor.at)

    def _indexes(self, table: Table, field: int, count: int, what: str, *, lowest: int = 0) -> None:
        vector = table.vector(field, 4)
        for index in vector.numbers(Scalar.INT) if vector is not None else ():
            self.step()
            if index != lowest or lowest == 0:
                self.index(index, count, what, table.at)

    def _operator(self, operator: Table) -> str:
        name, overload = operator.text(0, 1024) or "", operator.text(1, 1024) or ""
        full = f"{name}.{overload}" if overload else name
        if len(self._operators) < _MOST_SHOWN:
            self._operators[full] = None
        return full

    def _delegate(self, delegate: Table) -> None:
        name = delegate.text(0, 1024) or ""
        reference = delegate.table(1)
        if reference is None:
            return
        index = reference.scalar(1, Scalar.UINT)
        if reference.scalar(0, Scalar.BYTE) == 1:
            if self.index(index, len(self.segments), "segment", reference.at):
                self._delegates.append(Blob(name, *self.segments[index]))
            return
        inline = self._root.vector(3, 4)
        count = inline.count if inline is not None else 0
        if inline is None or not self.index(index, count, "delegate data", reference.at):
            return
        data = inline.table(index).vector(0, 1)
        if data is not None:
            self._delegates.append(Blob(name, data.start, data.count))

    def _chain(self, chain: Table, values: int, operators: int, delegates: int) -> None:
        for field, what in ((0, "input"), (1, "output")):
            self._indexes(chain, field, values, f"{what} of a chain")
        vector = chain.vector(2, 4)
        instructions = vector.count if vector is not None else 0
        for instruction in self._tables(chain, 2):
            kind = instruction.scalar(0, Scalar.UBYTE)
            held = instruction.table(1)
            if kind not in _CODES:
                detail = f"instruction {kind}"
                self.log.add(ExecutorchAnomaly.UNKNOWN_INSTRUCTION, detail, at=instruction.at)
            elif held is not None:
                bounds = {_KERNEL: operators, _DELEGATE: delegates}.get(kind, values)
                self._instruction(kind, held, bounds, values, instructions)

    def _instruction(self, kind: int, held: Table, bound: int, values: int, length: int) -> None:
        what = {_KERNEL: "operator", _DELEGATE: "delegate"}.get(kind, "value")
        self.index(held.scalar(0, Scalar.INT), bound, what, held.at)
        if kind in (_KERNEL, _DELEGATE):
            self._indexes(held, 1, values, "argument")
        elif kind == _MOVE:
            self.index(held.scalar(1, Scalar.INT), values, "value", held.at)
        elif kind == _JUMP:
            # To jump behind the last instruction ends the method.
            self.index(held.scalar(1, Scalar.INT), length + 1, "instruction", held.at)


def described(blob: Blob) -> str:
    """Return a delegate in words."""
    return f"{quoted(blob.name)}, {blob.size:,} bytes at {blob.start:,}"
