"""The three sparse formats of GNU tar, and a view of a sparse member as its extracted file.

A reader that knows sparse files gives zeros for the holes; one that does not gives the packed
bytes. Both views can hold different pickles, so both are needed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.tar_headers import BLOCK_BYTES, pax_number, sparse_pairs

SparseMap = tuple[tuple[int, int], ...]
"""(offset in the extracted file, bytes) of each piece that is stored, in order."""


class SparseSource:
    """A `ByteSource` that shows a sparse member with its holes filled by zeros.

    Pieces that overlap or go backwards are the caller's to refuse (`is_ordered`).
    """

    def __init__(self, parent: ByteSource, data_offset: int, pieces: SparseMap, size: int) -> None:
        self._parent = parent
        self._pieces = pieces
        self._starts = [offset for offset, _ in pieces]
        self._packed = [data_offset]
        for _, length in pieces:
            self._packed.append(self._packed[-1] + length)
        self._size = size
        self._bytes_read = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_remote(self) -> bool:
        return self._parent.is_remote

    @property
    def bytes_read(self) -> int:
        return self._bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        stop = min(offset + length, self._size)
        if stop <= offset:
            return b""
        output = bytearray(stop - offset)
        index = max(0, bisect_right(self._starts, offset) - 1)
        while index < len(self._pieces) and self._starts[index] < stop:
            self._copy_piece(index, offset, stop, output)
            index += 1
        return bytes(output)

    def _copy_piece(self, index: int, offset: int, stop: int, output: bytearray) -> None:
        start, length = self._pieces[index]
        first, last = max(start, offset), min(start + length, stop)
        if first >= last:
            return
        data = self._parent.read_at(self._packed[index] + first - start, last - first)
        self._bytes_read += len(data)
        output[first - offset : first - offset + len(data)] = data

    def close(self) -> None:
        """The parent is not ours to close."""


def is_ordered(pieces: SparseMap, size: int) -> bool:
    """Tell whether the pieces follow each other without overlap and end within `size`."""
    end = 0
    for offset, length in pieces:
        if offset < end:
            return False
        end = offset + length
    return end <= size


def read_old_extension(cursor: Cursor, limit: int) -> SparseMap:
    """Read the blocks that continue an old GNU sparse header: 21 pairs each, flag at 504."""
    pieces: list[tuple[int, int]] = []
    while len(pieces) < limit:
        block = cursor.take(BLOCK_BYTES)
        pieces += sparse_pairs(block[:504])
        if len(block) < BLOCK_BYTES or not block[504]:
            break
    return tuple(pieces[:limit])


def pax_sparse_map(
    records: Mapping[bytes, bytes], ordered: Sequence[tuple[bytes, bytes]], limit: int
) -> SparseMap | None:
    """Return the map of the pax formats 0.0 and 0.1; None when there is none or it is broken."""
    if b"GNU.sparse.map" in records:
        numbers = records[b"GNU.sparse.map"].split(b",", 2 * limit)
    else:
        keys = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        numbers = [value for key, value in ordered if key in keys][: 2 * limit]
    return _pairs(numbers) if numbers else None


def read_map_in_data(cursor: Cursor, limit: int) -> tuple[SparseMap, int] | None:
    """Read the map of the pax format 1.0: decimal lines at the start of the data, padded to a block.

    Returns:
        The map and the bytes that it takes; None when it is broken.
    """
    start = cursor.position
    count = _take_number(cursor)
    if count is None or count > limit:
        return None
    numbers: list[bytes] = []
    for _ in range(2 * count):
        number = _take_number(cursor)
        if number is None:
            return None
        numbers.append(b"%d" % number)
    pieces = _pairs(numbers)
    taken = cursor.position - start
    return None if pieces is None else (pieces, -(-taken // BLOCK_BYTES) * BLOCK_BYTES)


def sparse_size(records: Mapping[bytes, bytes]) -> int | None:
    """Return the size of the extracted file that any of the pax formats states."""
    size = pax_number(records, b"GNU.sparse.realsize")
    return pax_number(records, b"GNU.sparse.size") if size is None else size


def _take_number(cursor: Cursor) -> int | None:
    line, newline, _ = cursor.peek(21).partition(b"\n")
    if not newline or not line.isdigit():
        return None
    cursor.take(len(line) + 1)
    return int(line)


def _pairs(numbers: Sequence[bytes]) -> SparseMap | None:
    if len(numbers) % 2 or not all(number.isdigit() and len(number) <= 20 for number in numbers):
        return None
    values = [int(number) for number in numbers]
    return tuple(zip(values[::2], values[1::2], strict=True))
