"""Read the header of a GGUF file: metadata, tensor infos, and whether the rest can be true.

    offset  size
    0       4     "GGUF"
    4       4     version 1, 2 or 3; its byte order is that of the whole file
    8       8+8   number of tensors, number of key-value pairs      (4+4 in version 1)
    ...           per pair: key (string), value type (4), value
    ...           per tensor: name (string), n_dims (4), dims (8 each), type (4), offset (8)
    ...           padding to the alignment, then tensor bytes

A string is its length (8) and its bytes; an array is an element type (4), a count (8) and the
elements. Lengths, counts and dims have 4 bytes in version 1. Arrays of numbers are stepped over
unread; arrays of strings are walked, for there is no other way to find their end, and those of the
vocabulary are kept while they are walked.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.weights.gguf_cursor import MAX_LENGTH, BrokenOff, GgufCursor
from weighbridge.formats.weights.gguf_layout import (
    MAX_DIMS,
    MOST_DIMS,
    GgufAnomaly,
    GgufTensor,
    check_layout,
    padded,
    tensor_size,
)

_NEWEST_VERSION = 3
_MAX_PLAUSIBLE_COUNT = 2**20
_MAX_ARRAY_DEPTH = 4
_STRINGS_KEPT = 256
_NAME_BYTES = 64 * KIB
_TEXT_BYTES = 1 * MIB
_ALL_TEXT_BYTES = 16 * MIB
_DEFAULT_ALIGNMENT = 32
_VOCABULARY: Final = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")
_PADDING_BYTES = 64 * KIB
_UNREAD_PADDING_BYTES = 4 * KIB  # not worth a request to a remote server


class ValueType(IntEnum):
    """`gguf_metadata_value_type`."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


_SCALARS: Final[Mapping[ValueType, str]] = {
    ValueType.UINT8: "B",
    ValueType.INT8: "b",
    ValueType.UINT16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.INT32: "i",
    ValueType.FLOAT32: "f",
    ValueType.BOOL: "?",
    ValueType.UINT64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT64: "d",
}


@dataclass(frozen=True, slots=True)
class GgufArray:
    """An array, without its numbers.

    Attributes:
        strings: kept when there are at most 256.
        raw: the elements of a vocabulary as they stand in the file, lengths and all; b"" for other
            arrays, and for texts longer than any vocabulary has.
    """

    element_type: ValueType
    count: int
    strings: tuple[str, ...] = ()
    raw: bytes = field(default=b"", compare=False, repr=False)

    @property
    def size_bytes(self) -> int | None:
        """Size of the elements; None when they have no fixed size."""
        code = _SCALARS.get(self.element_type)
        return None if code is None else self.count * struct.calcsize("=" + code)


GgufValue: TypeAlias = "int | float | bool | str | GgufArray"


