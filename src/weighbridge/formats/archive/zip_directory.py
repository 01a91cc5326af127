"""Find every central directory that some reader of zip files would use.

Readers differ. Python's zipfile goes back from the last end record by the directory's size and
takes what it finds; miniz (torch) goes to the stated offset; Zip64 records are looked for beside
the locator or where it points, and win always or only where the 32-bit values are masked; some
readers want the comment to end at the end of the file. Each of these readings that leads to
bytes which look like a directory is a `DirectoryClaim`.

Source: APPNOTE.TXT 6.3.10 4.3.16; CPython Lib/zipfile `_EndRecData`; CVE-2025-8291.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.zip_records import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    END,
    END64,
    END_SIGNATURE,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
    EndRecord,
    ZipMember,
    central_length,
    decode_central,
    decode_end,
    decode_end64,
    resolve_masks,
)

TAIL_BYTES = 64 * KIB
"""First read of a zip: holds every end record but those with a comment of nearly 64 KiB."""
_LONGEST_TAIL_BYTES = 0xFFFF + END.size
_MAX_END_RECORDS = 8
_MAX_BLOCK_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryClaim:
    """One reading of where the directory is.

    Attributes:
        start: first byte of the directory, from the start of the source.
        base: bytes before the archive, by this reading; added to each member's offset.
        record: what the end record states.
        is_zip64: the values come from a Zip64 record, whose counts do not wrap.
        end_offset: the first end record (Zip64 or not); the directory ends here at the latest.
        archive_end: one past the comment.
    """

    start: int
    base: int
    record: EndRecord
    is_zip64: bool
    end_offset: int
    archive_end: int


_MASK = 0xFFFFFFFF


def find_claims(source: ByteSource) -> tuple[DirectoryClaim, ...]:
    """Return the readings of the directory's place, the one that zipfile takes first."""
    claims: dict[tuple[int, int], DirectoryClaim] = {}
    for position in _end_positions(source):
        for claim in _claims_of(source, position):
            claims.setdefault((claim.start, claim.base), claim)
    return tuple(claims.values())


def read_directory(source: ByteSource, claim: DirectoryClaim, budget: Budget) -> Iterator[ZipMember]:
    """Yield the central headers, whatever their stated count, up to the first other record.

    Raises:
        LimitReached: more members, or more bytes of headers, than the budget allows.
        Malformed: the directory ends in the middle of a record.
    """
    block_bytes = min(max(claim.end_offset - claim.start, 1), _MAX_BLOCK_BYTES)
    cursor = Cursor(source, claim.start, stop=claim.end_offset, block_bytes=block_bytes)
    while (length := central_length(cursor.peek(CENTRAL.size))) is not None:
        budget.enter(1)
        if cursor.position - claim.start > budget.limits.header_bytes:
            raise LimitReached(f"the zip directory is longer than {budget.limits.header_bytes:,} bytes")
        member = decode_central(cursor.take(length), base=claim.base)
        if member is None:
            raise Malformed("the directory ends in the middle of a record", cursor.position)
        yield member


def _end_positions(source: ByteSource) -> list[int]:
    """Return where end records stand that some reader believes in, the last one first."""
    found = _search_tail(source, TAIL_BYTES)
    if not found and source.size > TAIL_BYTES:
        found = _search_tail(source, _LONGEST_TAIL_BYTES)
    return found


def _search_tail(source: ByteSource, length: int) -> list[int]:
    start = max(0, source.size - length)
    tail = bytes(source.read_at(start, length))
    positions: list[int] = []
    at = len(tail) - END.size + 1
    fitting = 0
    while (at := tail.rfind(END_SIGNATURE, 0, at + len(END_SIGNATURE) - 1)) >= 0:
        record = decode_end(tail[at : at + END.size])
        if record is None:
            continue
        end = start + at + END.size + record.comment_length
        is_first_to_fit = end <= source.size and not fitting
        if not positions or end == source.size or is_first_to_fit:
            positions.append(start + at)
        fitting += end <= source.size
        if len(positions) >= _MAX_END_RECORDS:
            break
    return positions


def _claims_of(source: ByteSource, position: int) -> Iterator[DirectoryClaim]:
    end = decode_end(source.read_at(position, END.size))
    if end is None:
        return
    archive_end = min(source.size, position + END.size + end.comment_length)
    has_end64 = is_said_twice = False
    for end64_offset in _end64_positions(source, position):
        end64 = decode_end64(source.read_at(end64_offset, END64.size))
        if end64 is not None:
            has_end64 = True
            is_said_twice |= _directory(end64) == _directory(end)
            for record in (end64, resolve_masks(end, end64)):
                yield from _places(source, record, end64_offset, archive_end, is_zip64=True)
    # With masks for values, only the Zip64 record can be meant.
    is_masked = has_end64 and _MASK in (end.directory_offset, end.directory_size)
    # torch writes both records, with the same values. To go back from the second, over the first,
    # lands inside the directory, and on a header of it when the first one is 76 bytes long.
    if not is_masked and not is_said_twice:
        yield from _places(source, end, position, archive_end, is_zip64=False)


def _directory(record: EndRecord) -> tuple[int, int, int]:
    return record.entries, record.directory_size, record.directory_offset


def _end64_positions(source: ByteSource, position: int) -> Iterator[int]:
    """Yield where a Zip64 end record may stand: beside its locator, and where that points."""
    at = position - LOCATOR64.size
    if at < 0:
        return
    locator = source.read_at(at, LOCATOR64.size)
    if bytes(locator[:4]) != LOCATOR64_SIGNATURE:
        return
    _, _, stated, _ = LOCATOR64.unpack(locator)
    beside = at - END64.size
    if beside >= 0:
        yield beside
    if stated != beside and stated < position:
        yield stated


def _places(
    source: ByteSource, record: EndRecord, end_offset: int, archive_end: int, *, is_zip64: bool
) -> Iterator[DirectoryClaim]:
    """Yield the directory before the end record, and the one at the stated offset."""
    before = end_offset - record.directory_size
    stated = record.directory_offset
    for start, base in ((before, before - stated), (stated, 0)):
        if 0 <= start <= end_offset and _looks_like_directory(source, start, record):
            yield DirectoryClaim(
                start=start,
                base=base,
                record=record,
                is_zip64=is_zip64,
                end_offset=end_offset,
                archive_end=archive_end,
            )


def _looks_like_directory(source: ByteSource, start: int, record: EndRecord) -> bool:
    if record.directory_size == 0 and record.entries == 0:
        return True
    return bytes(source.read_at(start, 4)) == CENTRAL_SIGNATURE
