"""Read the header of a safetensors file, and compare what it says with the file's size.

    offset  size
    0       8      N: length of the header, unsigned, little-endian, at most 100,000,000
    8       N      JSON object, then spaces:
                   {"NAME": {"dtype": "F16", "shape": [2, 3], "data_offsets": [BEGIN, END]}, ...,
                    "__metadata__": {"KEY": "VALUE", ...}}
    8+N     ...    tensor bytes; BEGIN and END count from here. No holes, no overlaps, and the
                   file ends where the last tensor ends.

Law (held by a property test against the safetensors library): no anomaly means that the library
accepts the file; and when the library accepts a file, each anomaly is one that it tolerates.

Source: https://github.com/huggingface/safetensors, README section Format, and release 0.8.0.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.documents.strict_json import Json, JsonDocument, decode_json

_LENGTH_BYTES = 8
_HEADER_CAP = 100_000_000
_HEAD_BYTES = 64 * KIB
_MAX_UNSIGNED = 2**64 - 1
_FIELDS = ("dtype", "shape", "data_offsets")

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}


class SafetensorsAnomaly(StrEnum):
    """The rules of the format, one by one."""

    LEADING_SPACE = "leading-space"
    PADDING = "padding-not-spaces"
    AFTER_JSON = "bytes-after-json"
    DUPLICATE_KEY = "duplicate-key"
    LONE_SURROGATE = "lone-surrogate"
    UNKNOWN_FIELD = "unknown-field"
    UNUSUAL_SPELLING = "unusual-spelling"
    BAD_ENTRY = "bad-entry"
    UNKNOWN_DTYPE = "unknown-dtype"
    OVERFLOW = "size-overflow"
    REVERSED = "reversed-offsets"
    SIZE_MISMATCH = "size-mismatch"
    HOLE = "hole"
    OVERLAP = "overlap"
    TRUNCATED = "truncated"
    TRAILING = "trailing-bytes"
    METADATA_NOT_TEXT = "metadata-not-text"

    @property
    def is_tolerated(self) -> bool:
        """True when the safetensors library loads a file that has this; other readers may not."""
        return self in _TOLERATED


_TOLERATED = frozenset(
    {
        SafetensorsAnomaly.LEADING_SPACE,
        SafetensorsAnomaly.PADDING,
        SafetensorsAnomaly.DUPLICATE_KEY,
        SafetensorsAnomaly.UNKNOWN_FIELD,
        SafetensorsAnomaly.UNUSUAL_SPELLING,
    }
)


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as the header has it; `begin` and `end` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """A header, and how it fits the file.

    Attributes:
        tensors: readable entries in the order of their bytes.
        metadata: the pairs of `__metadata__` whose value is a string.
        header_length: N.
        data_offset: first byte after the header.
        end_offset: where the last tensor ends, which may be beyond the file.
        unclaimed: half-open ranges of the file that are neither header nor tensor: bytes after
            the JSON, holes, and the tail.
        anomalies: in the order in which they were met.
    """

    tensors: tuple[TensorEntry, ...]
    metadata: tuple[tuple[str, str], ...]
    header_length: int
    data_offset: int
    end_offset: int
    unclaimed: tuple[tuple[int, int], ...]
    anomalies: tuple[Anomaly[SafetensorsAnomaly], ...]


def parse_safetensors(source: ByteSource, limits: Limits) -> SafetensorsHeader:
    """Read the header with one read of 64 KiB, and a second one only when it is longer.

    Raises:
        Malformed: the length, the first byte, the UTF-8 or the JSON of the header is broken.
        LimitReached: the header is longer than `limits.header_bytes`.
    """
    raw = _read_header(source, limits)
    check = _HeaderCheck(raw, source.size)
    return check.run()


def _read_header(source: ByteSource, limits: Limits) -> bytes:
    head = bytes(source.read_at(0, _HEAD_BYTES))
    if len(head) < _LENGTH_BYTES:
        raise Malformed("shorter than the 8 bytes that state the header's length")
    (length,) = struct.unpack_from("<Q", head)
    if length > _HEADER_CAP:
        raise Malformed(f"states a header of {length:,} bytes; the format allows {_HEADER_CAP:,}")
    if length > source.size - _LENGTH_BYTES:
        raise Malformed(f"states a header of {length:,} bytes in a file of {source.size:,}")
    if length > limits.header_bytes:
        raise LimitReached(f"the header has {length:,} bytes; the limit is {limits.header_bytes:,}")
    end = _LENGTH_BYTES + length
    if len(head) < end:
        head += bytes(source.read_at(len(head), end - len(head)))
    if len(head) < end:
        raise Malformed("the header ends early", len(head))
    return head[_LENGTH_BYTES:end]


class _HeaderCheck:
    """Collects tensors and anomalies of one header."""

    def __init__(self, raw: bytes, size: int) -> None:
        self._raw = raw
        self._size = size
        self._data_offset = _LENGTH_BYTES + len(raw)
        self._tensors: list[TensorEntry] = []
        self._unclaimed: list[tuple[int, int]] = []
        self._log: AnomalyLog[SafetensorsAnomaly] = AnomalyLog()

    def run(self) -> SafetensorsHeader:
        document = self._decode()
        if not isinstance(document.value, Mapping):
            raise Malformed("the header is no JSON object", _LENGTH_BYTES)
        metadata = self._read_metadata(document.value.get("__metadata__"))
        for name, entry in document.value.items():
            if name != "__metadata__":
                self._read_entry(name, entry)
        self._tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
        end = self._check_layout()
        return SafetensorsHeader(
            tensors=tuple(self._tensors),
            metadata=metadata,
            header_length=len(self._raw),
            data_offset=self._data_offset,
            end_offset=self._data_offset + end,
            unclaimed=tuple(self._unclaimed),
            anomalies=self._log.all(),
        )

    def _note(
        self, kind: SafetensorsAnomaly, detail: str, *, subject: str = "", at: int = _LENGTH_BYTES
    ) -> None:
        self._log.add(kind, detail, at=at, subject=subject)

    def _decode(self) -> JsonDocument:
        try:
            text = self._raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("the header is not UTF-8", _LENGTH_BYTES + error.start) from None
        start = len(text) - len(text.lstrip(" \t\r\n"))
        if text[start : start + 1] != "{":
            first = self._raw[start : start + 1]
            raise Malformed(f"the header begins with {first!r} instead of b'{{'", _LENGTH_BYTES)
        if start:
            self._note(SafetensorsAnomaly.LEADING_SPACE, "the header does not begin with {")
        try:
            document = decode_json(text, start=start)
        except Malformed as error:
            raise Malformed(error.reason, _LENGTH_BYTES + error.offset) from None
        self._check_text(text, document)
        return document

    def _check_text(self, text: str, document: JsonDocument) -> None:
        for key in document.duplicate_keys:
            self._note(SafetensorsAnomaly.DUPLICATE_KEY, f"{quoted(key)} stands twice", subject=key)
        if document.has_lone_surrogate:
            self._note(SafetensorsAnomaly.LONE_SURROGATE, "a \\u escape gives half a character")
        rest = text[document.end :]
        if not rest.strip(" "):
            return
        at = self._data_offset - len(rest.encode())
        if not rest.strip(" \t\r\n"):
            self._note(SafetensorsAnomaly.PADDING, "the header is padded with other than spaces", at=at)
            return
        detail = f"{self._data_offset - at:,} bytes stand between the JSON and the end of the header"
        self._note(SafetensorsAnomaly.AFTER_JSON, detail, at=at)
        self._unclaimed.append((at, self._data_offset))

    def _read_metadata(self, value: Json) -> tuple[tuple[str, str], ...]:
        if value is None:
            return ()
        if not isinstance(value, Mapping):
            detail = f"__metadata__ is a {_json_type(value)}, not an object"
            self._note(SafetensorsAnomaly.METADATA_NOT_TEXT, detail)
            return ()
        for key, item in value.items():
            if not isinstance(item, str):
                detail = f"__metadata__ {quoted(key)} is a {_json_type(item)}, not a string"
                self._note(SafetensorsAnomaly.METADATA_NOT_TEXT, detail, subject=key)
        return tuple((key, item) for key, item in value.items() if isinstance(item, str))

    def _read_entry(self, name: str, entry: Json) -> None:
        fields = self._entry_fields(name, entry)
        dtype = self._entry_dtype(name, fields.get("dtype"))
        shape = _unsigned_list(fields.get("shape"))
        offsets = _unsigned_list(fields.get("data_offsets"))
        if dtype is None or shape is None or offsets is None or len(offsets) != 2:
            detail = f"{quoted(name)} has no readable dtype, shape and data_offsets"
            self._note(SafetensorsAnomaly.BAD_ENTRY, detail, subject=name)
            return
        tensor = TensorEntry(name, dtype, shape, offsets[0], offsets[1])
        self._tensors.append(tensor)
        self._check_size(tensor)

    def _entry_fields(self, name: str, entry: Json) -> Mapping[str, Json]:
        if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) == len(_FIELDS):
            # serde reads a struct from a sequence as well.
            self._note(SafetensorsAnomaly.UNUSUAL_SPELLING, f"{quoted(name)} is an array", subject=name)
            return dict(zip(_FIELDS, entry, strict=True))
        if not isinstance(entry, Mapping):
            return {}
        extra = next((key for key in entry if key not in _FIELDS), None)
        if extra is not None:
            detail = f"{quoted(name)} has the field {quoted(extra)}"
            self._note(SafetensorsAnomaly.UNKNOWN_FIELD, detail, subject=name)
        return entry

    def _entry_dtype(self, name: str, value: Json) -> str | None:
        if isinstance(value, Mapping) and len(value) == 1 and None in value.values():
            # serde reads a variant from {"F32": null} as well.
            detail = f"{quoted(name)} spells its dtype as an object"
            self._note(SafetensorsAnomaly.UNUSUAL_SPELLING, detail, subject=name)
            value = next(iter(value))
        return value if isinstance(value, str) else None

    def _check_size(self, tensor: TensorEntry) -> None:
        bits = DTYPE_BITS.get(tensor.dtype)
        if bits is None:
            detail = f"{quoted(tensor.name)} has the dtype {quoted(tensor.dtype)}"
            self._note(SafetensorsAnomaly.UNKNOWN_DTYPE, detail, subject=tensor.name)
            return
        product = _checked_product((*tensor.shape, bits))
        if product is None:
            detail = f"the size of {quoted(tensor.name)} does not fit 64 bits"
            self._note(SafetensorsAnomaly.OVERFLOW, detail, subject=tensor.name)
        elif tensor.begin <= tensor.end and product != 8 * (tensor.end - tensor.begin):
            detail = (
                f"{quoted(tensor.name)} needs {product / 8:,g} bytes for its shape "
                f"and has {tensor.end - tensor.begin:,}"
            )
            at = self._data_offset + tensor.begin
            self._note(SafetensorsAnomaly.SIZE_MISMATCH, detail, subject=tensor.name, at=at)

    def _check_layout(self) -> int:
        end = 0
        for tensor in self._tensors:
            if tensor.end < tensor.begin:
                detail = f"{quoted(tensor.name)} ends at {tensor.end:,}, before it begins"
                self._note(SafetensorsAnomaly.REVERSED, detail, subject=tensor.name)
            elif tensor.begin < end:
                self._note_layout(SafetensorsAnomaly.OVERLAP, tensor, "begins inside another tensor")
            elif tensor.begin > end:
                detail = f"begins {tensor.begin - end:,} bytes after the end of what is before it"
                self._note_layout(SafetensorsAnomaly.HOLE, tensor, detail)
                self._claim_hole(end, tensor.begin)
            end = max(end, tensor.end)
        self._check_file_end(end)
        return end

    def _note_layout(self, kind: SafetensorsAnomaly, tensor: TensorEntry, what: str) -> None:
        at = self._data_offset + tensor.begin
        self._note(kind, f"{quoted(tensor.name)} {what}", subject=tensor.name, at=at)

    def _claim_hole(self, begin: int, end: int) -> None:
        if self._data_offset + begin < self._size:
            self._unclaimed.append((self._data_offset + begin, min(self._data_offset + end, self._size)))

    def _check_file_end(self, end: int) -> None:
        declared = self._data_offset + end
        if declared > self._size:
            detail = f"the tensors end at byte {declared:,}, the file at {self._size:,}"
            self._note(SafetensorsAnomaly.TRUNCATED, detail, at=self._size)
        elif declared < self._size:
            detail = f"{self._size - declared:,} bytes follow the last tensor"
            self._note(SafetensorsAnomaly.TRAILING, detail, at=declared)
            self._unclaimed.append((declared, self._size))


def _json_type(value: Json) -> str:
    return {"dict": "object", "list": "array", "bool": "boolean"}.get(type(value).__name__, "number")


def _unsigned_list(value: Json) -> tuple[int, ...] | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    numbers = tuple(
        item
        for item in value
        if isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= _MAX_UNSIGNED
    )
    return numbers if len(numbers) == len(value) else None


def _checked_product(factors: Sequence[int]) -> int | None:
    product = 1
    for factor in factors:
        product *= factor
        if product > _MAX_UNSIGNED:
            return None
    return product
