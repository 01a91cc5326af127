"""7z archives: every member, or a clear word on why not."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.archives.member_paths import path_findings, symlink_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.archive.sevenzip import (
    Encrypted,
    ExtraMissing,
    SevenZipContent,
    read_sevenzip,
)
from weighbridge.formats.kinds import Format

_ENCRYPTED, _TRAILING = "ARC008", "ARC011"
_LONGEST_LINK = 4096


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield what could be unpacked, then why it ends early, if it does."""
    try:
        content = read_sevenzip(artifact.source, context.budget)
    except ExtraMissing as missing:
        yield _unsupported(artifact, str(missing))
        return
    except Encrypted:
        evidence = "the archive can't be read without a password"
        yield Finding(rule=_ENCRYPTED, path=artifact.path, subject="archive", evidence=evidence)
        yield _unsupported(artifact, "encrypted: a password is needed")
        return
    yield from _members(artifact, content)
    yield from _trailing(artifact, content.end)
    if content.unfinished is not None:
        raise content.unfinished


def _members(artifact: Artifact, content: SevenZipContent) -> Iterator[Event]:
    links = LinkTable()
    for member in content.members:
        source = SliceSource(content.spool, member.offset, member.size)
        yield from path_findings(artifact, member.name, links, None)
        if member.is_symlink:
            target = bytes(source.read_at(0, _LONGEST_LINK)).decode("utf-8", "backslashreplace")
            yield from symlink_findings(artifact, member.name, target, links, None)
        yield artifact.nested(member.name, source)


def _trailing(artifact: Artifact, end: int) -> Iterator[Event]:
    length = artifact.source.size - end
    if length > 0:
        evidence = f"{length:,} bytes follow the archive"
        yield Finding(
            rule=_TRAILING,
            path=artifact.path,
            subject="trailing",
            evidence=evidence,
            offset=end,
            length=length,
        )
        source = SliceSource(artifact.source, end, length)
        yield artifact.nested(f"{artifact.name}.trailing", source)


def _unsupported(artifact: Artifact, detail: str) -> Coverage:
    return Coverage(
        path=artifact.path, format=Format.SEVENZIP, outcome=Outcome.UNSUPPORTED, detail=detail
    )
