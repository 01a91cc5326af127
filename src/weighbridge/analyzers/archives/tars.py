"""Tar archives: members that would land elsewhere, headers on which readers disagree."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.analyzers.archives.archive_kinds import judge_members
from weighbridge.analyzers.archives.member_paths import (
    hard_link_findings,
    path_findings,
    symlink_findings,
)
from weighbridge.analyzers.datasets.webdataset import judge_shard
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.archive.tar import read_tar
from weighbridge.formats.archive.tar_events import TarAnomaly, TarAnomalyKind, TarMember
from weighbridge.formats.archive.tar_headers import TarKind
from weighbridge.formats.archive.tar_sparse import SparseMap, SparseSource, is_ordered
from weighbridge.formats.kinds import Format

_LONGEST_NAME = 4096
_DEVICE, _SETUID, _BOMB, _DUPLICATE = "ARC005", "ARC006", "ARC007", "ARC014"

RULES: Mapping[TarAnomalyKind, str] = {
    TarAnomalyKind.NAMES_DIFFER: "ARC009",
    TarAnomalyKind.SIZES_DIFFER: "ARC010",
    TarAnomalyKind.TWO_NEXT_HEADERS: "ARC010",
    TarAnomalyKind.DATA_AFTER_END: "ARC011",
    TarAnomalyKind.BAD_HEADER: "ARC012",
    TarAnomalyKind.BAD_SIZE: "ARC012",
    TarAnomalyKind.BROKEN_EXTENSION: "ARC012",
    TarAnomalyKind.CUT: "ARC012",
}
"""The rule that reports each anomaly."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield members and what is odd, in the order of the archive."""
    archive = _Archive(artifact, context)
    for event in read_tar(artifact.source, context.budget):
        match event:
            case TarMember():
                yield from archive.member(event)
            case TarAnomaly():
                yield from archive.anomaly(event)
    yield from judge_members(artifact, sorted(archive.names), context)
    yield from judge_shard(artifact, sorted(archive.names))


@dataclass(slots=True)
class _Archive:
    """One archive while its members are gone through."""

    artifact: Artifact
    context: Context
    links: LinkTable = field(default_factory=LinkTable)
    names: set[str] = field(default_factory=set)

    def anomaly(self, anomaly: TarAnomaly) -> Iterator[Event]:
        detail = f" ({anomaly.detail})" if anomaly.detail else ""
        name = f"{quoted(anomaly.member)}: " if anomaly.member is not None else ""
        subject = anomaly.kind.name.lower() if anomaly.member is None else anomaly.member
        evidence = f"{name}{anomaly.kind.value}{detail}"
        yield self.finding(RULES[anomaly.kind], subject, evidence, anomaly.offset)
        if anomaly.kind is TarAnomalyKind.DATA_AFTER_END:
            source = SliceSource(self.artifact.source, anomaly.offset, anomaly.length)
            yield self.artifact.nested(f"{self.artifact.name}.trailing", source)

    def member(self, member: TarMember) -> Iterator[Event]:
        yield from path_findings(self.artifact, member.name, self.links, member.header_offset)
        yield from self.kind_findings(member)
        if member.kind is TarKind.FILE:
            yield from self.file_findings(member)
        if member.kind is TarKind.FILE or member.stored_bytes:
            yield from self.content(member)

    def kind_findings(self, member: TarMember) -> Iterator[Finding]:
        place = member.header_offset
        match member.kind:
            case TarKind.SYMLINK:
                yield from symlink_findings(
                    self.artifact, member.name, member.link_name, self.links, place
                )
            case TarKind.HARD_LINK:
                yield from hard_link_findings(
                    self.artifact, member.name, member.link_name, self.links, place
                )
            case TarKind.DEVICE | TarKind.FIFO:
                evidence = f"{quoted(member.name)} is a {member.kind.value}"
                yield self.finding(_DEVICE, member.name, evidence, place)
            case TarKind.FILE | TarKind.DIRECTORY:
                pass

    def file_findings(self, member: TarMember) -> Iterator[Finding]:
        if member.mode & (stat.S_ISUID | stat.S_ISGID):
            evidence = f"{quoted(member.name)} has mode {member.mode:04o}"
            yield self.finding(_SETUID, member.name, evidence, member.header_offset)
        if member.name in self.names:
            evidence = f"{quoted(member.name)} stands here more than once"
            yield self.finding(_DUPLICATE, member.name, evidence, member.header_offset)
        if len(member.name) <= _LONGEST_NAME:
            self.names.add(member.name)

    def content(self, member: TarMember) -> Iterator[Event]:
        """Yield the stored bytes; of a sparse member also the file that it extracts to."""
        packed = SliceSource(self.artifact.source, member.data_offset, member.stored_bytes)
        if member.sparse_map is not None:
            yield from self.sparse(member, member.sparse_map)
        yield self.artifact.nested(member.name, packed)

    def sparse(self, member: TarMember, pieces: SparseMap) -> Iterator[Event]:
        path = (*self.artifact.path, member.name)
        if not is_ordered(pieces, member.size):
            yield _row(path, Outcome.UNSUPPORTED, "a sparse file whose pieces overlap")
            return
        try:
            self.context.budget.expand(
                max(0, member.size - member.stored_bytes),
                consumed_total=member.stored_bytes,
                produced_total=member.size,
            )
        except LimitReached as reached:
            evidence = f"{quoted(member.name)}: {member.stored_bytes:,} bytes hold {member.size:,}"
            yield self.finding(_BOMB, member.name, evidence, member.header_offset)
            yield _row(path, Outcome.LIMITED, f"a sparse file, read without its holes: {reached}")
            return
        source = SparseSource(self.artifact.source, member.data_offset, pieces, member.size)
        yield self.artifact.nested(member.name, source)

    def finding(self, rule: str, subject: str, evidence: str, offset: int) -> Finding:
        return Finding(
            rule=rule, path=self.artifact.path, subject=subject, evidence=evidence, offset=offset
        )


def _row(path: tuple[str, ...], outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=path, format=Format.UNKNOWN, outcome=outcome, detail=detail)
