"""Read numbers and runs from bytes in order; what is cut off is `Malformed`, never an IndexError."""

from __future__ import annotations

from typing import Literal

from weighbridge.errors import Malformed


class ByteCursor:
    """A place in bytes that moves forward with each read."""

    __slots__ = ("at", "data", "end", "order")

    def __init__(
        self,
        data: bytes,
        at: int = 0,
        *,
        end: int | None = None,
        order: Literal["little", "big"] = "little",
    ) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))
        self.order = order

    def take(self, count: int) -> bytes:
        """Raises Malformed when fewer than `count` bytes are left."""
        if count < 0 or self.at + count > self.end:
            raise Malformed("the file ends in the middle of a record", min(self.at, self.end))
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, width: int) -> int:
        """An unsigned number of `width` bytes."""
        return int.from_bytes(self.take(width), self.order)

    def leb128(self) -> int:
        """An unsigned number of at most 64 bits, seven in a byte.

        Raises:
            Malformed: it is longer, or cut off.
        """
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
        raise Malformed("a number is longer than 64 bits", self.at)

    @property
    def left(self) -> int:
        """Bytes behind the place."""
        return self.end - self.at