@dataclass(frozen=True, slots=True)
class GgufEntry:
    """One key and its value.

    Attributes:
        value: a string is kept up to 1 MiB, all strings together up to 16 MiB.
        is_cut: the string is longer than what `value` holds; its bytes are in the file.
        offset: first byte of the value, for a string of its text.
        length: bytes of the value.
    """

    key: str
    type: ValueType
    value: GgufValue
    is_cut: bool
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the header says, and how it fits the file.

    Attributes:
        metadata: in file order, up to the first that could not be read.
        data_offset: first byte of the data section; None when the header broke off.
        end_offset: end of the last tensor; None when a size is unknown or the header broke off.
        unclaimed: half-open ranges of the file in no tensor: gaps and the tail. Where the end is
            not known, the tail is all that could lie behind it.
    """

    version: int
    byte_order: Literal["little", "big"]
    metadata: tuple[GgufEntry, ...]
    tensors: tuple[GgufTensor, ...]
    alignment: int
    data_offset: int | None
    end_offset: int | None
    unclaimed: tuple[tuple[int, int], ...]
    anomalies: tuple[Anomaly[GgufAnomaly], ...]

    def get(self, key: str) -> GgufValue | None:
        """Return the value of the first entry with this key, as llama.cpp finds it."""
        return next((entry.value for entry in self.metadata if entry.key == key), None)


def parse_gguf(source: ByteSource, limits: Limits) -> GgufHeader:
    """Read the header; the tensors' bytes are not read.

    Raises:
        Malformed: no magic, or a version that is not 1, 2 or 3.
        LimitReached: more than `limits.header_bytes` had to be read, or there are more than
            `limits.entries` pairs, tensors or nested arrays.
    """
    return _GgufParser(source, limits).run()


class _GgufParser:
    """Walks one header and collects what it says."""

    def __init__(self, source: ByteSource, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._cursor = GgufCursor(source, limits)
        self._log: AnomalyLog[GgufAnomaly] = AnomalyLog()
        self._metadata: list[GgufEntry] = []
        self._tensors: list[GgufTensor] = []
        self._text_left = _ALL_TEXT_BYTES
        self._version, self._order = self._read_version()
        self._mark = "<" if self._order == "little" else ">"
        self._size = struct.Struct(self._mark + ("I" if self._version == 1 else "Q"))
        self._uint32 = struct.Struct(self._mark + "I")
        self._uint64 = struct.Struct(self._mark + "Q")

    def run(self) -> GgufHeader:
        data_offset: int | None = None
        alignment = _DEFAULT_ALIGNMENT
        try:
            self._read_header()
            alignment = self._find_alignment()
            data_offset = padded(self._cursor.offset, alignment)
        except BrokenOff as broken:
            self._log.add(broken.kind, broken.detail, at=broken.offset)
        self._check_vocabulary()
        return self._finish(data_offset, alignment)

    def _read_version(self) -> tuple[int, Literal["little", "big"]]:
        if self._source.size < 8:
            raise Malformed("shorter than the magic and the version")
        head = self._cursor.take(8)
        if head[:4] != b"GGUF":
            raise Malformed("does not begin with GGUF")
        little = int.from_bytes(head[4:], "little")
        big = int.from_bytes(head[4:], "big")
        if 1 <= little <= _NEWEST_VERSION:
            return little, "little"
        if 1 <= big <= _NEWEST_VERSION:
            return big, "big"
        raise Malformed(f"GGUF version {min(little, big)} is not known", 4)

    def _read_header(self) -> None:
        tensors, pairs = self._unsigned(self._size), self._unsigned(self._size)
        pair_bytes, tensor_bytes = self._size.size + 5, self._size.size + 16
        self._check_count(pairs, pair_bytes, "key-value pairs")
        self._check_count(tensors, tensor_bytes, "tensors")
        keys: set[str] = set()
        for _ in range(pairs):
            self._read_pair(keys)
        names: set[str] = set()
        for _ in range(tensors):
            self._read_tensor(names)

    def _check_count(self, count: int, least_bytes: int, what: str) -> None:
        if count > _MAX_PLAUSIBLE_COUNT and count > self._cursor.remaining // least_bytes:
            detail = f"announces {count:,} {what} in a file of {self._source.size:,} bytes"
            raise BrokenOff(GgufAnomaly.ABSURD_COUNT, detail, self._cursor.offset)
        if count > self._limits.entries:
            raise LimitReached(f"has {count:,} {what}; the limit is {self._limits.entries:,}")

    def _unsigned(self, form: struct.Struct) -> int:
        return int(form.unpack(self._cursor.take(form.size))[0])

    def _read_pair(self, keys: set[str]) -> None:
        at = self._cursor.offset
        key = self._name()
        if not key:
            self._log.add(GgufAnomaly.EMPTY_KEY, "a key is empty", at=at)
        if key in keys:
            detail = f"{quoted(key)} stands twice"
            self._log.add(GgufAnomaly.DUPLICATE_KEY, detail, at=at, subject=key)
        keys.add(key)
        self._metadata.append(self._read_value(key, self._value_type(key)))

    def _name(self) -> str:
        length = self._unsigned(self._size)
        self._cursor.require(length)
        at = self._cursor.offset
        raw = self._cursor.take(min(length, _NAME_BYTES))
        self._cursor.skip(length - len(raw))
        return self._decode(raw, at)

    def _value_type(self, key: str) -> ValueType:
        at = self._cursor.offset
        number = self._unsigned(self._uint32)
        try:
            return ValueType(number)
        except ValueError:
            detail = f"{quoted(key)} has the value type {number}"
            raise BrokenOff(GgufAnomaly.UNKNOWN_VALUE_TYPE, detail, at) from None

    def _read_value(self, key: str, kind: ValueType) -> GgufEntry:
        begin = self._cursor.offset
        if kind is ValueType.STRING:
            text, begin, length = self._text()
            is_cut = length > _TEXT_BYTES or (length > 0 and not text)
            return GgufEntry(key, kind, text, is_cut, begin, length)
        value: GgufValue
        if kind is ValueType.ARRAY:
            value = self._read_array(key, depth=1)
        else:
            form = struct.Struct(self._mark + _SCALARS[kind])
            value = form.unpack(self._cursor.take(form.size))[0]
        return GgufEntry(key, kind, value, False, begin, self._cursor.offset - begin)

    def _text(self) -> tuple[str, int, int]:
        """Return a string value as far as it is kept, where it begins, and its length."""
        length = self._unsigned(self._size)
        self._cursor.require(length)
        begin = self._cursor.offset
        kept = min(length, _TEXT_BYTES)
        kept = kept if kept <= self._text_left else 0
        self._text_left -= kept
        raw = self._cursor.take(kept)
        self._cursor.skip(length - kept)
        return self._decode(raw, begin), begin, length

    def _decode(self, raw: bytes, at: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            is_cut_character = error.reason == "unexpected end of data"
            if not is_cut_character or len(raw) not in (_TEXT_BYTES, _NAME_BYTES):
                detail = f"a string has the byte {raw[error.start]:#04x}, which is not UTF-8"
                self._log.add(GgufAnomaly.INVALID_UTF8, detail, at=at + error.start)
            return raw.decode("utf-8", "replace")

    def _read_array(self, key: str, *, depth: int) -> GgufArray:
        element, at = self._value_type(key), self._cursor.offset
        count = self._unsigned(self._size)
        if count > MAX_LENGTH:
            detail = f"{quoted(key)} is an array of {count:,} elements"
            raise BrokenOff(GgufAnomaly.ABSURD_LENGTH, detail, at)
        if element is ValueType.ARRAY:
            self._read_nested(key, count, depth=depth)
        elif element is not ValueType.STRING:
            self._cursor.skip(count * struct.calcsize("=" + _SCALARS[element]))
        elif count <= _STRINGS_KEPT:
            return GgufArray(element, count, tuple(self._text()[0] for _ in range(count)))
        else:
            self._cursor.require(count * self._size.size)
            if key in _VOCABULARY:
                return GgufArray(element, count, raw=self._cursor.take_strings(count, self._size))
            self._cursor.skip_strings(count, self._size)
        return GgufArray(element, count)

    def _read_nested(self, key: str, count: int, *, depth: int) -> None:
        at = self._cursor.offset
        if depth == 1:
            detail = f"{quoted(key)} is an array of arrays"
            self._log.add(GgufAnomaly.NESTED_ARRAY, detail, at=at, subject=key)
        if depth == _MAX_ARRAY_DEPTH:
            raise BrokenOff(GgufAnomaly.DEEP_ARRAY, f"{quoted(key)} nests arrays too deeply", at)
        if count > self._limits.entries:
            raise LimitReached(
                f"has {count:,} arrays in an array; the limit is {self._limits.entries:,}"
            )
        for _ in range(count):
            self._read_array(key, depth=depth + 1)

    def _read_tensor(self, names: set[str]) -> None:
        at = self._cursor.offset
        name = self._name()
        if name in names:
            detail = f"{quoted(name)} stands twice"
            self._log.add(GgufAnomaly.DUPLICATE_TENSOR, detail, at=at, subject=name)
        names.add(name)
        dims = self._read_dims(name)
        type_id = self._unsigned(self._uint32)
        offset = self._unsigned(self._uint64)
        size = tensor_size(name, dims, type_id, self._log, at=at)
        self._tensors.append(GgufTensor(name, dims, type_id, offset, size, at))

    def _read_dims(self, name: str) -> tuple[int, ...]:
        at = self._cursor.offset
        count = self._unsigned(self._uint32)
        detail = f"{quoted(name)} has {count:,} dimensions"
        if count > MOST_DIMS:
            raise BrokenOff(GgufAnomaly.TOO_MANY_DIMS, detail, at)
        if count > MAX_DIMS:
            self._log.add(GgufAnomaly.MANY_DIMS, detail, at=at, subject=name)
        return tuple(self._unsigned(self._size) for _ in range(count))

    def _find_alignment(self) -> int:
        entry = next((entry for entry in self._metadata if entry.key == "general.alignment"), None)
        if entry is None:
            return _DEFAULT_ALIGNMENT
        value = entry.value
        if entry.type is ValueType.UINT32 and isinstance(value, int) and value.bit_count() == 1:
            return value
        detail = f"general.alignment is {value!r} of type {entry.type.name}"
        self._log.add(GgufAnomaly.BAD_ALIGNMENT, detail, at=entry.offset)
        return _DEFAULT_ALIGNMENT

    def _check_vocabulary(self) -> None:
        arrays = {entry.key: entry for entry in self._metadata if isinstance(entry.value, GgufArray)}
        tokens = arrays.get("tokenizer.ggml.tokens")
        for key in ("tokenizer.ggml.scores", "tokenizer.ggml.token_type"):
            if tokens is not None and key in arrays:
                self._compare_vocabulary(tokens, arrays[key])

    def _compare_vocabulary(self, tokens: GgufEntry, other: GgufEntry) -> None:
        """Runtimes index `other` by token without looking at its length, four bytes a step."""
        assert isinstance(tokens.value, GgufArray)
        assert isinstance(other.value, GgufArray)
        needed = tokens.value.count
        has, size = other.value.count, other.value.size_bytes
        detail = f"{other.key} has {has:,} elements ({other.value.element_type.name}), tokens {needed:,}"
        if size is None or has < needed or size < 4 * needed:
            kind = GgufAnomaly.VOCABULARY_SHORT
        elif has > needed:
            kind = GgufAnomaly.VOCABULARY_LONG
        else:
            return
        self._log.add(kind, detail, at=other.offset, subject=other.key)

    def _finish(self, data_offset: int | None, alignment: int) -> GgufHeader:
        end: int | None = None
        if data_offset is None:
            unclaimed = self._rest(self._cursor.offset)
        else:
            layout = check_layout(
                self._tensors,
                self._log,
                data_offset=data_offset,
                alignment=alignment,
                file_size=self._source.size,
            )
            known_end = layout.end_offset if self._tensors else self._cursor.offset
            if layout.is_exact:
                end = known_end
                unclaimed = [*layout.gaps, *self._find_tail(end, alignment)]
            else:
                unclaimed = [*layout.gaps, *self._rest(known_end)]
        return GgufHeader(
            version=self._version,
            byte_order=self._order,
            metadata=tuple(self._metadata),
            tensors=tuple(self._tensors),
            alignment=alignment,
            data_offset=data_offset,
            end_offset=end,
            unclaimed=tuple(unclaimed),
            anomalies=self._log.all(),
        )

    def _rest(self, begin: int) -> list[tuple[int, int]]:
        return [(begin, self._source.size)] if begin < self._source.size else []

    def _find_tail(self, end: int, alignment: int) -> list[tuple[int, int]]:
        """Return the range after the last tensor; padding with zeros is none."""
        size = self._source.size
        if size <= end:
            return []
        padding_end = padded(end, min(alignment, _PADDING_BYTES))
        if size <= padding_end and size - end < _UNREAD_PADDING_BYTES:
            return []
        head = bytes(self._source.read_at(end, min(size - end, _PADDING_BYTES)))
        zeros = len(head) - len(head.lstrip(b"\0"))
        if zeros == size - end:
            return []
        begin = end if end + zeros < padding_end else padding_end
        detail = f"{size - begin:,} bytes follow the last tensor"
        self._log.add(GgufAnomaly.TRAILING, detail, at=begin)
        return [(begin, size)]
