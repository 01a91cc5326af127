r"""Read marshal data of every version without running or building anything.

    object  = type byte, with bit 0x80: the object gets the next reference number
    N F T S .       None, False, True, StopIteration, Ellipsis
    i I l           int: 4 bytes; 8 bytes; signed count and 15-bit digits
    f g x y         float and complex: as text behind a length byte; as 8 and 16 bytes
    s t u a A z Z   bytes; text: interned, UTF-8, ASCII; the last two with a length of one byte
    ( ) [ < > { :   tuple, short tuple, list, set, frozenset, dict up to `0`, slice (3.14)
    r R             reference; reference to interned text (Python 2)
    c               code object: one of four layouts, and nothing says which

All numbers are little-endian. `marshal.loads` ignores what follows the object, and so do we.

Source: Python/marshal.c of CPython 2.7 and 3.0 to 3.14.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.building import code_from_parts
from weighbridge.formats.bytecode.values import Atom, CodeObject, Container, Kind, Layout, Value

MAX_BYTES = 64 << 20
MAX_OBJECTS = 500_000
MAX_DEPTH = 2000
"""CPython's own limit."""
_MAX_DIGITS = 2000
_REF = 0x80

_OBJECTS = ("code", "constants", "names", "varnames", "freevars", "cellvars", "filename", "name")
_FIELDS: dict[Layout, tuple[str, ...]] = {
    Layout.PYTHON2: (*["int"] * 4, *_OBJECTS, "first_line", "lines"),
    Layout.KEYWORD_ONLY: (*["int"] * 5, *_OBJECTS, "first_line", "lines"),
    Layout.POSITIONAL_ONLY: (*["int"] * 6, *_OBJECTS, "first_line", "lines"),
    Layout.LOCALS_PLUS: (
        *["int"] * 5,
        *("code", "constants", "names", "varnames", "kinds", "filename", "name", "qualname"),
        *("first_line", "lines", "handlers"),
    ),
}
_NUMBERS = frozenset({"int", "first_line"})
_SINGLES: dict[int, Value] = {
    0x4E: None,
    0x46: False,
    0x54: True,
    0x53: Atom.STOP_ITERATION,
    0x2E: Atom.ELLIPSIS,
}
_CONTAINERS = {
    0x5B: Kind.LIST,
    0x3C: Kind.SET,
    0x3E: Kind.FROZENSET,
    0x7B: Kind.DICT,
    0x3A: Kind.SLICE,
}


@dataclass(frozen=True, slots=True, eq=False)
class Marshalled:
    """One object.

    Attributes:
        layout: of its code objects; None when it holds none.
        stop: offset behind the object; what follows is ignored by loaders.
        is_ambiguous: another layout reads as well; this one leaves the fewest bytes behind it.
    """

    value: Value
    layout: Layout | None
    stop: int
    is_ambiguous: bool = False


def read_marshal(data: bytes, start: int = 0, *, layout: Layout | None = None) -> Marshalled:
    """Read the object at `start`, in the layout given or in the one that fits best.

    Raises:
        Malformed: it is none, or larger than the limits. `offset` is that of the furthest attempt.
    """
    if len(data) - start > MAX_BYTES:
        raise Malformed(f"marshal data of more than {MAX_BYTES:,} bytes", start)
    found: list[Marshalled] = []
    failure = Malformed("empty marshal data", start)
    for attempt in (layout,) if layout is not None else reversed(Layout):
        try:
            read = _Reader(data, start, attempt).read()
        except Malformed as error:
            failure = max(failure, error, key=lambda each: each.offset)
            continue
        if read.layout is None:
            return read
        found.append(read)
    if not found:
        raise failure
    best = max(found, key=lambda each: each.stop)
    return Marshalled(best.value, best.layout, best.stop, len(found) > 1)


class _Signal(Enum):
    OPENED = "a container, whose items follow"
    NULL = "the end of a dict"


@dataclass(slots=True)
class _Open:
    """A container whose items are being read."""

    kind: Kind | type[tuple[Value, ...]] | type[CodeObject]
    wanted: int | None
    """None for a dict, which ends with `0`."""
    slot: int | None
    items: list[Value] = field(default_factory=list)


