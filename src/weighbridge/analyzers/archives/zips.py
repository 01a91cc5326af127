"""Zip archives: what no honest writer makes, and every member for a closer look."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.analyzers.archives.archive_kinds import judge_members
from weighbridge.analyzers.archives.member_paths import path_findings, symlink_findings
from weighbridge.analyzers.archives.zip_rules import report_zip_anomaly
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.bytesource.spooled import SpooledStream
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.inflate import Salvage
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.archive.readahead import ReadAhead
from weighbridge.formats.archive.tar import read_tar
from weighbridge.formats.archive.tar_events import TarMember
from weighbridge.formats.archive.tar_headers import BLOCK_BYTES, decode_header
from weighbridge.formats.archive.zip import ZipDirectory, parse_zip
from weighbridge.formats.archive.zip_anomalies import ZipAnomalyKind
from weighbridge.formats.archive.zip_compare import resolve_member
from weighbridge.formats.archive.zip_directory import TAIL_BYTES, find_claims
from weighbridge.formats.archive.zip_members import (
    METHOD_NAMES,
    SUPPORTED_METHODS,
    is_plain,
    looks_loadable,
    open_member,
)
from weighbridge.formats.archive.zip_records import FLAG_DESCRIPTOR, METHOD_STORED, View, ZipMember
from weighbridge.formats.archive.zip_remote import SMALL_BYTES, Extent, extents, prefetch_pickle, windows
from weighbridge.formats.archive.zip_series import archive_series
from weighbridge.formats.kinds import Format
from weighbridge.formats.weights.torch_storages import storage_keys

_PLAIN_BUT_FLAGGED = "ZIP002"
_WRONG_CRC, _WRONG_CRC_OF_CODE, _NO_CRCS = "ZIP005", "ZIP006", "ZIP019"
_SERIES = "ZIP020"
_BOMB, _ENCRYPTED = "ARC007", "ARC008"

_HARMLESS = frozenset(
    {
        ZipAnomalyKind.BACKSLASH_IN_NAME,
        ZipAnomalyKind.TRAILING,
        ZipAnomalyKind.PREFIX,
        ZipAnomalyKind.GAP,
        ZipAnomalyKind.CRCS_DIFFER,
    }
)
"""Anomalies that leave no doubt about which bytes each name stands for."""

_CHECKED_MEMBER_BYTES = 8 * MIB
_CHECKED_ARCHIVE_BYTES = 64 * MIB
_LARGEST_TORCH_PICKLE = 256 * MIB
_LONGEST_LINK = 4096
_BOMB_FROM_BYTES = 16 * MIB


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield what is odd about the archive, then its members."""
    source: ByteSource = artifact.source
    if source.is_remote:
        source = ReadAhead(source)
        source.prefetch(max(0, source.size - TAIL_BYTES), TAIL_BYTES)
    if _is_in_tar_member(source, context):
        return  # inspected where it is
    series = archive_series(source, context.budget)
    if series:
        yield from _series(artifact, series)
        return
    directory = parse_zip(source, context.budget, compare_local_headers=not source.is_remote)
    for anomaly in directory.anomalies:
        if anomaly.kind is not ZipAnomalyKind.PREFIX or not _carries_metadata(source):
            yield from report_zip_anomaly(artifact, anomaly)
    yield from _Archive(artifact, source, directory, context).inspect()
    if directory.unsearched_bytes:
        detail = f"{directory.unsearched_bytes:,} bytes that belong to no member were not fetched"
        yield _row(artifact.path, Format.ZIP, Outcome.LIMITED, detail)
    if directory.unfinished is not None:
        raise directory.unfinished


def _carries_metadata(source: ByteSource) -> bool:
    """True for a TFLite model: its labels and licence are a zip behind the model, by design."""
    return bytes(source.read_at(4, 4)) == b"TFL3"


def _is_in_tar_member(source: ByteSource, context: Context) -> bool:
    """True when what ends the file as a zip is one stored member of a tar, whole, for every reader."""
    if decode_header(bytes(source.read_at(0, BLOCK_BYTES))) is None:
        return False
    claims = find_claims(source)
    begin = min((claim.base for claim in claims), default=0)
    end = max((claim.archive_end for claim in claims), default=0)
    try:
        return any(
            member.data_offset <= begin and end <= member.data_offset + member.stored_bytes
            for member in read_tar(source, context.budget)
            if isinstance(member, TarMember)
        )
    except Malformed:
        return False


def _series(artifact: Artifact, series: tuple[tuple[int, int], ...]) -> Iterator[Event]:
    """Each archive is inspected on its own, as a reader that is told where it begins takes it."""
    evidence = f"{len(series):,} zip archives follow each other; each is inspected on its own"
    yield Finding(rule=_SERIES, path=artifact.path, subject="series", evidence=evidence, offset=0)
    for start, stop in series:
        yield artifact.nested(f"archive at {start}", SliceSource(artifact.source, start, stop - start))


