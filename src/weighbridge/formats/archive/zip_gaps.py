"""What a zip holds beside its directory: gaps, and members that only have a local header.

A reader that goes from front to back (a stream reader, a repair tool) takes every local header
for a member, whether a directory names it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB, Budget
from weighbridge.formats.archive.zip_records import (
    CENTRAL_SIGNATURE,
    FLAG_DESCRIPTOR,
    LOCAL,
    LOCAL_SIGNATURE,
    METHOD_STORED,
    ZipMember,
    decode_local,
    local_length,
)

_STEP_BYTES = 1 * MIB
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_LONGEST_NAME = 4096
_HIGHEST_VERSION = 100
"""APPNOTE knows versions up to 6.3; a stray signature is mostly followed by something else."""

Span = tuple[int, int]
"""Half-open range of bytes."""


@dataclass(frozen=True, slots=True)
class GapContent:
    """What a gap holds: nothing but zeros, bytes, or members."""

    is_blank: bool
    members: tuple[ZipMember, ...]


def gaps_between(spans: Iterable[Span], size: int) -> list[Span]:
    """Return the maximal ranges of [0, size) that no span covers, in order."""
    gaps: list[Span] = []
    covered = 0
    for start, stop in sorted(spans):
        if start > covered:
            gaps.append((covered, min(start, size)))
        covered = max(covered, stop)
    if covered < size:
        gaps.append((covered, size))
    return gaps


def search_gap(source: ByteSource, gap: Span, budget: Budget) -> GapContent:
    """Look for local headers in `gap`.

    Raises:
        LimitReached: too many members, or out of time.
    """
    members: list[ZipMember] = []
    position = gap[0]
    for at in _find_all(source, LOCAL_SIGNATURE, gap, budget):
        if at < position:
            continue
        member = _read_plausible(source, at, gap[1])
        if member is not None:
            budget.enter(1)
            member = _with_extent(source, member, gap[1], budget)
            members.append(member)
            position = max(member.least_end, at + LOCAL.size)
    return GapContent(_is_blank(source, gap, budget), tuple(members))


def read_local(source: ByteSource, offset: int, *, name_bytes: int) -> ZipMember | None:
    """Read the local header at `offset`, mostly in one read.

    Args:
        source: the archive.
        offset: where the header should stand; may lie outside of the source.
        name_bytes: the length that its name is thought to have.
    """
    if not 0 <= offset < source.size:
        return None
    head = source.read_at(offset, LOCAL.size + name_bytes + 128)
    length = local_length(head)
    if length is not None and length > len(head):
        head = source.read_at(offset, length)
    return decode_local(head, header_offset=offset)


def _read_plausible(source: ByteSource, offset: int, stop: int) -> ZipMember | None:
    head = source.read_at(offset, LOCAL.size)
    if len(head) < LOCAL.size:
        return None
    version, name_length = LOCAL.unpack(head)[1], LOCAL.unpack(head)[9]
    if not 0 < name_length <= _LONGEST_NAME or version & 0xFF > _HIGHEST_VERSION:
        return None
    member = read_local(source, offset, name_bytes=name_length)
    if member is None or (member.data_offset or 0) > stop:
        return None
    has_controls = any(byte < 0x20 for byte in member.raw_name)
    return None if has_controls else member


def _with_extent(source: ByteSource, member: ZipMember, stop: int, budget: Budget) -> ZipMember:
    """Give a member whose sizes stand behind its data the longest extent that they could state."""
    data_offset = member.data_offset or 0
    if member.compressed_size or not member.flags & FLAG_DESCRIPTOR:
        return member
    if member.method != METHOD_STORED:
        return replace(member, compressed_size=stop - data_offset)
    end = stop
    for signature in (_DESCRIPTOR_SIGNATURE, LOCAL_SIGNATURE, CENTRAL_SIGNATURE):
        end = next(_find_all(source, signature, (data_offset, end), budget), end)
    return replace(member, compressed_size=end - data_offset, size=end - data_offset)


def _find_all(source: ByteSource, needle: bytes, span: Span, budget: Budget) -> Iterator[int]:
    overlap = len(needle) - 1
    position = span[0]
    while position < span[1]:
        budget.check_time()
        block = bytes(source.read_at(position, min(_STEP_BYTES + overlap, span[1] - position)))
        if not block:
            return
        at = block.find(needle)
        while at >= 0:
            yield position + at
            at = block.find(needle, at + 1)
        position += _STEP_BYTES


def _is_blank(source: ByteSource, span: Span, budget: Budget) -> bool:
    for position in range(span[0], span[1], _STEP_BYTES):
        budget.check_time()
        block = bytes(source.read_at(position, min(_STEP_BYTES, span[1] - position)))
        if block.count(0) != len(block):
            return False
    return True
