"""Everything in a file that starts with a pickle, read no further than a loader would.

A window on the file grows until its pickles are complete. A legacy torch file then ends in raw
storages whose sizes its pickles state: those are located and not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Limits
from weighbridge.formats.pickle.reader import Gap, read_pickles
from weighbridge.formats.pickle.trace import Halt, Stream
from weighbridge.formats.weights import torch_storages

_FIRST_LOCAL, _FIRST_REMOTE, _GROWTH = 64 * MIB, 256 * KIB, 8


@dataclass(frozen=True, slots=True)
class RawStorages:
    """The half-open range of a legacy torch file's storages, as its pickles state it."""

    start: int
    stop: int
    count: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found in [0, read_bytes) of the file.

    Attributes:
        streams: the pickles, in order, other readings of one behind it.
        gaps: ranges that hold no pickle.
        storages: of a legacy torch file.
        read_bytes: how much of the file was looked at; the rest is `storages`, or beyond the limit.
        is_cut: the limit on pickles ended the reading.
    """

    streams: tuple[Stream, ...]
    gaps: tuple[Gap, ...]
    storages: RawStorages | None
    read_bytes: int
    is_cut: bool


def read_contents(source: ByteSource, limits: Limits) -> Contents:
    """Read all pickles of a source.

    Raises:
        ReadError, LimitReached: from the source.
    """
    most = min(source.size, limits.pickle_bytes)
    window = min(most, _FIRST_REMOTE if source.is_remote else _FIRST_LOCAL)
    while True:
        contents = _read_window(source, window, limits)
        if window == most or not _wants_more(contents, window):
            return contents
        window = min(most, window * _GROWTH)


def _read_window(source: ByteSource, window: int, limits: Limits) -> Contents:
    streams: list[Stream] = []
    gaps: list[Gap] = []
    for item in read_pickles(source.read_at(0, window), max_events=limits.pickle_events):
        if isinstance(item, Gap):
            gaps.append(item)
            continue
        streams.append(item)
        if len(streams) == torch_storages.LEGACY_PICKLES:
            storages = _legacy(streams, source.size)
            if storages is not None:
                return Contents(tuple(streams), _behind(storages, source), storages, window, False)
    is_cut = window < source.size and window == limits.pickle_bytes
    return Contents(tuple(streams), tuple(gaps), None, window, is_cut)


def _legacy(streams: list[Stream], size: int) -> RawStorages | None:
    stated = torch_storages.legacy_storages(streams)
    if stated is None:
        return None
    start = streams[-1].stop
    stop = start + sum(8 + storage.size_bytes for storage in stated)
    return RawStorages(start, stop, len(stated)) if stop <= size else None


def _behind(storages: RawStorages, source: ByteSource) -> tuple[Gap, ...]:
    return (Gap(storages.stop, source.size, searched=False),) if storages.stop < source.size else ()


def _wants_more(contents: Contents, window: int) -> bool:
    """True when the end of the window, not the end of the file, may have ended the reading."""
    if contents.storages is not None:
        return False
    if any(gap.stop == window for gap in contents.gaps):
        return True
    return (
        any(stream.halt is Halt.TRUNCATED for stream in contents.streams)
        or not contents.streams
        or (max(stream.stop for stream in contents.streams) >= window)
    )