def proven_storages(artifact: Artifact, directory: ZipDirectory, context: Context) -> frozenset[str]:
    """Return the names of members that can only be raw tensor bytes.

    `<root>/data.pkl` states the size of each storage that it loads from `<root>/data/<key>`. A
    member of exactly that size, stored, in an archive in which all readers agree on what is
    where, holds tensor bytes for every loader.
    """
    if any(anomaly.kind not in _HARMLESS for anomaly in directory.anomalies):
        return frozenset()
    pickles = [member for member in directory.members if _is_torch_pickle(member)]
    if len(pickles) != 1 or pickles[0].size > _LARGEST_TORCH_PICKLE:
        return frozenset()
    resolved = _resolved(artifact.source, pickles[0])
    if resolved is None or resolved.claims_encryption:
        return frozenset()
    try:
        sizes = storage_keys(b"".join(open_member(artifact.source, resolved, context.budget)))
    except (Malformed, LimitReached):
        return frozenset()
    root = resolved.name[: -len("data.pkl")]
    return frozenset(
        member.name
        for member in directory.members
        if member.method == METHOD_STORED
        and not member.claims_encryption
        and member.name.startswith(f"{root}data/")
        and sizes.get(member.name.removeprefix(f"{root}data/")) == member.size == member.compressed_size
    )


@dataclass(slots=True)
class _Archive:
    """One archive while its members are gone through."""

    artifact: Artifact
    source: ByteSource
    directory: ZipDirectory
    context: Context
    links: LinkTable = field(default_factory=LinkTable)
    checked_bytes: int = 0
    has_no_crcs: bool = field(init=False)

    def __post_init__(self) -> None:
        members = self.directory.members
        self.has_no_crcs = any(m.size for m in members) and not any(m.crc for m in members)

    def inspect(self) -> Iterator[Event]:
        members = [member for member in self.directory.members if not member.is_directory]
        planned: dict[int, Extent] = {}
        if isinstance(self.source, ReadAhead):
            planned = extents(members, self.source.size)
            pickles = [m for m in members if _is_torch_pickle(m) and m.header_offset in planned]
            if len(pickles) == 1:
                prefetch_pickle(self.source, planned[pickles[0].header_offset])
        through = Artifact(self.artifact.path, self.source, self.artifact.origin)
        storages = proven_storages(through, self.directory, self.context)
        if storages:
            yield self.storage_row(storages)
        yield from judge_members(self.artifact, [member.name for member in members], self.context)
        rest = [member for member in members if member.name not in storages]
        yield from self.tell_missing_crcs()
        for member in self.fetched(rest, planned):
            self.context.budget.check_time()
            yield from path_findings(self.artifact, member.name, self.links, member.header_offset)
            yield from self.inspect_member(member)
        yield from self.trailing()

    def fetched(self, members: list[ZipMember], planned: dict[int, Extent]) -> Iterator[ZipMember]:
        """Yield members; those of a remote archive by their bytes, so that each window is read once."""
        if not isinstance(self.source, ReadAhead):
            yield from members
            return
        shared = windows(planned[m.header_offset] for m in members if m.header_offset in planned)
        for member in sorted(members, key=lambda member: member.header_offset):
            window = shared.get(member.header_offset)
            if window is not None:
                self.source.prefetch(window.start, window.stop - window.start)
            yield member

    def storage_row(self, storages: frozenset[str]) -> Coverage:
        sizes = [member.size for member in self.directory.members if member.name in storages]
        detail = f"{len(sizes)} tensor storages, {sum(sizes):,} bytes, not read"
        name = sorted(storages)[0].rpartition("/")[0]
        return Coverage(
            path=(*self.artifact.path, f"{name}/"),
            format=Format.TENSOR_BYTES,
            outcome=Outcome.OPAQUE,
            size_bytes=sum(sizes),
            detail=detail,
        )

    def inspect_member(self, member: ZipMember) -> Iterator[Event]:
        readings: tuple[ZipMember, ...] = (member,)
        if member.data_offset is None:
            resolved = resolve_member(self.source, member)
            readings = resolved.members
            for anomaly in resolved.anomalies:
                yield from report_zip_anomaly(self.artifact, anomaly)
        for reading in readings:
            yield from self.inspect_reading(reading)

    def inspect_reading(self, member: ZipMember) -> Iterator[Event]:
        path = (*self.artifact.path, member.name)
        if member.claims_encryption:
            if not is_plain(self.source, member, self.context.budget):
                yield self.finding(_ENCRYPTED, member, f"{quoted(member.name)} is encrypted")
                yield _row(path, Format.UNKNOWN, Outcome.UNSUPPORTED, "encrypted: a password is needed")
                yield from self.ciphertext(member)
                return
            evidence = f"{quoted(member.name)} is flagged {member.flags:#06x} but readable as it is"
            yield self.finding(_PLAIN_BUT_FLAGGED, member, evidence)
        if member.method not in SUPPORTED_METHODS:
            name = METHOD_NAMES.get(member.method, "unknown")
            detail = f"compression method {member.method} ({name}) can't be read"
            yield _row(path, Format.UNKNOWN, Outcome.UNSUPPORTED, detail)
            return
        if member.size > _BOMB_FROM_BYTES and member.size > self.limit_ratio * member.compressed_size:
            evidence = f"{quoted(member.name)}: {member.compressed_size:,} bytes hold {member.size:,}"
            yield self.finding(_BOMB, member, evidence)
        yield from self.content(member)

    def content(self, member: ZipMember) -> Iterator[Event]:
        source, error = self.open(member)
        yield from self.check_crc(member, source)
        if member.is_symlink:
            target = bytes(source.read_at(0, _LONGEST_LINK)).decode("utf-8", "backslashreplace")
            yield from symlink_findings(
                self.artifact, member.name, target, self.links, member.header_offset
            )
        yield self.artifact.nested(member.name, source)
        if error is not None:
            outcome = Outcome.LIMITED if isinstance(error, LimitReached) else Outcome.FAILED
            detail = f"read as far as it decompresses: {error}"
            yield _row((*self.artifact.path, member.name), Format.UNKNOWN, outcome, detail)

    def open(self, member: ZipMember) -> tuple[ByteSource, Exception | None]:
        """Return the member's bytes, those of a broken member as far as they go."""
        if member.method == METHOD_STORED:
            return SliceSource(self.source, member.data_offset or 0, member.stored_length), None
        salvage = Salvage(open_member(self.source, member, self.context.budget))
        stream = SpooledStream(salvage)
        _ = stream.size  # asking for the size decompresses to the end
        return stream, salvage.error

    def check_crc(self, member: ZipMember, source: ByteSource) -> Iterator[Finding]:
        """Check members that are small enough to be read anyway; torch ignores checksums."""
        limit = SMALL_BYTES if source.is_remote else _CHECKED_MEMBER_BYTES
        if source.size > limit or self.checked_bytes > _CHECKED_ARCHIVE_BYTES or self.has_no_crcs:
            return
        if member.view is View.LOCAL and member.flags & FLAG_DESCRIPTOR:
            return  # stated behind the data, if at all
        self.checked_bytes += source.size
        data = source.read_at(0, source.size)
        crc = zlib.crc32(data)
        if source.size != member.size or crc != member.crc:
            rule = _WRONG_CRC_OF_CODE if looks_loadable(bytes(data[:64])) else _WRONG_CRC
            evidence = f"{quoted(member.name)}: {member.crc:08x} stated for {member.size:,} bytes, "
            evidence += f"{crc:08x} found in {source.size:,}"
            yield self.finding(rule, member, evidence)

    def ciphertext(self, member: ZipMember) -> Iterator[Event]:
        """A loader may ignore the flag; so what looks loadable is inspected as it stands."""
        if member.method != METHOD_STORED:
            return
        source = SliceSource(self.source, member.data_offset or 0, member.stored_length)
        if looks_loadable(bytes(source.read_at(0, 64))):
            yield self.artifact.nested(member.name, source)

    def trailing(self) -> Iterator[Event]:
        for anomaly in self.directory.anomalies:
            if anomaly.kind is ZipAnomalyKind.TRAILING:
                source = SliceSource(self.source, anomaly.offset, anomaly.length)
                yield self.artifact.nested(f"{self.artifact.name}.trailing", source)

    def tell_missing_crcs(self) -> Iterator[Finding]:
        if self.has_no_crcs:
            evidence = "each checksum is stated as 0, as torch does when told not to compute them"
            yield Finding(rule=_NO_CRCS, path=self.artifact.path, subject="checksums", evidence=evidence)

    @property
    def limit_ratio(self) -> int:
        return self.context.budget.limits.ratio

    def finding(self, rule: str, member: ZipMember, evidence: str) -> Finding:
        return Finding(
            rule=rule,
            path=self.artifact.path,
            subject=member.name,
            evidence=evidence,
            offset=member.header_offset,
        )


def _resolved(source: ByteSource, member: ZipMember) -> ZipMember | None:
    """Return the member with its data offset, when its two headers leave no doubt."""
    if member.data_offset is not None:
        return member if member.view is View.CENTRAL else None
    resolved = resolve_member(source, member)
    return resolved.members[0] if len(resolved.members) == 1 and not resolved.anomalies else None


def _is_torch_pickle(member: ZipMember) -> bool:
    return f"/{member.name.casefold()}".endswith("/data.pkl")


def _row(path: tuple[str, ...], format: Format, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=path, format=format, outcome=outcome, detail=detail)
