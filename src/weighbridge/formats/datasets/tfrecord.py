"""Read TFRecord files: records between checksums, and the features of an Example.

    record  = u64 length  u32 masked crc32c of the length  data  u32 masked crc32c of the data
    Example = 1: Features = 1: map entry = 1: name  2: Feature = 1: bytes  2: floats  3: int64s
    SequenceExample = 1: Features (context)  2: FeatureLists = 1: entry = 1: name  2: list = 1: Feature

The checksum over eight bytes of length tells these files from all others. Source:
https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.held_bytes import HeldBytes
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire

_HEAD_BYTES, _TAIL_BYTES = 12, 4
_CHECKED_BYTES = 2 * MIB
_LARGEST_RECORD = 16 * MIB
_POLYNOMIAL = 0x82F63B78


@dataclass(frozen=True, slots=True)
class TfRecord:
    """One record.

    Attributes:
        data: at most its first 16 MiB.
        length: of the whole record.
        is_intact: False when the checksum of the data is wrong; None when it was not computed,
            which is done for the first 2 MiB of a file.
    """

    number: int
    offset: int
    data: bytes
    length: int
    is_intact: bool | None


@dataclass(frozen=True, slots=True)
class Feature:
    """One value of a bytes feature."""

    name: str
    value: bytes


def is_record_head(head: bytes, size: int) -> bool:
    """True when twelve bytes are a length that fits a file of `size` bytes, and its checksum."""
    if len(head) < _HEAD_BYTES:
        return False
    length = int.from_bytes(head[:8], "little")
    fits = _HEAD_BYTES + length + _TAIL_BYTES <= size
    return fits and masked_crc32c(head[:8]) == int.from_bytes(head[8:12], "little")


def read_records(source: ByteSource, stop: int) -> Iterator[TfRecord]:
    """Yield the records that begin before `stop`, in file order.

    Raises:
        Malformed: a length that its checksum does not confirm, or that reaches beyond the file.
    """
    cursor = Cursor(source)
    checked = number = 0
    while cursor.position < min(stop, source.size):
        at = cursor.position
        length = _length(cursor.take(_HEAD_BYTES), at, cursor.remaining)
        data = cursor.take(min(length, _LARGEST_RECORD))
        cursor.seek(at + _HEAD_BYTES + length)
        stated = int.from_bytes(cursor.take(_TAIL_BYTES), "little")
        is_intact = None
        if len(data) == length and checked + length <= _CHECKED_BYTES:
            checked += length
            is_intact = masked_crc32c(data) == stated
        yield TfRecord(number, at, data, length, is_intact)
        number += 1


def _length(head: bytes, at: int, remaining: int) -> int:
    if len(head) < _HEAD_BYTES:
        raise Malformed("the file ends within the head of a record", at)
    length = int.from_bytes(head[:8], "little")
    if masked_crc32c(head[:8]) != int.from_bytes(head[8:], "little"):
        raise Malformed("the checksum of a record's length is wrong", at)
    if length + _TAIL_BYTES > remaining:
        raise Malformed(f"a record of {length:,} bytes, and {remaining:,} are left", at)
    return length


def bytes_features(data: bytes) -> Iterator[Feature]:
    """Yield the bytes features of an Example or SequenceExample.

    Raises:
        Malformed: the record is neither; features before that were yielded.
    """
    reader = ProtobufReader(HeldBytes(data))
    for field in reader.fields():
        if field.wire is not Wire.BYTES or field.number not in (1, 2):
            raise Malformed("no Example", field.at)
        for entry in reader.message(field):
            yield from _entry(reader, entry, is_list=field.number == 2)


def _entry(reader: ProtobufReader, entry: Field, *, is_list: bool) -> Iterator[Feature]:
    name = ""
    for part in reader.message(entry):
        if part.number == 1:
            name = reader.text_of(part, 1024)
        elif part.number == 2 and is_list:
            for feature in reader.message(part):
                yield from _values(reader, name, feature)
        elif part.number == 2:
            yield from _values(reader, name, part)


def _values(reader: ProtobufReader, name: str, feature: Field) -> Iterator[Feature]:
    for kind in reader.message(feature):
        if kind.number == 1:
            for value in reader.message(kind):
                if value.number == 1 and value.wire is Wire.BYTES:
                    yield Feature(name, reader.bytes_of(value))


def masked_crc32c(data: bytes) -> int:
    """Return the checksum as TFRecord stores it: rotated right by 15 bits, plus a constant."""
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    """The CRC-32C of each byte."""
    return tuple(_remainder(byte) for byte in range(256))


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte
