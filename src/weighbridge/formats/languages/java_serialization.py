"""Walk a stream of Java's object serialization: which classes its reader makes, and what it carries.

    AC ED 00 05   contents
    73 object     class descriptor, then the fields of each class from the topmost down
    72 class      name, u64 version, flags, fields, annotations, descriptor of the superclass
    7D proxy      names of interfaces, annotations, superclass
    74/7C text    75 array    76 class itself   7E enum   77/7A block of bytes   71 reference   70 null

Flags say whether a class wrote more than its fields (01), wrote everything itself (04), and whether
that is in blocks (08). What is written outside of blocks can't be told apart: the walk ends there.

Source: Java Object Serialization Specification, chapter 6.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.forward import ForwardReader

MAGIC: Final = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _OBJECT, _STRING, _ARRAY, _CLASS_ITSELF = range(0x70, 0x77)
_BLOCK, _END, _RESET, _LONG_BLOCK, _EXCEPTION, _LONG_STRING, _PROXY, _ENUM = range(0x77, 0x7F)
_WROTE_MORE, _SERIALIZABLE, _EXTERNALIZABLE, _IN_BLOCKS = 1, 2, 4, 8
_FIRST_HANDLE = 0x7E0000
_SIZES: Final = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}
_MAX_DEPTH = 8_000
_MAX_HANDLES = 2_000_000
_MAX_CLASSES = 20_000
_MAX_FIELDS = 10_000
_MAX_ANCESTORS = 64
_STRINGS_KEPT = 2_000
_STRING_BYTES = 2 * KIB
_ARRAYS_KEPT = 1_000
_CARRIED: Final = (b"\xca\xfe\xba\xbe", MAGIC, b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"MZ")
_U16, _U32, _U64 = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">Q")
_SCANNED_BYTES = 64 * MIB
_STEP = 1 * MIB
_NAMED = re.compile(rb"r\x00[\x05-\xff]([A-Za-z_$\[][\w.$/;\[]{4,254})", re.ASCII)


@dataclass(slots=True)
class JavaClass:
    """A class descriptor."""

    name: str
    flags: int = 0
    fields: list[str] = field(default_factory=list)
    parent: JavaClass | None = None


@dataclass(slots=True)
class JavaStream:
    """What the walk met; filled as it goes, and kept when it breaks.

    Attributes:
        classes: by name, the offset of the first descriptor; interfaces of proxies as well.
        strings: the first 2,000, each cut at 2 KiB.
        carried: (offset, length) of byte arrays that begin like code, an archive or a stream.
        end: first byte behind what was read.
    """

    classes: dict[str, int] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)
    carried: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0


Value: TypeAlias = "JavaClass | None"
Steps: TypeAlias = "Generator[Steps, Value, Value]"


def walk_java(source: ByteSource, budget: Budget, found: JavaStream) -> None:
    """Read all contents of the stream into `found`.

    Raises:
        Malformed: no such stream, or one that can't be followed.
        LimitReached: deeper or larger than any model, or out of time.
    """
    _Walk(source, budget, found).run()


def scan_names(source: ByteSource) -> Iterator[tuple[str, int]]:
    """Yield (name, offset) of what looks like a class descriptor, for streams that can't be followed.

    Looks at the first 64 MiB.
    """
    seen: set[str] = set()
    for start in range(0, min(source.size, _SCANNED_BYTES), _STEP):
        window = bytes(source.read_at(start, _STEP + KIB))
        for match in _NAMED.finditer(window):
            length = int.from_bytes(window[match.start() + 1 : match.start() + 3], "big")
            name = match[1][:length].decode("ascii", "replace")
            if len(name) == length and name not in seen and len(seen) < _MAX_CLASSES:
                seen.add(name)
                yield name, start + match.start()


def modified_utf8(raw: bytes) -> str:
    """Decode as Java does, which takes two or three bytes for a letter that needs one.

    Scanners that decode strictly do not see the names that are spelled that way.
    """
    if raw.isascii():
        return raw.decode("ascii")
    found: list[str] = []
    at = 0
    while at < len(raw):
        first, second, third = raw[at], *(raw[at + 1 : at + 3] + b"\0\0")[:2]
        if first < 0x80:
            found.append(chr(first))
            at += 1
        elif first & 0xE0 == 0xC0 and second & 0xC0 == 0x80:
            found.append(chr((first & 0x1F) << 6 | second & 0x3F))
            at += 2
        elif first & 0xF0 == 0xE0 and second & 0xC0 == 0x80 and third & 0xC0 == 0x80:
            found.append(chr((first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F))
            at += 3
        else:
            found.append(f"\\x{first:02x}")
            at += 1
    text = "".join(found)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Walk:
    def __init__(self, source: ByteSource, budget: Budget, found: JavaStream) -> None:
        self._reader = ForwardReader(source)
        self._budget = budget
        self._found = found
        self._handles: list[JavaClass | None] = []

    def run(self) -> None:
        if self._reader.take(4) != MAGIC:
            raise Malformed("no magic of Java's serialization")
        try:
            while self._reader.remaining:
                self._finish(self._content())
        finally:
            self._found.end = self._reader.offset

    def _finish(self, first: Steps) -> None:
        """Run steps with a stack of our own."""
        stack = [first]
        value: Value = None
        is_started = False
        for number in count():
            if not stack:
                return
            if number % 4096 == 0:
                self._budget.check_time()
            try:
                step = stack[-1].send(value) if is_started else next(stack[-1])
            except StopIteration as done:
                value, is_started = done.value, True
                stack.pop()
                continue
            is_started = False
            stack.append(step)
            if len(stack) > _MAX_DEPTH:
                raise LimitReached(f"objects nest deeper than {_MAX_DEPTH:,}")

    # Small pieces.

    def _byte(self) -> int:
        return self._reader.take(1)[0]

    def _handle(self, value: JavaClass | None = None) -> None:
        self._handles.append(value)
        if len(self._handles) > _MAX_HANDLES:
            raise LimitReached(f"more than {_MAX_HANDLES:,} objects")

    def _text(self, length: int) -> str:
        raw = self._reader.take(min(length, _STRING_BYTES))
        self._reader.skip(length - len(raw))
        return modified_utf8(raw)

    def _name(self) -> str:
        return modified_utf8(self._reader.take(self._reader.number(_U16)))

    def _string(self, length: int) -> None:
        self._handle()
        text = self._text(length)
        if len(self._found.strings) < _STRINGS_KEPT:
            self._found.strings.append(text)

    def _meet(self, name: str) -> None:
        if len(self._found.classes) >= _MAX_CLASSES:
            raise LimitReached(f"more than {_MAX_CLASSES:,} classes")
        self._found.classes.setdefault(name, self._reader.offset)

    def _broken(self, what: str) -> Malformed:
        return Malformed(what, self._reader.offset)

    # Contents.

    def _content(self) -> Steps:
        """Read one content; a class descriptor is returned, so that references to it work."""
        tag = self._byte()
        match tag:
            case 0x70 | 0x78:
                return None
            case 0x71:
                return self._referred()
            case 0x72 | 0x7D:
                return (yield self._descriptor(tag))
            case 0x73:
                return (yield self._object())
            case 0x74:
                self._string(self._reader.number(_U16))
            case 0x7C:
                self._string(self._reader.number(_U64))
            case 0x75:
                yield self._array()
            case 0x76:
                yield self._described()
                self._handle()
            case 0x77:
                self._reader.skip(self._byte())
            case 0x7A:
                self._reader.skip(self._reader.number(_U32))
            case 0x79 | 0x7B:
                self._handles.clear()
                if tag == _EXCEPTION:
                    yield self._content()
                    self._handles.clear()
            case 0x7E:
                yield self._described()
                self._handle()
                yield self._content()
            case _:
                raise self._broken(f"no content begins with {tag:#04x}")
        return None

    def _referred(self) -> JavaClass | None:
        number = self._reader.number(_U32) - _FIRST_HANDLE
        if not 0 <= number < len(self._handles):
            raise self._broken("a reference to nothing")
        return self._handles[number]

    def _described(self) -> Steps:
        """Read a class descriptor, or a reference to one."""
        tag = self._byte()
        if tag == _NULL:
            return None
        if tag == _REFERENCE:
            return self._referred()
        if tag not in (_CLASS, _PROXY):
            raise self._broken("no class where one must be")
        return (yield self._descriptor(tag))

    def _descriptor(self, tag: int) -> Steps:
        if tag == _PROXY:
            return (yield self._proxy())
        described = JavaClass(self._name())
        self._meet(described.name)
        self._reader.skip(8)
        self._handle(described)
        described.flags = self._byte()
        fields = self._reader.number(_U16)
        if fields > _MAX_FIELDS:
            raise LimitReached(f"a class of {fields:,} fields")
        for _ in range(fields):
            kind = chr(self._byte())
            self._name()
            if kind in "[L":
                yield self._content()
            elif kind not in _SIZES:
                raise self._broken(f"a field of type {kind!r}")
            described.fields.append(kind)
        yield self._annotations()
        described.parent = yield self._described()
        return described

    def _proxy(self) -> Steps:
        described = JavaClass("a proxy", _SERIALIZABLE)
        self._handle(described)
        interfaces = self._reader.number(_U32)
        if interfaces * 2 > self._reader.remaining:
            raise self._broken(f"a proxy of {interfaces:,} interfaces")
        for _ in range(interfaces):
            self._meet(self._name())
        yield self._annotations()
        described.parent = yield self._described()
        return described

    def _annotations(self) -> Steps:
        while self._reader.peek(1) != bytes([_END]):
            yield self._content()
        self._reader.skip(1)
        return None

    def _object(self) -> Steps:
        described = yield self._described()
        self._handle()
        chain: list[JavaClass] = []
        while described is not None:
            if len(chain) == _MAX_ANCESTORS:
                raise LimitReached(f"a class with more than {_MAX_ANCESTORS} superclasses")
            chain.append(described)
            described = described.parent
        for one in reversed(chain):
            yield self._class_data(one)
        return None

    def _class_data(self, described: JavaClass) -> Steps:
        if described.flags & _SERIALIZABLE:
            for kind in described.fields:
                if kind in _SIZES:
                    self._reader.skip(_SIZES[kind])
                else:
                    yield self._content()
            if described.flags & _WROTE_MORE:
                yield self._annotations()
        elif described.flags & _EXTERNALIZABLE:
            if not described.flags & _IN_BLOCKS:
                raise LimitReached(f"{described.name[:200]!r} wrote bytes that only it can read")
            yield self._annotations()
        return None

    def _array(self) -> Steps:
        described = yield self._described()
        self._handle()
        length = self._reader.number(_U32)
        kind = described.name[1:2] if described is not None else ""
        if kind in _SIZES:
            self._numbers(kind, length)
        elif length > self._reader.remaining:
            raise self._broken(f"an array of {length:,} objects")
        else:
            for _ in range(length):
                yield self._content()
        return None

    def _numbers(self, kind: str, length: int) -> None:
        begin = self._reader.offset
        is_carried = kind == "B" and self._reader.peek(4).startswith(_CARRIED)
        if is_carried and len(self._found.carried) < _ARRAYS_KEPT:
            self._found.carried.append((begin, length))
        self._reader.skip(length * _SIZES[kind])
