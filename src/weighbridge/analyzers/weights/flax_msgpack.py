"""Flax and Orbax checkpoints in MessagePack: what is no tree of arrays."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.keras.payloads import begins_like_a_file, decoded_file
from weighbridge.formats.weights.msgpack import Extension, Kind, MsgpackReader, Value

_UNKNOWN_EXTENSION, _CONTRADICTION, _ODD_KEY = "ARR001", "ARR002", "ARR003"
_KNOWN = frozenset(Extension) | {-1}
"""Codes of Flax, and the timestamp of MessagePack itself."""
_HEAD_BYTES = 512
_LEAST_BASE64, _MOST_BASE64 = 24, 64 * MIB
_MAX_NESTED = 1_000
_MAX_OF_A_KIND = 20


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Walk the tree; arrays are stepped over, runs of bytes that a loader could read are handed on."""
    reader = MsgpackReader(artifact.source)
    told: dict[str, int] = {}
    nested = 0
    end = 0
    for value in reader.values():
        context.budget.check_time()
        is_container = value.kind in (Kind.MAP, Kind.ARRAY)
        end = value.start if is_container else value.start + value.length
        for finding in _findings(artifact, reader, value):
            told[finding.rule] = told.get(finding.rule, 0) + 1
            if told[finding.rule] <= _MAX_OF_A_KIND:
                yield finding
        carried = _carried(artifact, reader, value) if nested < _MAX_NESTED else None
        if carried is not None:
            nested += 1
            yield artifact.nested("/".join(value.path)[:200] or "value", carried)
    if 0 < end < artifact.source.size:
        yield artifact.nested("trailing", SliceSource(artifact.source, end, artifact.source.size - end))


def _findings(artifact: Artifact, reader: MsgpackReader, value: Value) -> Iterator[Finding]:
    place = "/".join(value.path)[:200]
    if value.is_key and value.kind is not Kind.TEXT:
        evidence = f"a key of {quoted(place or 'the root')} is no text but {value.kind.value}"
        yield _finding(artifact, _ODD_KEY, "key", evidence, value)
    if value.kind is not Kind.EXTENSION:
        return
    if value.code not in _KNOWN:
        evidence = f"{quoted(place)} is an extension of code {value.code}, {value.length:,} bytes"
        yield _finding(artifact, _UNKNOWN_EXTENSION, f"extension {value.code}", evidence, value)
    elif value.code in (Extension.NDARRAY, Extension.SCALAR):
        wrong = _contradiction(reader, value)
        if wrong is not None:
            yield _finding(artifact, _CONTRADICTION, place, f"{quoted(place)}: {wrong}", value)


def _contradiction(reader: MsgpackReader, value: Value) -> str | None:
    try:
        header = reader.array_header(value)
    except Malformed as error:
        return error.reason
    if header.needed is None or header.needed == header.stated:
        return None
    shape = "x".join(map(str, header.shape)) or "scalar"
    return f"{shape} of {header.dtype} needs {header.needed:,} bytes and has {header.stated:,}"


def _carried(artifact: Artifact, reader: MsgpackReader, value: Value) -> ByteSource | None:
    """A file that a value holds: as bytes, as base64, or where the numbers of an array should be."""
    start, length = value.start, value.length
    if value.kind is Kind.EXTENSION and value.code in (Extension.NDARRAY, Extension.SCALAR):
        try:
            header = reader.array_header(value)
        except Malformed:
            return None
        if header.needed is not None:  # numbers may begin like anything
            return None
        start, length = header.start, header.stated
    elif value.kind not in (Kind.BYTES, Kind.TEXT, Kind.EXTENSION) or value.is_key:
        return None
    head = reader.data(start, min(length, _HEAD_BYTES))
    if value.kind is not Kind.TEXT and begins_like_a_file(head):
        return SliceSource(artifact.source, start, length)
    if length < _LEAST_BASE64 or length > _MOST_BASE64 or decoded_file(_latin(head)) is None:
        return None
    data = decoded_file(_latin(reader.data(start, length)))
    return None if data is None else MemorySource(data)


def _latin(data: bytes) -> str:
    return bytes(data).decode("latin-1")


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, value: Value) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, offset=value.start)
