"""Check global heaps before the HDF5 library reads them: one that does not advance never ends there.

    heap    "GCOL" version(1)=1 reserved(3) size(L)
    object  number(2) references(2) reserved(4) size(L), then its bytes, padded to 8;
            number 0 is the free space: its size counts its own header

L is the size of lengths, 8 in every file that is written today. The library steps over object 0 by
the size that it states; a size of 0 makes it stay where it is. Source: HDF5 File Format Specification
3.0, section III.E, and H5HGcache.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.core.artifact import ByteSource

_SIGNATURE = b"GCOL"
_LEAST_BYTES = 4096
_MOST_BYTES = 64 << 20
_LENGTH_BYTES = 8
_HEADER_BYTES = 8 + _LENGTH_BYTES


@dataclass(slots=True)
class HeapGuard:
    """Looks for heaps in what the library reads, and follows each as the library would."""

    source: ByteSource
    seen: set[int] = field(default_factory=set)

    def objection(self, data: bytes | memoryview, at: int) -> str | None:
        """Return why the library must not see these bytes; None when it may.

        Args:
            data: what is about to be handed to the library.
            at: its offset in the file.
        """
        raw = bytes(data)
        found = raw.find(_SIGNATURE)
        while found >= 0:
            place = at + found
            if place not in self.seen:
                if not self._advances(place):
                    return f"the global heap at byte {place:,} has no end"
                self.seen.add(place)
            found = raw.find(_SIGNATURE, found + 1)
        return None

    def _advances(self, place: int) -> bool:
        head = bytes(self.source.read_at(place, _HEADER_BYTES))
        size = int.from_bytes(head[8:], "little")
        if len(head) < _HEADER_BYTES or head[4] != 1 or size < _LEAST_BYTES:
            return True  # no heap: the word stands in some text
        if size > min(_MOST_BYTES, self.source.size - place):
            return False
        heap = bytes(self.source.read_at(place, size))
        at = _HEADER_BYTES
        while at + _HEADER_BYTES <= size:
            number = int.from_bytes(heap[at : at + 2], "little")
            length = int.from_bytes(heap[at + 8 : at + _HEADER_BYTES], "little")
            step = length if number == 0 else _HEADER_BYTES + (length + 7) // 8 * 8
            if step < _HEADER_BYTES:
                return False
            at += step
        return True
