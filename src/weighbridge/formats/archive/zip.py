"""Read a zip the way all of its readers do at once, and say where they would differ.

`parse_zip` returns the union: every member that some reader sees, in each reading in which it
differs, and what is odd about the archive. It decodes no data and judges nothing. Source:
APPNOTE.TXT 6.3.10; CVE-2025-1944, CVE-2025-1945, CVE-2025-10156.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.zip_anomalies import ZipAnomaly, ZipAnomalyKind
from weighbridge.formats.archive.zip_compare import about, name_oddities, resolve_member
from weighbridge.formats.archive.zip_directory import DirectoryClaim, find_claims, read_directory
from weighbridge.formats.archive.zip_gaps import Span, gaps_between, search_gap
from weighbridge.formats.archive.zip_records import (
    EVASION_FLAGS,
    FLAG_DESCRIPTOR,
    LOCAL_SIGNATURE,
    View,
    ZipMember,
)

_MAX_PER_KIND = 20
"""Anomalies of one kind that are told one by one; the rest is as bad and says nothing new."""
_DESCRIPTOR_BYTES = 24
_UNREAD_HEADER_SLACK = 2 * 0xFFFF + _DESCRIPTOR_BYTES
"""Name and extra field of a local header that was not read, at their longest."""
_REMOTE_GAP_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipDirectory:
    """Every member that some reader sees.

    Attributes:
        members: directory order; a member whose two headers differ stands here twice. Members
            whose bytes cannot be found are left out (there is an anomaly for each).
        anomalies: at most 20 of each kind.
        unsearched_bytes: length of gaps in a remote archive that were not looked into.
        unfinished: why the list ends early, when it does.
    """

    members: tuple[ZipMember, ...]
    anomalies: tuple[ZipAnomaly, ...]
    unsearched_bytes: int = 0
    unfinished: Malformed | LimitReached | None = None


def parse_zip(source: ByteSource, budget: Budget, *, compare_local_headers: bool) -> ZipDirectory:
    """Read the directories of a zip and everything that they do not name.

    Args:
        source: the archive.
        budget: each header of a member counts as an entry.
        compare_local_headers: read the local header of each member too; a remote caller does
            that with `resolve_member` for the members that it reads anyway.

    Raises:
        Malformed: no reader takes these bytes for a zip.
        ReadError: the source failed.
    """
    survey = _Survey(source, budget, compare_local_headers)
    try:
        survey.run()
    except LimitReached as reached:
        survey.unfinished = reached
    return ZipDirectory(
        members=tuple(survey.members),
        anomalies=tuple(survey.anomalies),
        unsearched_bytes=survey.unsearched_bytes,
        unfinished=survey.unfinished,
    )


@dataclass(slots=True)
class _Survey:
    """The state of one `parse_zip`."""

    source: ByteSource
    budget: Budget
    compare_local_headers: bool
    members: list[ZipMember] = field(default_factory=list)
    anomalies: list[ZipAnomaly] = field(default_factory=list)
    unsearched_bytes: int = 0
    unfinished: Malformed | LimitReached | None = None
    counts: Counter[ZipAnomalyKind] = field(default_factory=Counter)

    def run(self) -> None:
        claims = find_claims(self.source)
        if not claims:
            self.walk_without_directory()
            return
        listings = [self.read_claim(claim) for claim in claims]
        if len({frozenset(map(_identity, listing)) for listing in listings}) > 1:
            self.tell_several(claims, listings)
        union = {_identity(member): member for listing in listings for member in listing}
        for member in union.values():
            self.take(member)
        self.tell_duplicates()
        self.survey_layout(claims, listings)

    def tell(self, anomaly: ZipAnomaly) -> None:
        self.counts[anomaly.kind] += 1
        if self.counts[anomaly.kind] <= _MAX_PER_KIND:
            self.anomalies.append(anomaly)

    def read_claim(self, claim: DirectoryClaim) -> list[ZipMember]:
        """Read one directory; when the budget ends in it, what was read is kept as members."""
        listing: list[ZipMember] = []
        try:
            for member in read_directory(self.source, claim, self.budget):
                listing.append(member)  # noqa: PERF402 - what was read must survive the exception
        except Malformed as error:
            self.tell(ZipAnomaly(kind=ZipAnomalyKind.BROKEN_DIRECTORY, offset=error.offset))
        except LimitReached:
            for member in listing:
                self.take(member)
            raise
        self.check_record(claim, listing)
        return listing

    def check_record(self, claim: DirectoryClaim, listing: list[ZipMember]) -> None:
        record = claim.record
        entries = len(listing) if claim.is_zip64 else len(listing) & 0xFFFF
        length = sum(member.header_length for member in listing)
        if record.entries != entries or length > record.directory_size:
            detail = f"{record.entries} members in {record.directory_size} bytes stated, "
            detail += f"{len(listing)} in {length} found"
            self.tell(
                ZipAnomaly(kind=ZipAnomalyKind.COUNT_DIFFERS, offset=claim.end_offset, detail=detail)
            )
        if record.disk or record.directory_disk or any(member.disk for member in listing):
            self.tell(ZipAnomaly(kind=ZipAnomalyKind.DISK_NUMBER, offset=claim.end_offset))

    def take(self, member: ZipMember) -> None:
        for anomaly in name_oddities(member):
            self.tell(anomaly)
        if not self.compare_local_headers:
            self.members.append(member)
            return
        resolved = resolve_member(self.source, member)
        self.members.extend(resolved.members)
        for anomaly in resolved.anomalies:
            self.tell(anomaly)

    def tell_several(self, claims: tuple[DirectoryClaim, ...], listings: list[list[ZipMember]]) -> None:
        detail = ", ".join(
            f"{len(listing)} members at byte {claim.start}"
            for claim, listing in zip(claims, listings, strict=True)
        )
        kind = ZipAnomalyKind.SEVERAL_DIRECTORIES
        self.tell(ZipAnomaly(kind=kind, offset=claims[0].end_offset, detail=detail))

    def tell_duplicates(self) -> None:
        """Names are compared as readers look them up: miniz ignores the case of ASCII letters."""
        first: dict[str, ZipMember] = {}
        for member in self.members:
            if member.view is View.LOCAL:
                continue
            folded = member.name.casefold()
            name = folded if folded.endswith(".pkl") else member.name
            other = first.setdefault(name, member)
            if (other.crc, other.size) != (member.crc, member.size):
                detail = f"also at byte {other.header_offset}"
                self.tell(about(member, ZipAnomalyKind.DUPLICATE_NAME, detail))

    def survey_layout(self, claims: tuple[DirectoryClaim, ...], listings: list[list[ZipMember]]) -> None:
        self.tell_overlaps(claims[0])
        spans = [_span(member) for member in self.members]
        for claim, listing in zip(claims, listings, strict=True):
            length = sum(member.header_length for member in listing)
            spans += [(claim.start, claim.start + length), (claim.end_offset, claim.archive_end)]
        for gap in gaps_between(spans, self.source.size):
            self.survey_gap(gap, claims[0])

    def tell_overlaps(self, claim: DirectoryClaim) -> None:
        """Only within the directory that zipfile takes: two directories overlap by nature."""
        end, owner = 0, ""
        if self.counts[ZipAnomalyKind.SEVERAL_DIRECTORIES]:
            return
        central = [member for member in self.members if member.view is View.CENTRAL]
        for member in sorted(central, key=lambda member: member.header_offset):
            if member.header_offset < end:
                detail = f"with {owner!r}"
                self.tell(about(member, ZipAnomalyKind.OVERLAP, detail))
            if member.header_offset < claim.start < member.least_end:
                self.tell(about(member, ZipAnomalyKind.OVERLAP, "with the directory"))
            if member.least_end > end:
                end, owner = member.least_end, member.name

    def survey_gap(self, gap: Span, claim: DirectoryClaim) -> None:
        start, stop = gap
        if self.source.is_remote and stop - start > _REMOTE_GAP_BYTES:
            self.unsearched_bytes += stop - start
            self.tell(ZipAnomaly(kind=_gap_kind(gap, claim), offset=start, length=stop - start))
            return
        content = search_gap(self.source, gap, self.budget)
        for member in content.members:
            self.members.append(member)
            self.tell(about(member, ZipAnomalyKind.HIDDEN_MEMBER))
        kind = _gap_kind(gap, claim)
        is_explained = kind is ZipAnomalyKind.GAP and (content.is_blank or content.members)
        is_blank_tail = kind is ZipAnomalyKind.TRAILING and content.is_blank
        if not is_explained and not is_blank_tail:
            self.tell(ZipAnomaly(kind=kind, offset=start, length=stop - start))

    def walk_without_directory(self) -> None:
        """Take what a reader from front to back would find in a cut archive."""
        if bytes(self.source.read_at(0, 4)) != LOCAL_SIGNATURE:
            raise Malformed("no zip: neither a local header first nor a directory last")
        self.tell(ZipAnomaly(kind=ZipAnomalyKind.NO_DIRECTORY, offset=self.source.size))
        self.unfinished = Malformed("the zip has no central directory", self.source.size)
        reach = min(self.source.size, 4 * MIB) if self.source.is_remote else self.source.size
        self.members += search_gap(self.source, (0, reach), self.budget).members


def _identity(member: ZipMember) -> tuple[int, bytes, int, int, int, int]:
    return (
        member.header_offset,
        member.raw_name,
        member.method,
        member.compressed_size,
        member.size,
        member.flags & EVASION_FLAGS,
    )


def _span(member: ZipMember) -> Span:
    """Return the bytes that a member may own, with the descriptor that may follow it."""
    slack = _UNREAD_HEADER_SLACK if member.data_offset is None else 0
    if member.flags & FLAG_DESCRIPTOR:
        slack += _DESCRIPTOR_BYTES
    return member.header_offset, member.least_end + slack


def _gap_kind(gap: Span, claim: DirectoryClaim) -> ZipAnomalyKind:
    if gap[0] == 0:
        return ZipAnomalyKind.PREFIX
    return ZipAnomalyKind.TRAILING if gap[0] >= claim.archive_end else ZipAnomalyKind.GAP
