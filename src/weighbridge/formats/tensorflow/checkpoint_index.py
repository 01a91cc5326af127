"""The index of a checkpoint: a sorted table of names, each with where its tensor lies in which shard.

    file    = data block*  ...  index block  footer
    footer  = handle of metaindex, handle of index, padding to 40 bytes, magic 0xdb4775248b80fb57
    handle  = varint offset  varint size
    block   = entry*  u32 restart[n]  u32 n         then  u8 compression  u32 crc
    entry   = varint shared  varint added  varint value  bytes of key  bytes of value

The first key is empty and holds the BundleHeaderProto {1 num_shards}; the others hold a BundleEntryProto
{1 dtype  2 shape  3 shard_id  4 offset  5 size  7 slices}. Checkpoints of the first version are such a
table too, with the tensors themselves in it: of those only the header is read. Source:
tensorflow/core/lib/io/table.cc, tensorflow/core/protobuf/tensor_bundle.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.protobuf import Field, ProtobufReader, Wire
from weighbridge.formats.tensorflow.tensors import DTYPE_BYTES, read_shape

FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_MAX_ENTRIES = 2_000_000
_LONGEST_KEY = 64 * KIB
_LONGEST_VALUE = MIB
_MOST_BYTES = 2**63 - 1


class IndexAnomaly(StrEnum):
    """What can be wrong with an index that can be read all the same."""

    NO_SUCH_SHARD = "no-such-shard"
    NEGATIVE_RANGE = "negative-range"
    WRONG_SIZE = "wrong-size"
    OVERLAP = "overlap"
    BROKEN_ENTRY = "broken-entry"


@dataclass(slots=True)
class CheckpointIndex:
    """What an index says.

    Attributes:
        is_compressed: its blocks are packed with snappy and were not read.
        holds_tensors: a checkpoint of the first version.
    """

    shards: int = 1
    tensors: int = 0
    is_compressed: bool = False
    holds_tensors: bool = False
    anomalies: tuple[Anomaly[IndexAnomaly], ...] = ()
    ranges: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Handle:
    offset: int
    size: int


def parse_index(source: ByteSource, limits: Limits) -> CheckpointIndex:
    """Read an index.

    Raises:
        Malformed: the footer or a block is broken.
        LimitReached: the table is longer than `limits.header_bytes`.
    """
    return _Reader(source, limits).run()


class _Reader:
    """One walk over one table."""

    def __init__(self, source: ByteSource, limits: Limits) -> None:
        self._source = source
        self._reader = ProtobufReader(source)
        self._left = limits.header_bytes
        self._log: AnomalyLog[IndexAnomaly] = AnomalyLog()
        self._found = CheckpointIndex()

    def run(self) -> CheckpointIndex:
        found = self._found
        for position, handle in enumerate(self._handles()):
            block = self._block(handle)
            if block is None:
                found.is_compressed = True
                break
            for key, start, stop in _entries(block, handle.offset):
                self._entry(key, handle.offset + start, handle.offset + stop)
                if found.holds_tensors:
                    return found
            if position > _MAX_ENTRIES:
                raise LimitReached(f"an index of more than {_MAX_ENTRIES:,} blocks")
        self._check_ranges()
        found.anomalies = self._log.all()
        return found

    def _handles(self) -> Iterator[_Handle]:
        """The data blocks, as the index block lists them."""
        end = self._source.size
        footer = bytes(self._source.read_at(max(0, end - FOOTER_BYTES), FOOTER_BYTES))
        if len(footer) < FOOTER_BYTES:
            raise Malformed("the table has no footer", end)
        at = 0
        numbers: list[int] = []
        for _ in range(4):
            number, at = _varint(footer, at, end - FOOTER_BYTES)
            numbers.append(number)
        block = self._block(_Handle(numbers[2], numbers[3]))
        if block is None:
            self._found.is_compressed = True
            return
        for _, start, stop in _entries(block, numbers[2]):
            value = block[start:stop]
            offset, at = _varint(value, 0, numbers[2])
            size, _ = _varint(value, at, numbers[2])
            yield _Handle(offset, size)

    def _block(self, handle: _Handle) -> bytes | None:
        """The bytes of a block; None when they are compressed."""
        if handle.offset + handle.size + _TRAILER_BYTES > self._source.size:
            raise Malformed("a block reaches beyond the table", handle.offset)
        if self._found.holds_tensors:
            return None
        self._left -= handle.size
        if self._left < 0:
            raise LimitReached("the table of a checkpoint is longer than a header may be")
        raw = bytes(self._source.read_at(handle.offset, handle.size + 1))
        if len(raw) != handle.size + 1:
            raise Malformed("the table ends within a block", handle.offset)
        return None if raw[-1] else raw[:-1]

    def _entry(self, key: str, at: int, stop: int) -> None:
        try:
            if stop - at > _LONGEST_VALUE:
                raise Malformed(f"an entry of {stop - at:,} bytes", at)
            fields = list(self._reader.fields(at, stop))
            if not key:
                self._header(fields)
                return
            self._tensor(key, fields, at)
        except Malformed as error:
            self._log.add(
                IndexAnomaly.BROKEN_ENTRY, f"{quoted(key)}: {error.reason}", at=at, subject=key
            )

    def _header(self, fields: list[Field]) -> None:
        for part in fields:
            if part.number == 1 and part.wire is Wire.VARINT:
                self._found.shards = part.value
            elif part.number == 1:
                self._found.holds_tensors = True

    def _tensor(self, key: str, fields: list[Field], at: int) -> None:
        self._found.tensors += 1
        if self._found.tensors > _MAX_ENTRIES:
            raise LimitReached(f"an index of more than {_MAX_ENTRIES:,} tensors")
        numbers = {part.number: part.signed for part in fields if part.wire is Wire.VARINT}
        shard, offset, size = numbers.get(3, 0), numbers.get(4, 0), numbers.get(5, 0)
        shapes = [part for part in fields if part.number == 2 and part.wire is Wire.BYTES]
        if not 0 <= shard < max(1, self._found.shards):
            detail = f"{quoted(key)}: shard {shard:,} of {self._found.shards:,}"
            self._log.add(IndexAnomaly.NO_SUCH_SHARD, detail, at=at, subject=key)
        if offset < 0 or size < 0 or offset + size > _MOST_BYTES:
            detail = f"{quoted(key)}: {size:,} bytes at {offset:,}"
            self._log.add(IndexAnomaly.NEGATIVE_RANGE, detail, at=at, subject=key)
            return
        if any(part.number == 7 for part in fields):
            return  # its slices are entries of their own
        self._found.ranges.setdefault(shard, []).append((offset, offset + size, key))
        dims = read_shape(self._reader, shapes[-1]) if shapes else ()
        width = DTYPE_BYTES.get(numbers.get(1, 0))
        if width is not None and dims is not None and _bytes(dims, width) != size:
            detail = f"{quoted(key)}: shape {list(dims[:8])} of {width} bytes each, size {size:,}"
            self._log.add(IndexAnomaly.WRONG_SIZE, detail, at=at, subject=key)

    def _check_ranges(self) -> None:
        for spans in self._found.ranges.values():
            end, name = 0, ""
            for start, stop, key in sorted(spans):
                if start < end and stop > start:
                    detail = f"{quoted(key)} begins at {start:,} within {quoted(name)}"
                    self._log.add(IndexAnomaly.OVERLAP, detail, at=0, subject=key)
                if stop > end:
                    end, name = stop, key


def _entries(block: bytes, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield the key of each entry of a block, and where in the block its value lies."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if len(block) < 4 or end < 0:
        raise Malformed("a block with impossible restart points", at)
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place, at)
        added, place = _varint(block, place, at)
        length, place = _varint(block, place, at)
        if (
            shared > len(key)
            or added > end - place
            or length > end - place - added
            or (shared + added > _LONGEST_KEY)
        ):
            raise Malformed("an entry reaches beyond its block", at + min(place, len(block)))
        key = key[:shared] + block[place : place + added]
        place += added
        yield key.decode("utf-8", "backslashreplace"), place, place + length
        place += length


def _varint(data: bytes, at: int, base: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number without an end", base + min(at, len(data)))


def _bytes(dims: tuple[int, ...], width: int) -> int:
    """The size of a tensor; -1 for one that can't be."""
    product = width
    for size in dims:
        if size < 0:
            return -1
        product *= size
        if product > _MOST_BYTES:
            return -1
    return product
