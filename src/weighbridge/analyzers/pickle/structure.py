"""Oddities of a pickle's form: what a loader takes without a word and no pickler writes."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.pickle.contents import Contents
from weighbridge.formats.pickle.literals import NotLiteral
from weighbridge.formats.pickle.opcodes import OPCODES
from weighbridge.formats.pickle.trace import AnomalyKind, PersistentId, Reading, Stream
from weighbridge.formats.weights.torch_storages import storage_at

_RULES: dict[AnomalyKind, tuple[str, str]] = {
    AnomalyKind.FRAME_CROSSED: (
        "PKL043",
        "an argument straddles the end of its frame: loaders disagree on what follows",
    ),
    AnomalyKind.FRAME_NESTED: ("PKL045", "a frame begins inside a frame"),
    AnomalyKind.FRAME_TOO_LONG: ("PKL045", "a frame claims more bytes than there are"),
    AnomalyKind.STOP_IN_FRAME: ("PKL045", "STOP lies inside a frame that goes on"),
    AnomalyKind.NUMBER_TEXT: ("PKL044", "a number is spelled as no pickler spells it"),
    AnomalyKind.MEMO_OVERWRITTEN: ("PKL046", "a memo entry is written again with another value"),
    AnomalyKind.MEMO_SPARSE: ("PKL046", "a memo index far beyond all others"),
    AnomalyKind.MEMO_MIXED: ("PKL046", "PUT and MEMOIZE in one stream"),
    AnomalyKind.PROTOCOL_REPEATED: ("PKL047", "the protocol changes in mid-stream"),
    AnomalyKind.PROTOCOL_LATE: ("PKL047", "the protocol is set in mid-stream"),
    AnomalyKind.NAME_ENCODING: ("PKL048", "a name that is not plain text"),
}


def structure_findings(artifact: Artifact, contents: Contents) -> Iterator[Finding]:
    """One finding for each kind of oddity, and for persistent ids that are no tensor storage."""
    seen: dict[AnomalyKind, Finding] = {}
    for stream in contents.streams:
        if stream.reading is not Reading.ANY:
            continue
        for anomaly in stream.anomalies():
            if anomaly.kind in _RULES and anomaly.kind not in seen:
                seen[anomaly.kind] = _finding(artifact, stream, anomaly.kind, anomaly.offset)
    yield from seen.values()
    yield from _hidden_streams(artifact, contents)
    for stream in contents.streams:
        yield from _persistent_ids(artifact, stream)


def _finding(artifact: Artifact, stream: Stream, kind: AnomalyKind, offset: int) -> Finding:
    rule, words = _RULES[kind]
    at = stream.place(offset)
    opcode = OPCODES.get(stream.data[offset])
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=kind.value,
        evidence=f"{words} (byte {at:,})",
        offset=at,
        route=opcode.name if opcode is not None else "",
    )


def _hidden_streams(artifact: Artifact, contents: Contents) -> Iterator[Finding]:
    """A pickle behind bytes that are none: a loader that seeks finds it, a lazy scanner does not."""
    ends = {gap.stop for gap in contents.gaps}
    for stream in contents.streams:
        if stream.start in ends and stream.start > 0 and any(True for _ in stream.imports()):
            yield Finding(
                rule="PKL051",
                path=artifact.path,
                subject="pickle behind other data",
                evidence=f"another pickle begins at byte {stream.start:,}, behind other bytes",
                offset=stream.start,
            )
            return


def _persistent_ids(artifact: Artifact, stream: Stream) -> Iterator[Finding]:
    ids = list(stream.persistent_ids())
    stream.record(found.value for found in ids if found.value is not None)
    is_tar_layout = artifact.depth > 0 and artifact.name == "pickle"
    odd = [
        found
        for found in ids
        if not _is_known(stream, found) and not (is_tar_layout and _is_number(stream, found))
    ]
    if odd:
        at = stream.place(odd[0].offset)
        yield Finding(
            rule="PKL050",
            path=artifact.path,
            subject="persistent id",
            evidence=f"{len(odd):,} persistent ids name no tensor storage; the first at byte {at:,}",
            offset=at,
        )


def _is_known(stream: Stream, found: PersistentId) -> bool:
    """A storage, or the class with its source code that torch < 1.6 wrote beside whole modules."""
    if storage_at(stream, found) is not None:
        return True
    items = stream.items(found.value) if found.value is not None else ()
    try:
        return (
            len(items) == 4
            and stream.literal_at(items[0]) == "module"
            and stream.import_at(items[1]) is not None
        )
    except NotLiteral:
        return False


def _is_number(stream: Stream, found: PersistentId) -> bool:
    """The key of a tensor, as the tar layout of torch before 0.1.10 spells it."""
    try:
        key = found.text if found.value is None else stream.literal_at(found.value)
    except NotLiteral:
        return False
    return isinstance(key, str) and key.isascii() and key.isdigit()
