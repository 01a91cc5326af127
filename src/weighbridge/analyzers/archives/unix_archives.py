"""Unix archives: static libraries, and Debian packages with the scripts that root runs."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.archives.member_paths import path_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.native.ar import read_ar

_INSTALLER = "EXE017"


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Hand on every member; a Debian package is an installer besides."""
    links = LinkTable()
    for number, member in enumerate(read_ar(artifact.source)):
        context.budget.enter(1)
        if number == 0 and member.name == "debian-binary":
            evidence = "a Debian package: its scripts run as root when it is installed"
            yield Finding(
                rule=_INSTALLER, path=artifact.path, subject="Debian package", evidence=evidence
            )
        yield from path_findings(artifact, member.name, links, member.start)
        yield artifact.nested(member.name, SliceSource(artifact.source, member.start, member.size))
