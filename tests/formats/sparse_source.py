"""A file of any size that holds zeros but for a few pieces, and counts how it is read."""

from __future__ import annotations


class SparseSource:
    """A `ByteSource`: `reads` are the calls, `bytes_read` what they returned in sum."""

    is_remote = True

    def __init__(self, size: int, pieces: dict[int, bytes]) -> None:
        self._size = size
        self._pieces = pieces
        self.reads: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return self._size

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.reads)

    def read_at(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self._size - offset))
        self.reads.append((offset, length))
        data = bytearray(length)
        for start, piece in self._pieces.items():
            begin, end = max(start, offset), min(start + len(piece), offset + length)
            if begin < end:
                data[begin - offset : end - offset] = piece[begin - start : end - start]
        return bytes(data)

    def close(self) -> None:
        """Nothing to release."""
