"""The annotated listing of a stream: one line for each opcode, and under it what it would do.

offset  opcode            argument
   37   REDUCE
        -> posix.system('id')
"""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.formats.pickle.decompile import cut, decompile, decompile_call, spell
from weighbridge.formats.pickle.literals import NotLiteral, line_end, literal, payload
from weighbridge.formats.pickle.opcodes import OPCODES, Argument, Opcode
from weighbridge.formats.pickle.trace import Halt, Reading, Stream

_ARGUMENT_CHARS = 70


def listing(stream: Stream) -> Iterator[str]:
    """Yield the lines of one stream, annotations indented below the opcode that they belong to."""
    stream.record_all()
    notes = _annotations(stream)
    yield _title(stream)
    skips = dict(stream.skips)
    position = stream.start
    while position < stream.stop:
        opcode = OPCODES.get(stream.data[position])
        if opcode is None:
            break
        stop, argument = _argument(stream, opcode, position)
        yield f"{stream.place(position):>10,}  {opcode.name:<16}  {argument}".rstrip()
        for note in notes.get(position, ()):
            yield f"{'':>10}    -> {note}"
        if stop in skips:
            yield f"{stop:>10,}  raw array, {skips[stop] - stop:,} bytes"
            stop = skips[stop]
        position = stop
    if stream.halt is not Halt.STOP:
        yield f"{stream.place(stream.halted_at):>10,}  stops here: {stream.halt.words}"


def _title(stream: Stream) -> str:
    reading = "" if stream.reading is Reading.ANY else f", as read by {stream.reading}"
    return f"pickle at byte {stream.place(stream.start):,}, protocol {stream.protocol}{reading}"


def _annotations(stream: Stream) -> dict[int, list[str]]:
    notes: dict[int, list[str]] = {}
    for found in stream.imports():
        notes.setdefault(found.offset, []).append(f"import {spell(found)}")
    for call in stream.calls():
        notes.setdefault(call.offset, []).append(decompile_call(stream, call))
    for build in stream.builds():
        line = f"{decompile(stream, build.target)}.__setstate__({decompile(stream, build.state)})"
        notes.setdefault(build.offset, []).append(cut(line, 600))
    for anomaly in stream.anomalies():
        notes.setdefault(anomaly.offset, []).append(f"odd: {anomaly.kind}")
    return notes


def _argument(stream: Stream, opcode: Opcode, position: int) -> tuple[int, str]:
    """Where the opcode ends, and its argument for people."""
    if opcode.argument is Argument.TWO_LINES:
        first = line_end(stream.data, position + 1, stream.end)
        second = line_end(stream.data, first + 1, stream.end)
        text = bytes(stream.data[position + 1 : second]).replace(b"\n", b" ")
        return second + 1, _shown(text.decode("utf-8", "backslashreplace"))
    try:
        start, stop = payload(stream.data, position, stream.end)
    except NotLiteral:
        return stream.stop, ""
    if opcode.argument is Argument.LINE:
        stop += 1
    return stop, _value(stream, opcode, position, start, stop)


def _value(stream: Stream, opcode: Opcode, position: int, start: int, stop: int) -> str:
    if opcode.argument is Argument.NONE:
        return ""
    try:
        return _shown(repr(literal(stream.data, position, stream.end)))
    except NotLiteral:
        raw = bytes(stream.data[start : min(stop, start + 100)])
    if opcode.argument is Argument.FIXED:
        return str(int.from_bytes(raw, "little"))
    return _shown(raw.decode("utf-8", "backslashreplace").strip())


def _shown(text: str) -> str:
    escaped = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return cut(escaped, _ARGUMENT_CHARS)