class _Reader:
    def __init__(self, data: bytes, start: int, layout: Layout) -> None:
        self._data = data
        self._at = start
        self._layout = layout
        self._fields = _FIELDS[layout]
        self._open: list[_Open] = []
        self._references: list[Value] = []
        self._interned: list[Value] = []
        self._count = 0
        self._has_code = False
        self._readers: dict[int, Callable[[], Value]] = {
            0x69: self._number,
            0x49: lambda: int.from_bytes(self._take(8), "little", signed=True),
            0x6C: self._digits,
            0x66: self._text_float,
            0x67: lambda: float(struct.unpack("<d", self._take(8))[0]),
            0x78: lambda: complex(self._text_float(), self._text_float()),
            0x79: lambda: complex(*struct.unpack("<2d", self._take(16))),
            0x73: lambda: self._take(self._size()),
            0x74: self._interned_text,
            0x75: lambda: self._utf8(self._take(self._size())),
            0x61: lambda: self._take(self._size()).decode("latin-1"),
            0x41: lambda: self._take(self._size()).decode("latin-1"),
            0x7A: lambda: self._take(self._take(1)[0]).decode("latin-1"),
            0x5A: lambda: self._take(self._take(1)[0]).decode("latin-1"),
        }

    def read(self) -> Marshalled:
        while True:
            found = self._object()
            while found is not _Signal.OPENED:
                if not self._open:
                    return self._result(found)
                top = self._open[-1]
                if not self._put(top, found):
                    break
                found = self._close(top)

    def _result(self, found: Value | _Signal) -> Marshalled:
        if isinstance(found, _Signal):
            raise Malformed("the end of a dict without its beginning", self._at)
        return Marshalled(found, self._layout if self._has_code else None, self._at)

    def _put(self, top: _Open, found: Value | _Signal) -> bool:
        """Put an item into the innermost container. True when that is complete."""
        if isinstance(found, _Signal):
            if top.kind is not Kind.DICT:
                raise Malformed("the end of a dict without its beginning", self._at)
            return True
        top.items.append(found)
        if top.kind is CodeObject:
            self._numbers(top)
        return len(top.items) == top.wanted

    def _close(self, top: _Open) -> Value:
        self._open.pop()
        value = self._made(top)
        if top.slot is not None:
            self._references[top.slot] = value
        return value

    def _made(self, top: _Open) -> Value:
        if top.kind is CodeObject:
            return code_from_parts(self._layout, dict(zip(self._fields, top.items, strict=True)))
        items = tuple(top.items)
        return Container(top.kind, items) if isinstance(top.kind, Kind) else items

    def _object(self) -> Value | _Signal:
        self._count += 1
        if self._count > MAX_OBJECTS:
            raise Malformed(f"more than {MAX_OBJECTS:,} marshalled objects", self._at)
        code = self._take(1)[0]
        kind = code & ~_REF
        if kind == 0x30:
            return _Signal.NULL
        if kind in (0x72, 0x52):
            return self._reference(self._references if kind == 0x72 else self._interned)
        slot = len(self._references) if code & _REF and kind not in _SINGLES else None
        if slot is not None:
            self._references.append(Atom.RECURSION)
        if kind in _SINGLES:
            return _SINGLES[kind]
        reader = self._readers.get(kind)
        if reader is None:
            return self._container(kind, slot)
        value = reader()
        if slot is not None:
            self._references[slot] = value
        return value

    def _container(self, kind: int, slot: int | None) -> Value | _Signal:
        if len(self._open) >= MAX_DEPTH:
            raise Malformed(f"marshal data nested deeper than {MAX_DEPTH:,}", self._at)
        if kind == 0x63:
            opened = _Open(CodeObject, len(self._fields), slot)
            self._has_code = True
        elif kind in (0x28, 0x29):
            opened = _Open(tuple, self._size() if kind == 0x28 else self._take(1)[0], slot)
        elif kind in _CONTAINERS:
            opened = _Open(_CONTAINERS[kind], self._wanted(_CONTAINERS[kind]), slot)
        else:
            raise Malformed(f"0x{kind:02x} is no type of marshal", self._at - 1)
        self._open.append(opened)
        if opened.kind is CodeObject:
            self._numbers(opened)
        return _Signal.OPENED if opened.wanted != 0 else self._close(opened)

    def _wanted(self, kind: Kind) -> int | None:
        if kind is Kind.DICT:
            return None
        return 3 if kind is Kind.SLICE else self._size()

    def _numbers(self, opened: _Open) -> None:
        """Read the fields of a code object that are bare numbers, up to the next object."""
        while len(opened.items) < len(self._fields):
            if self._fields[len(opened.items)] not in _NUMBERS:
                return
            opened.items.append(self._number())

    def _reference(self, table: list[Value]) -> Value:
        index = self._number()
        if not 0 <= index < len(table):
            raise Malformed("a reference to an object that was never written", self._at - 4)
        return table[index]

    def _take(self, length: int) -> bytes:
        stop = self._at + length
        if stop > len(self._data):
            raise Malformed("the marshal data is cut off", self._at)
        taken = self._data[self._at : stop]
        self._at = stop
        return taken

    def _number(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _size(self) -> int:
        """A length or a count; every item takes a byte at least."""
        size = self._number()
        if not 0 <= size <= len(self._data) - self._at:
            raise Malformed("a length beyond the end of the marshal data", self._at - 4)
        return size

    def _digits(self) -> Value:
        count = self._number()
        raw = self._take(2 * abs(count))
        if abs(count) > _MAX_DIGITS:
            return Atom.HUGE_INTEGER
        value = 0
        for (digit,) in reversed(list(struct.iter_unpack("<H", raw))):
            if digit > 0x7FFF:
                raise Malformed("a digit of an integer is out of range", self._at)
            value = value << 15 | digit
        return -value if count < 0 else value

    def _text_float(self) -> float:
        raw = self._take(self._take(1)[0])
        try:
            return float(raw)
        except ValueError:
            raise Malformed("a float that is no number", self._at - len(raw)) from None

    def _interned_text(self) -> Value:
        raw = self._take(self._size())
        value = raw if self._layout is Layout.PYTHON2 else self._utf8(raw)
        self._interned.append(value)
        return value

    def _utf8(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Malformed("text that is no UTF-8", self._at - len(raw)) from None
