"""Flax and Orbax checkpoints in MessagePack: what is no tree of arrays."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.weights.msgpack import Extension, Kind, MsgpackReader, Value

_UNKNOWN_EXTENSION, _CONTRADICTION, _ODD_KEY = "ARR001", "ARR002", "ARR003"
_KNOWN = frozenset(Extension) | {-1}
"""Codes of Flax, and the timestamp of MessagePack itself."""
_LOOKS_LOADABLE = (b"\x80", b"PK\x03\x04", b"\x7fELF", b"MZ", b"\x93NUMPY", b"\x1f\x8b", b"#!")
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
        if _is_loadable(reader, value) and nested < _MAX_NESTED:
            nested += 1
            place = "/".join(value.path)[:200] or "value"
            yield artifact.nested(place, SliceSource(artifact.source, value.start, value.length))
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


def _is_loadable(reader: MsgpackReader, value: Value) -> bool:
    if value.kind is not Kind.BYTES or value.length < 4:
        return False
    return reader.data(value.start, 4).startswith(_LOOKS_LOADABLE)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, value: Value) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, offset=value.start)
