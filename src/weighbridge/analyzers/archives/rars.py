"""RAR archives: where members would land, what is stored plainly, and what could not be unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.archives.member_paths import (
    hard_link_findings,
    path_findings,
    symlink_findings,
)
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.archive.rar import ENCRYPTED_NAMES, END, RarFact, RarMember, read_rar
from weighbridge.formats.kinds import Format

_ENCRYPTED, _TRAILING, _PARTS, _FOLDER_TRICK = "ARC008", "ARC011", "ARC015", "ARC016"
_LONGEST_LINK: Final = 4096


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge every header; hand on the members that are stored without compression."""
    archive = _Archive(artifact, context)
    broken: Malformed | None = None
    try:
        for event in read_rar(artifact.source):
            match event:
                case RarMember():
                    yield from archive.member(event)
                case RarFact():
                    yield from archive.fact(event)
    except Malformed as error:
        broken = error
    yield from archive.ending()
    if broken is not None:
        raise broken


class _Archive:
    """One archive while its headers are gone through."""

    def __init__(self, artifact: Artifact, context: Context) -> None:
        self._artifact = artifact
        self._context = context
        self._links = LinkTable()
        self._packed = 0
        self._encrypted: list[str] = []
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def member(self, member: RarMember) -> Iterator[Event]:
        self._context.budget.enter(1)
        yield from path_findings(self._artifact, member.name, self._links, member.offset)
        (self._folders if member.is_directory else self._files).add(
            member.name.replace("\\", "/").rstrip("/")
        )
        if member.is_encrypted:
            self._encrypted.append(member.name)
        plain = member.is_stored and not member.is_encrypted
        if member.link is not None:
            yield from self._link(member, plain)
        elif not member.is_directory and member.size:
            if plain and member.start + member.packed_size <= self._artifact.source.size:
                source = SliceSource(self._artifact.source, member.start, member.packed_size)
                yield self._artifact.nested(member.name, source)
            else:
                self._packed += 1

    def _link(self, member: RarMember, plain: bool) -> Iterator[Event]:
        target = member.link or ""
        if not target and plain:
            raw = self._artifact.source.read_at(member.start, min(member.packed_size, _LONGEST_LINK))
            target = bytes(raw).decode("utf-8", "backslashreplace")
        if target:
            judge = hard_link_findings if member.is_hard_link else symlink_findings
            yield from judge(self._artifact, member.name, target, self._links, member.offset)

    def fact(self, fact: RarFact) -> Iterator[Event]:
        if fact.word == END:
            yield from self._trailing(fact.offset)
        elif fact.word == ENCRYPTED_NAMES:
            yield self._finding(_ENCRYPTED, "archive", "even the names are encrypted")
            self._packed += 1
        else:
            yield self._finding(_PARTS, fact.word, f"the archive has {fact.word}")

    def ending(self) -> Iterator[Event]:
        if self._encrypted:
            shown = ", ".join(quoted(name) for name in self._encrypted[:5])
            yield self._finding(_ENCRYPTED, self._encrypted[0], f"encrypted members: {shown}")
        parents = {parent for name in (*self._files, *self._folders) for parent in _parents(name)}
        tricks = sorted(self._files & (parents | self._folders))
        if tricks:
            yield self._finding(_FOLDER_TRICK, tricks[0], f"{quoted(tricks[0])} is a file and a folder")
        if self._packed:
            detail = f"{self._packed:,} members are compressed or encrypted and were not read"
            yield Coverage(
                path=self._artifact.path,
                format=Format.RAR,
                outcome=Outcome.UNSUPPORTED,
                detail=f"{detail}; unpack the RAR archive and scan the folder",
            )

    def _trailing(self, end: int) -> Iterator[Event]:
        length = self._artifact.source.size - end
        if length > 0:
            yield self._finding(_TRAILING, "trailing", f"{length:,} bytes follow the archive")
            source = SliceSource(self._artifact.source, end, length)
            yield self._artifact.nested(f"{self._artifact.name}.trailing", source)

    def _finding(self, rule: str, subject: str, evidence: str) -> Finding:
        return Finding(rule=rule, path=self._artifact.path, subject=subject[:200], evidence=evidence)


def _parents(name: str) -> Iterator[str]:
    """The folders that a member lies in, at most some dozens."""
    for _ in range(64):
        name = name.rpartition("/")[0]
        if not name:
            return
        yield name
