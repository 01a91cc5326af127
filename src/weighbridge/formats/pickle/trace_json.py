"""The trace of a file's pickles as one JSON document, `weighbridge-trace/1`.

    {"schema", "machine", "streams": [...], "imports": [...], "calls": [...], "builds": [...],
     "persistent_ids": [...], "anomalies": [...], "gaps": [...]}

Each entry names its offset in the file and the readings of the bytes that reach it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge.formats.pickle import machine
from weighbridge.formats.pickle.callees import Callees, registered_extensions
from weighbridge.formats.pickle.contents import Contents
from weighbridge.formats.pickle.decompile import decompile, decompile_call, spell
from weighbridge.formats.pickle.opcodes import OPCODES
from weighbridge.formats.pickle.trace import Import, Resolution, Stream

Row = dict[str, object]


def trace_document(contents: Contents) -> dict[str, object]:
    """Return what `weighbridge disasm --format json` prints."""
    extensions: dict[int, tuple[str, str]] = {}
    for stream in contents.streams:
        stream.record_all()
        extensions |= registered_extensions(stream)
    streams = contents.streams
    return {
        "schema": "weighbridge-trace/1",
        "machine": "compiled" if machine.IS_COMPILED else "interpreted",
        "streams": [_stream(stream) for stream in streams],
        "imports": _merged(row for stream in streams for row in _imports(stream, extensions)),
        "calls": _merged(row for stream in streams for row in _calls(stream, extensions)),
        "builds": _merged(row for stream in streams for row in _builds(stream)),
        "persistent_ids": _merged(row for stream in streams for row in _persistent_ids(stream)),
        "anomalies": _merged(row for stream in streams for row in _anomalies(stream)),
        "gaps": [{"offset": gap.start, "length": gap.stop - gap.start} for gap in contents.gaps],
    }


def _stream(stream: Stream) -> Row:
    return {
        "offset": stream.place(stream.start),
        "length": stream.stop - stream.start,
        "protocol": stream.protocol,
        "reading": stream.reading.value,
        "end": stream.halt.name.lower(),
        "raw_arrays": [{"offset": start, "length": stop - start} for start, stop in stream.skips],
    }


def _imports(stream: Stream, extensions: dict[int, tuple[str, str]]) -> Iterator[Row]:
    for found in stream.imports():
        module, name = _extension(found, extensions)
        yield {
            "module": module,
            "name": name,
            "offset": stream.place(found.offset),
            "opcode": found.opcode,
            "protocol": found.protocol,
            "resolved": found.resolution.value,
            "readings": [stream.reading.value],
        }


def _extension(found: Import, extensions: dict[int, tuple[str, str]]) -> tuple[str | None, str | None]:
    if found.resolution is Resolution.EXTENSION and found.code in extensions:
        return extensions[found.code]
    return found.module, found.name


def _calls(stream: Stream, extensions: dict[int, tuple[str, str]]) -> Iterator[Row]:
    callees = Callees(stream, extensions)
    for call in stream.calls():
        callee = callees.of(call)
        inst = stream.inst_import(call)
        yield {
            "offset": stream.place(call.offset),
            "opcode": call.opcode,
            "callee": spell(inst) if inst is not None else decompile(stream, call.callee),
            "resolved": ".".join(filter(None, (callee.module, callee.name))) or None,
            "source": decompile_call(stream, call),
            "readings": [stream.reading.value],
        }


def _builds(stream: Stream) -> Iterator[Row]:
    for build in stream.builds():
        yield {
            "offset": stream.place(build.offset),
            "target": decompile(stream, build.target),
            "state": decompile(stream, build.state),
            "readings": [stream.reading.value],
        }


def _persistent_ids(stream: Stream) -> Iterator[Row]:
    for found in stream.persistent_ids():
        value = found.text if found.value is None else decompile(stream, found.value)
        yield {"offset": stream.place(found.offset), "id": value, "readings": [stream.reading.value]}


def _anomalies(stream: Stream) -> Iterator[Row]:
    for anomaly in stream.anomalies():
        opcode = OPCODES.get(stream.data[anomaly.offset])
        yield {
            "kind": anomaly.kind.value,
            "offset": stream.place(anomaly.offset),
            "opcode": opcode.name if opcode is not None else None,
            "readings": [stream.reading.value],
        }


def _merged(rows: Iterable[Row]) -> list[Row]:
    """One row for the same thing in several readings."""
    merged: dict[str, Row] = {}
    for row in rows:
        key = repr({field: value for field, value in row.items() if field != "readings"})
        known = merged.setdefault(key, row)
        if known is not row:
            readings = [*_readings(known), *_readings(row)]
            known["readings"] = list(dict.fromkeys(readings))
    return list(merged.values())


def _readings(row: Row) -> list[str]:
    readings = row["readings"]
    return readings if isinstance(readings, list) else []
