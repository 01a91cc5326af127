"""The most recently used blocks of one remote file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from weighbridge.core.limits import KIB

BLOCK_BYTES = 16 * KIB


class BlockCache:
    """Blocks of `BLOCK_BYTES`, by number; the last one of a file may be shorter.

    Counts the distinct bytes that ever came in, also those that were dropped again.
    """

    def __init__(self, capacity_blocks: int) -> None:
        self._capacity = capacity_blocks
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._seen: set[int] = set()
        self.distinct_bytes = 0

    def get(self, number: int) -> bytes | None:
        block = self._blocks.get(number)
        if block is not None:
            self._blocks.move_to_end(number)
        return block

    def __contains__(self, number: int) -> bool:
        return number in self._blocks

    def put(self, number: int, block: bytes) -> None:
        if number not in self._seen:
            self._seen.add(number)
            self.distinct_bytes += len(block)
        self._blocks[number] = block
        self._blocks.move_to_end(number)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)


def blocks_of(data: bytes, start: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Cut bytes that begin at a block's start into whole blocks.

    A piece at the end that is neither a whole block nor the end of the file is left out.

    Args:
        data: bytes of the file from offset `start`, a multiple of `BLOCK_BYTES`.
        start: see `data`.
        size: size of the file.
    """
    for offset in range(0, len(data), BLOCK_BYTES):
        block = data[offset : offset + BLOCK_BYTES]
        if len(block) == BLOCK_BYTES or start + offset + len(block) == size:
            yield (start + offset) // BLOCK_BYTES, block
