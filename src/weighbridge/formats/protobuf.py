"""Protocol Buffers on the wire, without a schema: fields by number, read by range.

    message  = field*
    field    = tag  payload
    tag      = varint( number << 3 | wire )
    payload  = varint             wire 0
             | 8 bytes            wire 1
             | varint n, n bytes  wire 2      text, bytes, packed numbers, nested messages
             | field* end-group   wire 3      (deprecated; wire 4 ends it)
             | 4 bytes            wire 5

What is not asked for is not read: a field of wire 2 is stepped over by its length, so a graph of two
gigabytes costs its skeleton. Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed

_FIRST_WINDOW = 1 * KIB
_LARGEST_WINDOW = 256 * KIB
_MAX_VARINT = 10
_MAX_GROUPS = 64
_MAX_FIELDS = 20_000_000
_LARGEST_VALUE = 64 * MIB


class Wire(IntEnum):
    """How a field's payload is laid out."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    GROUP = 3
    END_GROUP = 4
    FIXED32 = 5


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the file.

    Attributes:
        at: offset of its tag.
        start: offset of its payload, behind the length of a field of `Wire.BYTES`.
        length: bytes of the payload.
        value: of `Wire.VARINT` and the fixed ones, unsigned; 0 for others.
    """

    number: int
    wire: Wire
    at: int
    start: int
    length: int
    value: int

    @property
    def stop(self) -> int:
        """First byte behind the payload."""
        return self.start + self.length

    @property
    def signed(self) -> int:
        """The value as an int64 or an enum has it."""
        return self.value - (1 << 64) if self.value >= 1 << 63 else self.value


class ProtobufReader:
    """Fields of messages in one source, through one window that grows while reading is sequential."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._size = source.size
        self._window: bytes = b""
        self._base = 0
        self._step = _FIRST_WINDOW
        self._fields = 0

    @property
    def size(self) -> int:
        """Bytes of the source."""
        return self._size

    @property
    def fields_read(self) -> int:
        """Fields looked at so far, also those that were stepped over."""
        return self._fields

    def fields(self, start: int = 0, stop: int | None = None) -> Iterator[Field]:
        """Yield the fields of the message in [start, stop), in file order.

        A field of `Wire.GROUP` spans its whole content; the end tag is checked and not yielded.

        Raises:
            Malformed: a tag, length or group that no message can have; fields before it were yielded.
            LimitReached: more fields than any model has.
        """
        end = self._size if stop is None else stop
        at = start
        while at < end:
            field = self._field(at, end)
            at = field.stop
            if field.wire is Wire.GROUP:
                inside, at = self._group_ends(field, end)
                field = replace(field, length=inside - field.start)
            yield field

    def message(self, field: Field) -> Iterator[Field]:
        """Yield the fields of a nested message.

        Raises:
            Malformed: also when `field` is no run of bytes.
        """
        if field.wire is not Wire.BYTES:
            raise Malformed(f"field {field.number} is no message", field.at)
        yield from self.fields(field.start, field.stop)

    def bytes_of(self, field: Field, limit: int = _LARGEST_VALUE) -> bytes:
        """Return the payload, at most its first `limit` bytes."""
        if field.wire is not Wire.BYTES:
            raise Malformed(f"field {field.number} is no run of bytes", field.at)
        return self._read(field.start, min(field.length, limit))

    def text_of(self, field: Field, limit: int = MIB) -> str:
        """Return the payload as text; what is not UTF-8 as backslash escapes."""
        return self.bytes_of(field, limit).decode("utf-8", "backslashreplace")

    def varints_of(self, field: Field, limit: int = 1_000_000) -> list[int]:
        """Return the numbers of a repeated varint field, packed or not, unsigned.

        Raises:
            LimitReached: more than `limit` of them.
        """
        if field.wire is Wire.VARINT:
            return [field.value]
        if field.wire is not Wire.BYTES:
            raise Malformed(f"field {field.number} holds no varints", field.at)
        found: list[int] = []
        at = field.start
        while at < field.stop:
            value, at = self._varint(at, field.stop)
            found.append(value)
            if len(found) > limit:
                raise LimitReached(f"more than {limit:,} numbers in one field")
        return found

    def _field(self, at: int, end: int) -> Field:
        self._fields += 1
        if self._fields > _MAX_FIELDS:
            raise LimitReached(f"more than {_MAX_FIELDS:,} fields")
        tag, start = self._varint(at, end)
        number, kind = tag >> 3, tag & 7
        if not 1 <= number < 1 << 29 or kind > 5 or kind == Wire.END_GROUP:
            raise Malformed("no field of a protobuf message", at)
        wire = Wire(kind)
        match wire:
            case Wire.VARINT:
                value, stop = self._varint(start, end)
                return Field(number, wire, at, start, stop - start, value)
            case Wire.BYTES:
                length, start = self._varint(start, end)
                if length > end - start:
                    raise Malformed(f"field {number} is longer than what holds it", at)
                return Field(number, wire, at, start, length, 0)
            case Wire.GROUP | Wire.END_GROUP:
                return Field(number, wire, at, start, 0, 0)
            case Wire.FIXED32 | Wire.FIXED64:
                length = 4 if wire is Wire.FIXED32 else 8
                if length > end - start:
                    raise Malformed(f"field {number} is cut off", at)
                data = self._read(start, length)
                return Field(number, wire, at, start, length, int.from_bytes(data, "little"))

    def _group_ends(self, group: Field, end: int) -> tuple[int, int]:
        """Return where the content of a group ends, and the offset behind the tag that ends it."""
        open_groups = [group.number]
        inside = at = group.start
        while open_groups:
            tag, start = self._varint(at, end)
            if tag & 7 == Wire.END_GROUP:
                if tag >> 3 != open_groups.pop():
                    raise Malformed("a group ends that did not begin", at)
                inside, at = at, start
                continue
            field = self._field(at, end)
            at = field.stop
            if field.wire is Wire.GROUP:
                open_groups.append(field.number)
                if len(open_groups) > _MAX_GROUPS:
                    raise Malformed("groups nest too deeply", at)
        return inside, at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the number at `at` and the offset behind it."""
        index = at - self._base
        if not self._has(index, _MAX_VARINT):
            self._fill(at, _MAX_VARINT)
            index = at - self._base
        window, value, shift = self._window, 0, 0
        last = min(len(window), end - self._base, index + _MAX_VARINT)
        while index < last:
            byte = window[index]
            value |= (byte & 0x7F) << shift
            index += 1
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, self._base + index
            shift += 7
        raise Malformed("a number without an end", at)

    def _read(self, at: int, length: int) -> bytes:
        """Return exactly these bytes, through the window when they are few."""
        if length > _LARGEST_WINDOW:
            data = bytes(self._source.read_at(at, length))
        else:
            index = at - self._base
            if not self._has(index, length):
                self._fill(at, length)
                index = at - self._base
            data = self._window[index : index + length]
        if len(data) != length:
            raise Malformed("the file ends within a field", at)
        return data

    def _has(self, index: int, length: int) -> bool:
        """True when the window holds these bytes, or all that the file has of them."""
        left = len(self._window) - index
        is_at_end = self._base + len(self._window) >= self._size
        return index >= 0 and left > 0 and (length <= left or is_at_end)

    def _fill(self, at: int, length: int) -> None:
        """Move the window to `at`: small after a jump, larger and larger when reading goes on."""
        is_near = 0 <= at - self._base <= len(self._window) + self._step
        self._step = min(2 * self._step, _LARGEST_WINDOW) if is_near else _FIRST_WINDOW
        self._window = bytes(self._source.read_at(at, max(length, self._step)))
        self._base = at
