"""Tell a file that is several whole zip archives, one behind the other.

`torch.distributed.checkpoint` writes its `.distcp` files so: each tensor is an archive that
`torch.save` made, and the table of contents beside it says where each begins.

    local headers and data | directory | [Zip64 end record, locator] | end record | the next archive ...

Source: torch/distributed/checkpoint/filesystem.py `_write_item`; APPNOTE.TXT 6.3.10 4.3.14-16.
"""

from __future__ import annotations

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget
from weighbridge.formats.archive.zip_directory import find_claims
from weighbridge.formats.archive.zip_records import (
    CENTRAL_SIGNATURE,
    END,
    END64,
    LOCAL_SIGNATURE,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
    decode_end,
    decode_end64,
)

Span = tuple[int, int]
"""Half-open range of bytes."""

_MOST_REMOTE = 16
_RECORDS_BYTES = END64.size + LOCATOR64.size + END.size


def archive_series(source: ByteSource, budget: Budget) -> tuple[Span, ...]:
    """Return the ranges of two or more archives that make up the whole source, in order; else ().

    Each archive begins with a member and ends with an end record without comment that fits its
    directory exactly, and no reader of the whole finds a directory that is not one of theirs. So
    whatever a reader takes, it is in the archives.

    Raises:
        ReadError: the source failed.
        LimitReached: too many archives, or out of time.
    """
    spans: list[Span] = []
    directories: set[int] = set()
    stop = source.size
    while stop > 0:
        place = _place(source, stop)
        if place is None or (source.is_remote and len(spans) == _MOST_REMOTE):
            return ()
        start, directory = place
        if start == 0 and not spans:
            return ()
        if bytes(source.read_at(start, 4)) != LOCAL_SIGNATURE:
            return ()
        budget.enter(1)
        spans.append((start, stop))
        directories.add(directory)
        stop = start
    found = {claim.start for claim in find_claims(source)}
    return tuple(reversed(spans)) if found <= directories else ()


def _place(source: ByteSource, stop: int) -> tuple[int, int] | None:
    """Return where the archive that ends at `stop` begins, and where its directory does."""
    tail = bytes(source.read_at(max(0, stop - _RECORDS_BYTES), min(stop, _RECORDS_BYTES)))
    end = decode_end(tail[-END.size :]) if len(tail) >= END.size else None
    if end is None or end.comment_length or not end.entries:
        return None
    record, behind = end, stop - END.size
    if tail[END64.size :].startswith(LOCATOR64_SIGNATURE):
        end64 = decode_end64(tail[: END64.size])
        if end64 is None:
            return None
        record, behind = end64, stop - _RECORDS_BYTES
    directory = behind - record.directory_size
    start = directory - record.directory_offset
    if not 0 <= start < directory < behind or bytes(source.read_at(directory, 4)) != CENTRAL_SIGNATURE:
        return None
    return start, directory
