r"""Read an R object as `saveRDS`, `save` and `serialize` write it: what could run in it, and its names.

    file     = ["RDX2\n" | "RDX3\n" | ... of a workspace]  spelling  version  writer  least-reader
               [length, name of the writer's encoding: version 3]  item
    spelling = "X\n" | "B\n" | "A\n" | "\nA\n"             the second byte is never looked at
    item     = u32 flags: type in the low 8 bits, 0x200 attributes, 0x400 tag, levels from bit 12
               content by type, in which items nest

A call is a pairlist; so is an argument list. Symbols and environments are numbered as they are met
and referred to by number. Depth costs no stack here, numbers and long character vectors are stepped
over, and every count is compared with the bytes that are left.

Source: R Internals, section 1.8; src/main/serialize.c and saveload.c of R.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import Final, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.forward import ForwardReader
from weighbridge.formats.languages.rds_cursor import BinaryCursor, RdsCursor, WordCursor
from weighbridge.formats.languages.rds_objects import DATA, UNBOUND, Kind, Sexp, SexpType

Steps: TypeAlias = "Generator[Steps, Sexp, Sexp]"
"""Reads one item; yields the steps that read an item inside of it, and is sent what they read."""

WORKSPACES: Final = tuple(b"RD%c%d\n" % (kind, number) for kind in b"XAB" for number in (2, 3))
_HAS_ATTRIBUTES, _HAS_TAG, _LEVELS = 0x200, 0x400, 12
_ACTIVE_BINDING = 1 << 15
_MAX_DEPTH = 20_000
_MAX_NODES = 1_000_000
_STRINGS_KEPT = 64
_STRING_BYTES = 4 * KIB
_SHORT_LIST = 64
_ALL_TEXT_BYTES = 16 * MIB
_LONGEST_ENCODING = 63
_LONGEST_NAME = 10_000
_CHECK_TIME_EVERY = 4096
_WIDTHS: Final = {
    SexpType.LOGICAL: 4,
    SexpType.INTEGER: 4,
    SexpType.REAL: 8,
    SexpType.COMPLEX: 16,
}
_EMPTY: Final = frozenset(
    {
        SexpType.NULL,
        SexpType.BASE_ENVIRONMENT,
        SexpType.EMPTY_ENVIRONMENT,
        SexpType.GLOBAL_ENVIRONMENT,
        SexpType.BASE_NAMESPACE,
        SexpType.MISSING_ARGUMENT,
    }
)
_PAIRS: Final = {
    SexpType.PAIRLIST: Kind.PAIR,
    SexpType.DOTS: Kind.PAIR,
    SexpType.LANGUAGE: Kind.CALL,
    SexpType.CLOSURE: Kind.CLOSURE,
    SexpType.PROMISE: Kind.PROMISE,
}
_BYTECODE_LANGUAGE: Final = frozenset(
    {
        SexpType.LANGUAGE,
        SexpType.PAIRLIST,
        SexpType.BYTECODE_DEFINITION,
        SexpType.BYTECODE_REFERENCE,
        SexpType.ATTRIBUTED_LANGUAGE,
        SexpType.ATTRIBUTED_PAIRLIST,
    }
)


@dataclass(frozen=True, slots=True)
class RdsFile:
    """One serialized object.

    Attributes:
        is_workspace: written by `save`: a pairlist of names and values for `load` to assign.
        version: 2 or 3.
        writer: version of R that wrote it, as in `4.3.2`.
        end: first byte behind the object, as far as it was read.
        unfinished: objects that were being read when `error` came, outermost first.
        error: why the object was not read to its end; R may well go on where a limit stopped us.
    """

    is_workspace: bool
    version: int
    writer: str
    root: Sexp
    end: int
    unfinished: tuple[Sexp, ...] = ()
    error: Malformed | LimitReached | None = None


def parse_rds(source: ByteSource, budget: Budget) -> RdsFile:
    """Read one object, as far as it goes: see `RdsFile.error`.

    Raises:
        Malformed: the header is none that R reads.
    """
    reader = ForwardReader(source)
    is_workspace = reader.peek(5) in WORKSPACES
    if is_workspace:
        reader.skip(5)
    cursor = _spelling(reader)
    version = cursor.integer()
    if version not in (2, 3):
        raise Malformed(f"version {version} of R's serialization", cursor.offset)
    writer = _version_words(cursor.integer())
    cursor.integer()
    if version == 3:
        length = cursor.integer()
        if not 0 <= length <= _LONGEST_ENCODING:
            raise Malformed(f"the name of an encoding has {length:,} bytes", cursor.offset)
        cursor.text(length, length)
    items = _Items(cursor, budget)
    try:
        root = items.read()
        cursor.finish()
    except (Malformed, LimitReached) as error:
        unfinished = tuple(items.open)
        root = unfinished[0] if unfinished else DATA
        return RdsFile(is_workspace, version, writer, root, cursor.offset, unfinished, error)
    return RdsFile(is_workspace, version, writer, root, cursor.offset)


def _spelling(reader: ForwardReader) -> RdsCursor:
    head = reader.peek(6)
    if head[:2] == b"\nA":
        reader.skip(3)
        return WordCursor(reader)
    if head[:1] not in (b"X", b"B", b"A") or len(head) < 6:
        raise Malformed("no spelling that R knows", reader.offset)
    reader.skip(2)
    if head[:1] == b"A":
        return WordCursor(reader)
    is_little = head[:1] == b"B" and struct.unpack("<i", head[2:6])[0] in (2, 3)
    return BinaryCursor(reader, "<" if is_little else ">")


def _version_words(packed: int) -> str:
    return f"{packed >> 16}.{packed >> 8 & 255}.{packed & 255}"


class _Items:
    """Reads items from a cursor, with a stack of its own instead of the interpreter's.

    Attributes:
        open: objects that are being read, outermost first.
    """

    def __init__(self, cursor: RdsCursor, budget: Budget) -> None:
        self.open: list[Sexp] = []
        self._cursor = cursor
        self._budget = budget
        self._references: list[Sexp] = []
        self._nodes = 0
        self._text_left = _ALL_TEXT_BYTES

    def read(self) -> Sexp:
        stack: list[Steps] = [self._item()]
        value = DATA
        is_started = False
        for step_number in count():
            if not stack:
                break
            if step_number % _CHECK_TIME_EVERY == 0:
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
        return value

    def _item(self) -> Steps:
        flags = self._cursor.integer()
        leaf = self._leaf(flags)
        return leaf if leaf is not None else (yield self._compound(flags))

    def _type(self, flags: int) -> SexpType:
        try:
            return SexpType(flags & 0xFF)
        except ValueError:
            raise Malformed(f"an object of type {flags & 0xFF}", self._cursor.offset) from None

    def _node(self, kind: Kind, text: str = "") -> Sexp:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise LimitReached(f"more than {_MAX_NODES:,} parts that could hold code")
        return Sexp(kind, text)

    def _begin(self, node: Sexp) -> Sexp:
        self.open.append(node)
        return node

    def _numbered(self, kind: Kind, text: str = "") -> Sexp:
        node = self._node(kind, text)
        self._references.append(node)
        return node

    # Items without items inside: most of a file.

    def _leaf(self, flags: int) -> Sexp | None:
        """Return an item that holds no other; None for one that does, of which nothing is read yet."""
        kind = self._type(flags)
        if kind in _EMPTY:
            return DATA
        if kind is SexpType.UNBOUND_VALUE:
            return UNBOUND
        if kind is SexpType.REFERENCE:
            return self._referred(flags)
        if kind is SexpType.SYMBOL:
            return self._numbered(Kind.SYMBOL, self._characters(self._cursor.integer()))
        if flags & _HAS_ATTRIBUTES:
            return None
        return self._vector(kind)

    def _vector(self, kind: SexpType) -> Sexp | None:
        match kind:
            case SexpType.LOGICAL | SexpType.INTEGER | SexpType.REAL | SexpType.COMPLEX:
                self._cursor.skip_numbers(self._length(_WIDTHS[kind]), _WIDTHS[kind])
            case SexpType.RAW:
                self._cursor.skip_bytes(self._length(1))
            case SexpType.OBJECT:
                pass
            case SexpType.STRINGS:
                return self._strings()
            case SexpType.CHARACTERS:
                node = self._node(Kind.STRINGS)
                node.strings = (self._string(_STRING_BYTES),)
                return node
            case SexpType.SPECIAL | SexpType.BUILTIN:
                return self._node(Kind.PRIMITIVE, self._string(_STRING_BYTES))
            case SexpType.PACKAGE | SexpType.NAMESPACE | SexpType.PERSISTENT:
                return self._place()
            case _:
                return None
        return DATA

    def _referred(self, flags: int) -> Sexp:
        number = flags >> 8 or self._cursor.integer()
        if not 1 <= number <= len(self._references):
            raise Malformed(f"reference {number:,} to nothing", self._cursor.offset)
        return self._references[number - 1]

    def _length(self, least_bytes: int) -> int:
        length = self._cursor.integer()
        if length == -1:
            high, low = self._cursor.integer(), self._cursor.integer()
            length = ((high & 0xFFFF_FFFF) << 32) + (low & 0xFFFF_FFFF)
        return self._counted(length, least_bytes)

    def _counted(self, number: int, least_bytes: int) -> int:
        # A number in text may take two bytes where a double takes eight.
        is_text = isinstance(self._cursor, WordCursor)
        if number < 0 or number * (1 if is_text else least_bytes) > self._cursor.remaining:
            raise Malformed(f"{number:,} elements are announced", self._cursor.offset)
        return number

    def _characters(self, flags: int) -> str:
        """Read a CHARSXP whose flags were read."""
        if flags & 0xFF != SexpType.CHARACTERS or flags & _HAS_ATTRIBUTES:
            raise Malformed("no string where one must be", self._cursor.offset)
        return self._string(_LONGEST_NAME)

    def _string(self, kept: int) -> str:
        length = self._cursor.integer()
        if length == -1:
            return ""
        self._counted(length, 1)
        raw = self._cursor.text(length, min(kept, self._text_left))
        self._text_left -= len(raw)
        return raw.decode("utf-8", "backslashreplace")

    def _strings(self) -> Sexp:
        length = self._length(4)
        node = self._node(Kind.STRINGS)
        kept: list[str] = []
        for _ in range(min(length, _STRINGS_KEPT)):
            flags = self._cursor.integer()
            if flags & 0xFF != SexpType.CHARACTERS or flags & _HAS_ATTRIBUTES:
                raise Malformed("a character vector holds something else", self._cursor.offset)
            kept.append(self._string(_STRING_BYTES))
        node.strings = tuple(kept)
        for begin in range(_STRINGS_KEPT, length, _CHECK_TIME_EVERY):
            self._budget.check_time()
            self._cursor.skip_strings(min(_CHECK_TIME_EVERY, length - begin))
        return node

    def _place(self) -> Sexp:
        if self._cursor.integer() != 0:
            raise Malformed("names in persistent strings", self._cursor.offset)
        names = self._counted(self._cursor.integer(), 4)
        parts = [self._characters(self._cursor.integer()) for _ in range(names)]
        return self._numbered(Kind.PLACE, " ".join(parts[:4]))

    # Items with items inside.

    def _compound(self, flags: int) -> Steps:
        kind = self._type(flags)
        pair = _PAIRS.get(kind)
        if pair is not None:
            return (yield self._pairs(flags, pair))
        if kind is SexpType.ENVIRONMENT:
            return (yield self._environment())
        if kind is SexpType.ALTREP:
            return (yield self._altrep())
        node = yield self._attributed(kind)
        if flags & _HAS_ATTRIBUTES:
            node = self._own(node)
            node.attributes = yield self._item()
        return node

    def _own(self, node: Sexp) -> Sexp:
        """A node that may have attributes: what holds nothing is shared."""
        return self._node(node.kind) if node in (DATA, UNBOUND) else node

    def _attributed(self, kind: SexpType) -> Steps:
        match kind:
            case SexpType.LIST | SexpType.EXPRESSION:
                node = self._begin(self._node(Kind.LIST))
                length = self._length(4)
                for _ in range(length):
                    flags = self._cursor.integer()
                    leaf = self._leaf(flags)
                    item = leaf if leaf is not None else (yield self._compound(flags))
                    # Short lists have names worth showing; long ones keep what can hold code.
                    if item is not DATA or length <= _SHORT_LIST:
                        node.items.append(item)
                self.open.pop()
                return node
            case SexpType.POINTER:
                node = self._numbered(Kind.LIST)
                node.items.append((yield self._item()))
                node.items.append((yield self._item()))
                return node
            case SexpType.WEAK_REFERENCE:
                return self._numbered(Kind.DATA)
            case SexpType.BYTECODE:
                shared = [DATA] * min(self._counted(self._cursor.integer(), 1), _MAX_NODES)
                return (yield self._bytecode(shared))
            case _:
                leaf = self._vector(kind)
                if leaf is None:
                    raise Malformed(f"an object of type {int(kind)} stands alone", self._cursor.offset)
                return leaf

    def _pairs(self, flags: int, kind: Kind) -> Steps:
        """Read a chain of pairs; its length costs no depth."""
        first = last = self._begin(self._node(kind))
        while True:
            last.is_active = bool(flags >> _LEVELS & _ACTIVE_BINDING)
            if flags & _HAS_ATTRIBUTES:
                last.attributes = yield self._item()
            if flags & _HAS_TAG:
                last.tag = yield self._item()
            flags = self._cursor.integer()
            leaf = self._leaf(flags)
            last.head = leaf if leaf is not None else (yield self._compound(flags))
            flags = self._cursor.integer()
            following = _PAIRS.get(self._type(flags))
            if following is None:
                leaf = self._leaf(flags)
                last.tail = leaf if leaf is not None else (yield self._compound(flags))
                self.open.pop()
                return first
            last.tail = self._node(following)
            last = last.tail

    def _environment(self) -> Steps:
        self._cursor.integer()
        node = self._begin(self._numbered(Kind.ENVIRONMENT))
        node.head = yield self._item()
        node.tail = yield self._item()
        node.items.append((yield self._item()))
        node.attributes = yield self._item()
        self.open.pop()
        return node

    def _altrep(self) -> Steps:
        node = self._node(Kind.ALTREP)
        described = yield self._item()
        if described.kind is Kind.PAIR and described.head is not None:
            node.text = described.head.text
        node.items.append((yield self._item()))
        node.attributes = yield self._item()
        return node

    def _bytecode(self, shared: list[Sexp]) -> Steps:
        node = self._begin(self._node(Kind.BYTECODE))
        yield self._item()
        for _ in range(self._counted(self._cursor.integer(), 4)):
            kind = self._cursor.integer()
            if kind == SexpType.BYTECODE:
                node.items.append((yield self._bytecode(shared)))
            else:
                node.items.append((yield self._bytecode_language(kind, shared)))
        self.open.pop()
        return node

    def _bytecode_language(self, kind: int, shared: list[Sexp]) -> Steps:
        if kind not in _BYTECODE_LANGUAGE:
            return (yield self._item())
        if kind == SexpType.BYTECODE_REFERENCE:
            return shared[self._index(shared)]
        index = None
        if kind == SexpType.BYTECODE_DEFINITION:
            index, kind = self._index(shared), self._cursor.integer()
        is_call = kind in (SexpType.LANGUAGE, SexpType.ATTRIBUTED_LANGUAGE)
        if not is_call and kind not in (SexpType.PAIRLIST, SexpType.ATTRIBUTED_PAIRLIST):
            raise Malformed(f"byte code defines an object of type {kind}", self._cursor.offset)
        node = self._begin(self._node(Kind.CALL if is_call else Kind.PAIR))
        if index is not None:
            shared[index] = node
        if kind in (SexpType.ATTRIBUTED_LANGUAGE, SexpType.ATTRIBUTED_PAIRLIST):
            node.attributes = yield self._item()
        node.tag = yield self._item()
        node.head = yield self._bytecode_language(self._cursor.integer(), shared)
        node.tail = yield self._bytecode_language(self._cursor.integer(), shared)
        self.open.pop()
        return node

    def _index(self, shared: list[Sexp]) -> int:
        index = self._cursor.integer()
        if not 0 <= index < len(shared):
            raise Malformed(
                f"byte code refers to part {index:,} of {len(shared):,}", self._cursor.offset
            )
        return index
