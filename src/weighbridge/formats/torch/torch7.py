"""Torch7 files (`.t7`, Lua Torch): a tree of Lua values, in which functions are Lua bytecode.

    value    = i32 tag  body                     the ASCII mode writes the same numbers as text
    0 nil    1 number: f64    2 string: i32 length, bytes    5 boolean: i32
    3 table  = i32 index  i32 count  (value value)[count]         an index seen before: a reference
    4 object = i32 index  i32 n "V 1"  i32 n class name  body of the class
    6, 7, 8  = [7, 8: i32 index]  i32 length  dumped Lua bytecode  value (upvalues)
    tensor   = i32 dims  i64 sizes[dims]  i64 strides[dims]  i64 offset  value (storage)
    storage  = i64 count  elements

`torch.load` gives the bytecode to the Lua VM, which runs what it is given without verifying it.
Source: File.lua and generic/{Tensor,Storage}.c of torch/torch7.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted

_WINDOW = 64 * KIB
_MOST_VALUES = 1_000_000
_MOST_DIMS = 64
_LONGEST_NAME = 1024
_LONGEST_KEPT = 64 * MIB
_SEARCHED_BYTES = 256 * MIB
_CHECK_EVERY = 1 << 12
_BYTECODE = (b"\x1bLua", b"\x1bLJ")
_VERSION = re.compile(rb"V -?\d+\Z")
_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+\Z")
_TENSOR = re.compile(r"torch\.(?:Cuda)?(\w*)(Tensor|Storage)\Z")
_WIDTHS = {
    "Byte": 1, "Char": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8, "Half": 2, "": 4,
}  # fmt: skip
_SEPARATED = re.compile(rb"\S+")


class Tag(IntEnum):
    """The kinds of values."""

    NIL = 0
    NUMBER = 1
    STRING = 2
    TABLE = 3
    OBJECT = 4
    BOOLEAN = 5
    FUNCTION = 6
    LEGACY_FUNCTION = 7
    RECURSIVE_FUNCTION = 8


_FUNCTIONS = (Tag.FUNCTION, Tag.LEGACY_FUNCTION, Tag.RECURSIVE_FUNCTION)


@dataclass(frozen=True, slots=True)
class LuaFunction:
    """A function that loading the file hands to the Lua VM.

    Attributes:
        code: the dump; bytecode as a rule, and `load` takes source text as well.
    """

    offset: int
    size: int
    code: bytes
    within: str


@dataclass(frozen=True, slots=True)
class LuaClass:
    """A class that the file needs, when it is first met."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class LuaText:
    """A string of the file."""

    text: bytes
    offset: int


def looks_like_torch7(head: bytes, size: int, *, is_named: bool) -> bool:
    """True when the first values can only be Torch7's; a name that says so needs less proof."""
    tag = int.from_bytes(head[:4], "little")
    if head[1:4] == b"\0\0\0" and tag <= Tag.RECURSIVE_FUNCTION and size >= 8:
        return _is_binary(head, size, 0, is_named=is_named)
    return _is_text(head, is_named=is_named)


def _is_binary(head: bytes, size: int, at: int, *, is_named: bool) -> bool:
    if len(head) < at + 16:
        return is_named
    tag, first, second = struct.unpack_from("<3i", head, at)
    if tag == Tag.OBJECT:
        version = head[at + 12 : at + 12 + max(0, min(second, 16))]
        return 0 < first < 1 << 24 and (_VERSION.match(version) is not None or _is_class(version))
    if tag in _FUNCTIONS:
        return head.startswith(_BYTECODE, at + (8 if tag == Tag.FUNCTION else 12)) or is_named
    if tag == Tag.TABLE and at == 0:
        return 0 < first < 1 << 24 and 0 <= second <= size and _is_key(head, size, is_named=is_named)
    return is_named and tag <= Tag.RECURSIVE_FUNCTION


def _is_class(name: bytes) -> bool:
    return _CLASS.match(name.decode("latin-1")) is not None


def _is_key(head: bytes, size: int, *, is_named: bool) -> bool:
    """The first key of a table: a number 1, a word, or an object."""
    (tag,) = struct.unpack_from("<i", head, 12)
    if tag == Tag.NUMBER and len(head) >= 28:
        (key,) = struct.unpack_from("<d", head, 16)
        return bool(key == int(key) if abs(key) < 1e15 else False) and (
            is_named or int.from_bytes(head[24:28], "little") <= Tag.RECURSIVE_FUNCTION
        )
    if tag == Tag.STRING and len(head) >= 20:
        (length,) = struct.unpack_from("<i", head, 16)
        word = head[20 : 20 + max(0, min(length, 64))]
        return 0 < length <= size and word.isascii() and word.decode("ascii").isprintable()
    return is_named or (tag == Tag.OBJECT and _is_binary(head, size, 12, is_named=False))


_TEXT_OBJECT = re.compile(rb"4\s\d+\s\d+\sV -?\d+\s\d+\s[A-Za-z_][\w.]*\s")
_TEXT_TABLE = re.compile(rb"3\s1\s\d+\s2\s(\d+)\s([^\n]{1,64})\n")
_TEXT_FUNCTION = re.compile(rb"(?:6|[78]\s\d+)\s\d+\s\x1bL")


def _is_text(head: bytes, *, is_named: bool) -> bool:
    if is_named:
        return re.match(rb"[0-8]\s+\d", head) is not None
    table = _TEXT_TABLE.match(head)
    if table is not None:
        return int(table.group(1)[:9]) == len(table.group(2))
    return any(pattern.match(head) is not None for pattern in (_TEXT_OBJECT, _TEXT_FUNCTION))


class _Cursor:
    """The binary mode: reads forward; elements of storages are skipped unread."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.at = 0
        self._window = b""
        self._base = 0

    def take(self, length: int) -> bytes:
        if length < 0 or length > self.source.size - self.at:
            raise Malformed(f"a length of {length:,} leads out of the file", self.at)
        if not self._base <= self.at <= self.at + length <= self._base + len(self._window):
            self._base = self.at
            self._window = bytes(self.source.read_at(self.at, max(length, _WINDOW)))
        begin = self.at - self._base
        self.at += length
        found = self._window[begin : begin + length]
        if len(found) != length:
            raise Malformed("the file ends within a value", self.at)
        return found

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def long(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def number(self) -> None:
        self.take(8)

    def text(self, length: int) -> bytes:
        return self.take(length)

    def elements(self, count: int, width: int) -> None:
        if count < 0 or count * width > self.source.size - self.at:
            raise Malformed(f"{count:,} elements lead out of the file", self.at)
        self.at += count * width


class _TextCursor(_Cursor):
    """The ASCII mode: numbers between white space, strings as they are."""

    def _word(self) -> bytes:
        match = None
        for span in (256, 64 * KIB):
            data = bytes(self.source.read_at(self.at, span))
            match = _SEPARATED.search(data)
            if match is not None and (match.end() < len(data) or len(data) < span):
                break
        if match is None:
            raise Malformed("the file ends within a value", self.at)
        self.at += match.end()
        return match.group()

    def integer(self) -> int:
        word = self._word()
        try:
            return int(word[:32])
        except ValueError:
            raise Malformed("not a number", self.at) from None

    def long(self) -> int:
        return self.integer()

    def number(self) -> None:
        self._word()

    def text(self, length: int) -> bytes:
        self.at += 1  # the line break behind the length
        return self.take(length)

    def elements(self, count: int, width: int) -> None:
        if count < 0 or count > self.source.size - self.at:
            raise Malformed(f"{count:,} elements lead out of the file", self.at)
        if width == 1 and count:
            self.text(count)  # bytes and characters stand without separators
            return
        while count > 0:
            data = bytes(self.source.read_at(self.at, _WINDOW))
            last = self.at
            for match in _SEPARATED.finditer(data):
                if match.end() == len(data) == _WINDOW:
                    break  # may go on in the next window
                self.at = last + match.end()
                count -= 1
                if not count:
                    return
            if self.at == last:
                raise Malformed("the file ends within a storage", self.at)


Found = LuaFunction | LuaClass | LuaText


def read_torch7(source: ByteSource, budget: Budget) -> Iterator[Found]:
    """Yield functions, classes and strings, in the order of the file.

    Raises:
        Malformed: the values don't follow each other as they must; what came before was yielded.
        LimitReached: too many values, or out of time.
    """
    head = bytes(source.read_at(0, 4))
    cursor = _Cursor(source) if head[1:4] == b"\0\0\0" else _TextCursor(source)
    return _Reader(cursor, budget).read()


def find_bytecode(source: ByteSource, start: int) -> Iterator[LuaFunction]:
    """Search the bytes from `start` on for dumped functions: for what can't be read in order.

    Raises:
        LimitReached: after 256 MiB.
    """
    stop = min(source.size, start + _SEARCHED_BYTES)
    for begin in range(start, stop, MIB):
        data = bytes(source.read_at(begin, min(MIB + 8, stop - begin)))
        for match in re.finditer(rb"\x1bLua[\x50-\x54]\x00|\x1bLJ[\x01\x02]", data):
            if match.start() < MIB:
                yield LuaFunction(begin + match.start(), 0, data[match.start() :][:64], "")
    if stop < source.size:
        raise LimitReached(f"{source.size - stop:,} bytes behind a value of unknown form")


class _Reader:
    """Walks values with a stack of its own: tables nest as deep as they like."""

    def __init__(self, cursor: _Cursor, budget: Budget) -> None:
        self._cursor = cursor
        self._budget = budget
        self._seen: set[int] = set()
        self._classes: set[str] = set()
        self._pending = [1]
        """Values that still have to be read, level by level."""
        self._within = [""]

    def read(self) -> Iterator[Found]:
        values = 0
        while self._pending:
            if not self._pending[-1]:
                self._pending.pop()
                self._within.pop()
                continue
            self._pending[-1] -= 1
            values += 1
            if values > _MOST_VALUES:
                raise LimitReached(f"more than {_MOST_VALUES:,} values in one Torch7 file")
            if values % _CHECK_EVERY == 0:
                self._budget.check_time()
            yield from self._value()

    def _value(self) -> Iterator[Found]:
        at = self._cursor.at
        tag = self._cursor.integer()
        if tag == Tag.NUMBER:
            self._cursor.number()
        elif tag == Tag.BOOLEAN:
            self._cursor.integer()
        elif tag == Tag.STRING:
            yield from self._string()
        elif tag == Tag.TABLE:
            if self._is_new():
                self._enter(2 * self._count())
        elif tag == Tag.OBJECT:
            if self._is_new():
                yield from self._object()
        elif tag in _FUNCTIONS:
            if tag == Tag.FUNCTION or self._is_new():
                yield from self._function()
        elif tag != Tag.NIL:
            raise Malformed(f"a value with the tag {tag}", at)

    def _enter(self, values: int, within: str | None = None) -> None:
        self._pending.append(values)
        self._within.append(self._within[-1] if within is None else within)

    def _is_new(self) -> bool:
        index = self._cursor.integer()
        if index in self._seen:
            return False
        self._seen.add(index)
        return True

    def _count(self) -> int:
        at = self._cursor.at
        count = self._cursor.integer()
        if not 0 <= count <= self._cursor.source.size:
            raise Malformed(f"a table of {count:,} entries", at)
        return count

    def _string(self) -> Iterator[LuaText]:
        length = self._cursor.integer()
        at = self._cursor.at
        if length > _LONGEST_KEPT:
            raise LimitReached(f"a string of {length:,} bytes in a Torch7 file")
        yield LuaText(self._cursor.text(length), at)

    def _function(self) -> Iterator[LuaFunction]:
        size = self._cursor.integer()
        if size > _LONGEST_KEPT:
            raise LimitReached(f"a function of {size:,} bytes in a Torch7 file")
        code = self._cursor.text(size)
        yield LuaFunction(self._cursor.at - size, size, code, self._within[-1])
        self._enter(1)

    def _object(self) -> Iterator[LuaClass]:
        at = self._cursor.at
        name = self._cursor.text(self._name_length())
        if _VERSION.match(name):
            name = self._cursor.text(self._name_length())
        shown = name.decode("utf-8", "backslashreplace")
        if shown not in self._classes:
            self._classes.add(shown)
            yield LuaClass(shown, at)
        tensor = _TENSOR.match(shown)
        if tensor is None:
            self._enter(1, shown)  # most classes of Lua write themselves as a table
        elif tensor.group(1) not in _WIDTHS:
            raise Malformed(f"a tensor of an unknown type, {quoted(shown)}", at)
        elif tensor.group(2) == "Tensor":
            self._tensor()
        else:
            self._cursor.elements(self._cursor.long(), _WIDTHS[tensor.group(1)])

    def _name_length(self) -> int:
        at = self._cursor.at
        length = self._cursor.integer()
        if not 0 < length <= _LONGEST_NAME:
            raise Malformed(f"a class name of {length:,} bytes", at)
        return length

    def _tensor(self) -> None:
        at = self._cursor.at
        dims = self._cursor.integer()
        if not 0 <= dims <= _MOST_DIMS:
            raise Malformed(f"a tensor of {dims:,} dimensions", at)
        for _ in range(2 * dims + 1):
            self._cursor.long()
        self._enter(1)
