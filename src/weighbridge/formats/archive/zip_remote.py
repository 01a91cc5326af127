"""Decide what to fetch of a remote zip, so that many small members cost one read.

`torch.save` writes the pickle and a few small records first, then the storages, then two small
records that lie in the tail which was read for the directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.core.limits import KIB, MIB
from weighbridge.formats.archive.readahead import ReadAhead
from weighbridge.formats.archive.zip_records import ZipMember

SMALL_BYTES = 256 * KIB
"""A member that takes no more than this, its header and padding included, is fetched whole."""
_HEAD_BYTES = 64 * KIB
_WINDOW_BYTES = 4 * MIB
_BRIDGE_BYTES = 128 * KIB
"""Unwanted bytes between two wanted members that are cheaper to fetch than a second request."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What to fetch for one member: from its local header to the next one, or its head."""

    start: int
    stop: int


def extents(members: Sequence[ZipMember], size: int) -> dict[int, Extent]:
    """Return what to fetch for each member, by its header offset."""
    offsets = sorted({member.header_offset for member in members if 0 <= member.header_offset < size})
    ends = dict(zip(offsets, [*offsets[1:], size], strict=True))
    planned: dict[int, Extent] = {}
    for member in members:
        start = member.header_offset
        if start in ends:
            likely_end = min(ends[start], member.least_end + _HEAD_BYTES)
            is_small = likely_end - start <= SMALL_BYTES
            planned[start] = Extent(start, likely_end if is_small else start + _HEAD_BYTES)
    return planned


def prefetch(source: ReadAhead, wanted: Iterable[Extent]) -> None:
    """Fetch the extents, neighbours together, each window at most 4 MiB.

    Raises:
        ReadError: the source failed.
    """
    window: Extent | None = None
    for extent in sorted(wanted, key=lambda extent: extent.start):
        if window is None:
            window = extent
        elif extent.start <= window.stop + _BRIDGE_BYTES and extent.stop - window.start <= _WINDOW_BYTES:
            window = Extent(window.start, max(window.stop, extent.stop))
        else:
            source.prefetch(window.start, window.stop - window.start)
            window = extent
    if window is not None:
        source.prefetch(window.start, window.stop - window.start)
