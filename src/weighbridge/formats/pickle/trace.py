"""What loading a pickle would do: imports, calls, state, with offsets. The machine's events, typed.

Events stay in the machine's flat table and become objects one at a time: a file with a million
calls costs 32 bytes for each, not a Python object.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from weighbridge.formats.pickle import machine as m
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle import store as s
from weighbridge.formats.pickle.frames import Flattened
from weighbridge.formats.pickle.literals import Buffer, Literal, NotLiteral, literal
from weighbridge.formats.pickle.opcodes import OPCODES

_RECORD_ALL_BYTES = 4 << 20
_RECORD_ROUNDS = 12
_BYTE_STRINGS = (0x53, 0x54, 0x55)
"""STRING, BINSTRING, SHORT_BINSTRING."""


class Reading(StrEnum):
    """Which loader sees the stream this way."""

    ANY = "any"
    """Every loader, or the most lenient of them where they stop at different places."""
    FILE = "file"
    """C unpickler of Python 3.8 and later reading from a file (see `frames.py`)."""
    FILE_37 = "file-3.7"
    """The same up to Python 3.7."""
    PLAIN = "plain"
    """`pickle.load` on a file that joblib wrote: raw arrays are read as opcodes."""


class Halt(IntEnum):
    """How a stream ends."""

    STOP = m.HALT_STOP
    TRUNCATED = m.HALT_TRUNCATED
    BAD_OPCODE = m.HALT_BAD_OPCODE
    UNDERFLOW = m.HALT_UNDERFLOW
    NO_MARK = m.HALT_NO_MARK
    MEMO_MISS = m.HALT_MEMO_MISS
    BAD_PROTOCOL = m.HALT_BAD_PROTOCOL
    NEGATIVE_LENGTH = m.HALT_NEGATIVE_LENGTH
    ODD_ITEMS = m.HALT_ODD_ITEMS
    BAD_MEMO_INDEX = m.HALT_BAD_MEMO_INDEX
    EVENT_LIMIT = m.HALT_EVENT_LIMIT
    RAW_ARRAY = m.HALT_RAW_ARRAY

    @property
    def words(self) -> str:
        return _HALT_WORDS[self]


_HALT_WORDS = {
    Halt.STOP: "ends with STOP",
    Halt.TRUNCATED: "the stream is cut off",
    Halt.BAD_OPCODE: "a byte that is no opcode",
    Halt.UNDERFLOW: "an opcode takes more from the stack than is there",
    Halt.NO_MARK: "an opcode needs a mark and there is none",
    Halt.MEMO_MISS: "a memo entry is read that was never written",
    Halt.BAD_PROTOCOL: "a protocol above 5",
    Halt.NEGATIVE_LENGTH: "a negative length",
    Halt.ODD_ITEMS: "a key without a value",
    Halt.BAD_MEMO_INDEX: "a memo index that is no number",
    Halt.EVENT_LIMIT: "more imports and calls than the limit",
    Halt.RAW_ARRAY: "a raw array of a size that can't be worked out",
}


class AnomalyKind(StrEnum):
    """Things that a loader tolerates and no pickler writes."""

    PROTOCOL_REPEATED = "protocol-repeated"
    PROTOCOL_LATE = "protocol-late"
    FRAME_CROSSED = "frame-crossed"
    FRAME_NESTED = "frame-nested"
    FRAME_TOO_LONG = "frame-too-long"
    MEMO_OVERWRITTEN = "memo-overwritten"
    MEMO_SPARSE = "memo-sparse"
    NUMBER_TEXT = "number-text"
    STOP_IN_FRAME = "stop-in-frame"
    MEMO_MIXED = "memo-mixed"
    NAME_ENCODING = "name-encoding"
    BROKEN = "broken"


_NOTE_KINDS = {
    s.NOTE_PROTOCOL_REPEATED: AnomalyKind.PROTOCOL_REPEATED,
    s.NOTE_PROTOCOL_LATE: AnomalyKind.PROTOCOL_LATE,
    s.NOTE_FRAME_CROSSED: AnomalyKind.FRAME_CROSSED,
    s.NOTE_FRAME_NESTED: AnomalyKind.FRAME_NESTED,
    s.NOTE_FRAME_TOO_LONG: AnomalyKind.FRAME_TOO_LONG,
    s.NOTE_MEMO_OVERWRITTEN: AnomalyKind.MEMO_OVERWRITTEN,
    s.NOTE_MEMO_SPARSE: AnomalyKind.MEMO_SPARSE,
    s.NOTE_NUMBER_TEXT: AnomalyKind.NUMBER_TEXT,
    s.NOTE_STOP_IN_FRAME: AnomalyKind.STOP_IN_FRAME,
    s.NOTE_MEMO_MIXED: AnomalyKind.MEMO_MIXED,
}


class Resolution(StrEnum):
    """How the name of an import is known."""

    LITERAL = "literal"
    COMPUTED = "computed"
    """At least one part is the result of a call: it can be anything."""
    EXTENSION = "extension"
    """A code of the copyreg extension registry, known only if the stream registers it itself."""


@dataclass(frozen=True, slots=True)
class Import:
    """`module.name` is looked up. The two are None when they are not provable."""

    offset: int
    opcode: str
    module: str | None
    name: str | None
    protocol: int
    resolution: Resolution
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`callee(*arguments, **keywords)`; all three are values (offsets). INST calls what it imports."""

    offset: int
    opcode: str
    callee: int
    arguments: int | None
    keywords: int | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """`target.__setstate__(state)` or an update of its attributes."""

    offset: int
    target: int
    state: int


