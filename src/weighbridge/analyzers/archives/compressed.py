"""Compressed files: what is inside, as one nested artifact."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.archives.member_paths import path_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.bytesource.spooled import SpooledStream
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.inflate import Salvage
from weighbridge.formats.archive.member_paths import LinkTable
from weighbridge.formats.archive.streams import StreamFacts, detect_stream, open_stream

_BOMB, _TRAILING, _WRONG_CHECKSUM = "ARC007", "ARC011", "ARC013"
_BOMB_FROM_BYTES = 16 * MIB

_SUFFIXES = {
    ".gz": "",
    ".gzip": "",
    ".bz2": "",
    ".xz": "",
    ".lzma": "",
    ".lz4": "",
    ".zst": "",
    ".zstd": "",
    ".z": "",
    ".zlib": "",
    ".tgz": ".tar",
    ".tbz2": ".tar",
    ".tbz": ".tar",
    ".txz": ".tar",
    ".tzst": ".tar",
}


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield the decompressed bytes, as far as they go, and what is odd about the streams."""
    format = detect_stream(bytes(artifact.source.read_at(0, 64)))
    if format is None:
        raise Malformed("no compressed stream that we know")
    reader = open_stream(artifact.source, format, context.budget)
    salvage = Salvage(reader)
    stream = SpooledStream(salvage)
    _ = stream.size  # asking for the size decompresses to the end
    facts = reader.facts
    yield artifact.nested(nested_name(artifact.name), stream)
    yield from _findings(artifact, facts)
    if facts.trailing_offset is not None:
        yield from _trailing(artifact, facts.trailing_offset)
    ratio = context.budget.limits.ratio
    if facts.produced > _BOMB_FROM_BYTES and facts.produced > ratio * facts.consumed:
        evidence = f"{facts.consumed:,} bytes hold at least {facts.produced:,}"
        yield Finding(rule=_BOMB, path=artifact.path, subject="ratio", evidence=evidence, offset=0)
    if salvage.error is not None:
        raise salvage.error


def nested_name(name: str) -> str:
    """Return what the file inside is called: `model.pkl` for `model.pkl.gz`."""
    base = name.rpartition("/")[2]
    for suffix, replacement in _SUFFIXES.items():
        if base.lower().endswith(suffix) and len(base) > len(suffix):
            return base[: -len(suffix)] + replacement
    return f"{base}.decompressed"


def _findings(artifact: Artifact, facts: StreamFacts) -> Iterator[Finding]:
    for offset in facts.wrong_checksums:
        evidence = f"the checksum or length at byte {offset} is not that of the decompressed bytes"
        yield Finding(
            rule=_WRONG_CHECKSUM,
            path=artifact.path,
            subject="checksum",
            evidence=evidence,
            offset=offset,
        )
    for name in facts.names:
        yield from path_findings(artifact, name.decode("latin-1"), LinkTable(), 0)


def _trailing(artifact: Artifact, offset: int) -> Iterator[Event]:
    length = artifact.source.size - offset
    yield Finding(
        rule=_TRAILING,
        path=artifact.path,
        subject="trailing",
        evidence=f"{length:,} bytes follow the compressed data in {quoted(artifact.name)}",
        offset=offset,
        length=length,
    )
    source = SliceSource(artifact.source, offset, length)
    yield artifact.nested(f"{artifact.name}.trailing", source)
