"""Decide what to fetch of a remote zip, so that many small members cost one read.

`torch.save` writes the pickle and a few small records first, then the storages, then two small
records that lie in the tail which was read for the directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from weighbridge.core.limits import KIB, MIB
from weighbridge.formats.archive.readahead import ReadAhead
from weighbridge.formats.archive.zip_records import ZipMember

SMALL_BYTES = 256 * KIB
"""A member that takes no more than this, its header and padding included, is fetched whole."""
_HEAD_BYTES = 64 * KIB
_HEADER_READ_BYTES = 1 * KIB
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
    ends = dict(pairwise([*offsets, size]))
    planned: dict[int, Extent] = {}
    for member in members:
        start = member.header_offset
        if start in ends:
            likely_end = min(ends[start], member.least_end + _HEAD_BYTES)
            is_small = likely_end - start <= SMALL_BYTES
            # A header is read with some look-ahead, which must not miss the window by a few bytes.
            stop = max(likely_end, start + _HEADER_READ_BYTES) if is_small else start + _HEAD_BYTES
            planned[start] = Extent(start, min(stop, size))
    return planned


def prefetch_pickle(source: ReadAhead, extent: Extent) -> None:
    """Fetch the pickle of a torch zip, and at least 64 KiB: the small records stand behind it.

    Raises:
        ReadError: the source failed.
    """
    source.prefetch(extent.start, max(extent.stop - extent.start, _HEAD_BYTES))


def windows(wanted: Iterable[Extent]) -> dict[int, Extent]:
    """Put neighbours together, at most 4 MiB each.

    Returns:
        For the start of each extent, the window that it is fetched with.
    """
    found: dict[int, Extent] = {}
    together: list[Extent] = []
    for extent in sorted(wanted, key=lambda extent: extent.start):
        if together and not _belong_together(together, extent):
            found |= dict.fromkeys((member.start for member in together), _hull(together))
            together = []
        together.append(extent)
    if together:
        found |= dict.fromkeys((member.start for member in together), _hull(together))
    return found


def _belong_together(together: list[Extent], extent: Extent) -> bool:
    is_near = extent.start <= together[-1].stop + _BRIDGE_BYTES
    return is_near and extent.stop - together[0].start <= _WINDOW_BYTES


def _hull(together: list[Extent]) -> Extent:
    return Extent(together[0].start, max(extent.stop for extent in together))