@dataclass(frozen=True, slots=True)
class Mutation:
    """`append`, `extend`, `__setitem__` or `add` of something that is no literal container."""

    offset: int
    opcode: str
    target: int


@dataclass(frozen=True, slots=True)
class PersistentId:
    """`persistent_load(...)`: a value (offset), or the text of a PERSID line."""

    offset: int
    value: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Anomaly:
    kind: AnomalyKind
    offset: int


class _Everything(frozenset[int]):
    """Stands for every container there is."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclass(slots=True)
class Stream:
    """One pickle: from its first opcode to STOP, or to where loaders give up.

    Offsets are into `data`; `place` maps them into the file. They differ only for a reading
    that skips bytes.
    """

    data: Buffer
    start: int
    stop: int
    halt: Halt
    halted_at: int
    protocol: int
    result: int
    reading: Reading
    events: array[int]
    notes: tuple[tuple[int, int], ...]
    skips: tuple[tuple[int, int], ...] = ()
    """Raw arrays between opcodes: half-open ranges."""
    flattened: Flattened | None = None
    children: dict[int, list[int]] = field(default_factory=dict)
    recorded_all: bool = False
    offsets: array[int] = field(default_factory=lambda: array("q"))

    def __post_init__(self) -> None:
        self.offsets = self.events[0::4]

    def place(self, offset: int) -> int:
        """The offset in the file of an offset in `data`."""
        return offset if self.flattened is None else self.flattened.origin(offset)

    # What the stream does, in order.

    def imports(self) -> Iterator[Import]:
        for row in self._rows(o.IMPORTS | o.EXTENSIONS):
            found = self._import(row)
            if found is not None:
                yield found

    def calls(self) -> Iterator[Call]:
        return (self._call(row) for row in self._rows(o.CALLS))

    def builds(self, *, since: int = 0) -> Iterator[Build]:
        """Yield the BUILDs, from the event of number `since` on."""
        for row in self._rows(frozenset({o.BUILD}), since=since):
            at, target, state = self.events[row : row + 3]
            yield Build(at, target, state)

    def mutations(self) -> Iterator[Mutation]:
        for row in self._rows(o.MUTATIONS):
            yield Mutation(
                self.events[row], OPCODES[self.data[self.events[row]]].name, self.events[row + 1]
            )

    def persistent_ids(self) -> Iterator[PersistentId]:
        for row in self._rows(frozenset({o.PERSID, o.BINPERSID})):
            at, operand = self.events[row : row + 2]
            if self.data[at] == o.BINPERSID:
                yield PersistentId(at, operand, None)
            else:
                yield PersistentId(
                    at, None, bytes(self.data[at + 1 : operand]).decode("ascii", "backslashreplace")
                )

    def anomalies(self) -> Iterator[Anomaly]:
        for code, at in self.notes:
            yield Anomaly(_NOTE_KINDS[code], at)
        for row in self._rows(frozenset({o.GLOBAL, o.INST})):
            at, _, stop, _ = self.events[row : row + 4]
            raw = bytes(self.data[at + 1 : max(stop, at + 1)])
            if not raw.isascii() and (self.data[at] == o.INST or _is_undecodable(raw)):
                yield Anomaly(AnomalyKind.NAME_ENCODING, at)
        if self.halt not in (Halt.STOP, Halt.EVENT_LIMIT):
            yield Anomaly(AnomalyKind.BROKEN, self.halted_at)

    # What a value is.

    def opcode(self, value: int) -> int:
        return self.data[value]

    def import_at(self, value: int) -> Import | None:
        """The import that pushed this value (INST pushes the result of a call, not an import)."""
        row = self._row(value)
        if row < 0 or self.data[value] not in (o.GLOBAL, o.STACK_GLOBAL, *o.EXTENSIONS):
            return None
        return self._import(row)

    def call_at(self, value: int) -> Call | None:
        row = self._row(value)
        return self._call(row) if row >= 0 and self.data[value] in o.CALLS else None

    def inst_import(self, call: Call) -> Import | None:
        """The class that an INST call names."""
        row = self._row(call.offset)
        return self._import(row) if self.data[call.offset] == o.INST and row >= 0 else None

    def literal_at(self, value: int) -> Literal:
        """Raises NotLiteral when the value is no literal."""
        return literal(self.data, value, self.end)

    def items(self, value: int) -> tuple[int, ...]:
        """The values put into a container, or given to OBJ and INST. Call `record` first."""
        return tuple(self.children.get(value, ()))

    @property
    def end(self) -> int:
        return len(self.data)

    def record(self, values: Iterable[int]) -> None:
        """Run again and keep the contents of these containers, and of all that they hold."""
        wanted = {value for value in values if value >= 0}
        if self.recorded_all or not wanted:
            return
        if self.stop - self.start <= _RECORD_ALL_BYTES:
            self.record_all()
            return
        for _ in range(_RECORD_ROUNDS):
            before = len(wanted)
            self._rerun(frozenset(wanted))
            wanted |= self._reachable(wanted)
            if len(wanted) == before:
                return

    def record_all(self) -> None:
        """Run again and keep the contents of every container."""
        if not self.recorded_all:
            self._rerun(_Everything())
            self.recorded_all = True

    def _reachable(self, wanted: set[int]) -> set[int]:
        found: set[int] = set()
        for value in wanted:
            for item in self.children.get(value, ()):
                found.add(item)
                call = self.call_at(item)
                if call is not None and call.arguments is not None:
                    found.add(call.arguments)
        return {value for value in found if self.data[value] in o.CONTAINERS | o.CALLS}

    def _rerun(self, wanted: frozenset[int]) -> None:
        runner = m.Machine(self.data, self.start, self.end, len(self.offsets) + 1, wanted)
        skips = dict(self.skips)
        while runner.run() == m.HALT_RAW_ARRAY:
            runner.pos = skips.get(runner.pos, runner.pos)
        self.children = runner.kids

    # From the flat table.

    def _rows(self, codes: frozenset[int], *, since: int = 0) -> Iterator[int]:
        data = self.data
        offsets = self.offsets[since:] if since else self.offsets
        for index, at in enumerate(offsets, since):
            if data[at] in codes:
                yield 4 * index

    def _row(self, offset: int) -> int:
        index = bisect_left(self.offsets, offset)
        return 4 * index if index < len(self.offsets) and self.offsets[index] == offset else -1

    def _call(self, row: int) -> Call:
        at, a, b, c = self.events[row : row + 4]
        op = self.data[at]
        name = OPCODES[op].name
        if op == o.INST:
            return Call(at, name, at, at)
        if op == o.OBJ:
            return Call(at, name, a, at)
        return Call(at, name, a, b, c if op == o.NEWOBJ_EX else None)

    def _import(self, row: int) -> Import | None:
        at, a, b, protocol = self.events[row : row + 4]
        op = self.data[at]
        name = OPCODES[op].name
        if op in o.EXTENSIONS:
            return Import(at, name, None, None, protocol, Resolution.EXTENSION, a)
        if op == o.STACK_GLOBAL:
            return self._stack_global(at, a, b, protocol)
        module = _name(self.data[at + 1 : a])
        qualname = _name(self.data[a + 1 : b]) if b >= 0 else ""
        return Import(at, name, module, qualname, protocol, Resolution.LITERAL)

    def _stack_global(self, at: int, module_value: int, name_value: int, protocol: int) -> Import | None:
        parts: list[str | None] = []
        for value in (module_value, name_value):
            try:
                part = self.literal_at(value)
            except NotLiteral:
                if self.data[value] in o.CONTAINERS:
                    return None
                parts.append(None)
                continue
            if isinstance(part, bytes) and self.data[value] in _BYTE_STRINGS:
                part = str(part, "latin-1")  # what `encoding="latin1"` makes of it
            if not isinstance(part, str):
                return None
            parts.append(part)
        resolution = Resolution.LITERAL if None not in parts else Resolution.COMPUTED
        return Import(at, "STACK_GLOBAL", parts[0], parts[1], protocol, resolution)


def _name(raw: Buffer) -> str:
    return str(raw, "utf-8", "backslashreplace")


def _is_undecodable(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False
