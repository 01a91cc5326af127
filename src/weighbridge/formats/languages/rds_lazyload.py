"""The blocks of an `.rdb` file: packages and `lazyLoad` keep one R object in each.

    block = u32 bytes of the object, big-endian   zlib stream
          | u32 bytes of the object   "2" bzip2 | "Z" xz | "0" as it is

Nothing between blocks: the next begins where the stream of the one before ends. The offsets are in
the `.rdx` file beside it, and R believes them; here the file is walked from its start.

Source: src/main/serialize.c of R (R_compress1, lazyLoadDBfetch).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, Budget
from weighbridge.errors import Malformed

_STEP = 64 * KIB


class LazyLoadBlock:
    """One block. Its end is known when its chunks were taken: take them before the next block.

    Attributes:
        offset: of its length field.
        is_zlib: False for a block of another compression, which has no chunks here.
    """

    def __init__(self, source: ByteSource, offset: int, budget: Budget, *, is_zlib: bool) -> None:
        self.offset = offset
        self.is_zlib = is_zlib
        self.stop = source.size
        self._source = source
        self._budget = budget

    def chunks(self) -> Iterator[bytes]:
        """Yield the object's bytes.

        Raises:
            Malformed: the stream is broken or has no end.
            LimitReached: more bytes than `Limits` allows.
        """
        decoder = zlib.decompressobj()
        position, produced = self.offset + 4, 0
        pending = b""
        while not decoder.eof:
            if not pending:
                pending = bytes(self._source.read_at(position, _STEP))
                position += len(pending)
            chunk = self._decompress(decoder, pending)
            if not chunk and not pending:
                raise Malformed("a block has no end", self.offset)
            pending = decoder.unconsumed_tail
            produced += len(chunk)
            consumed = position - self.offset
            self._budget.expand(len(chunk), consumed_total=consumed, produced_total=produced)
            if chunk:
                yield chunk
        self.stop = position - len(decoder.unused_data)

    def _decompress(self, decoder: zlib._Decompress, pending: bytes) -> bytes:
        try:
            return decoder.decompress(pending, _STEP)
        except zlib.error as error:
            raise Malformed(f"a block that does not decompress: {error}", self.offset) from None


def read_blocks(source: ByteSource, budget: Budget) -> Iterator[LazyLoadBlock]:
    """Yield the blocks in file order, up to the first that is not compressed with zlib.

    Raises:
        Malformed: what follows a block is no other.
        LimitReached: more blocks than `Limits.entries`.
    """
    at = 0
    while at < source.size:
        budget.enter(1)
        head = bytes(source.read_at(at, 5))
        if len(head) < 5:
            raise Malformed("the last block is cut off", at)
        is_zlib = head[4:] not in (b"2", b"Z", b"0")
        block = LazyLoadBlock(source, at, budget, is_zlib=is_zlib)
        yield block
        if not is_zlib:
            return
        at = block.stop
