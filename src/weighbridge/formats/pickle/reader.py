"""Find every pickle in a buffer, in every way that a loader would read it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from weighbridge.formats.pickle import machine as m
from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.frames import Flattened, flatten
from weighbridge.formats.pickle.joblib_arrays import BuildIndex, raw_array
from weighbridge.formats.pickle.literals import Buffer
from weighbridge.formats.pickle.trace import (
    AnomalyKind,
    Halt,
    Import,
    Reading,
    Resolution,
    Stream,
    _Everything,
)

_START = re.compile(
    rb"\x80[\x02-\x05]|[ci](?=[A-Za-z_][\w.]{0,200}\n[A-Za-z_][\w.]{0,200}\n)|\((?=[^\n]{0,200}\n)"
)
_WORD = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_MAY_BE_CALLED = o.IMPORTS | o.EXTENSIONS | o.CALLS | {o.PERSID, o.BINPERSID}
_SEARCH_BYTES = 256 << 20
_ATTEMPTS = 200_000
_SPENT_BYTES = 1 << 30
_GAVE_UP = -2
_CHAIN = 1000
"""Pickles that are followed behind one that the file-backed loaders see differently."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes between pickles, or behind the last, in which no pickle was found."""

    start: int
    stop: int
    searched: bool


def as_indexable(data: Buffer) -> Buffer:
    """The interpreted machine indexes bytes faster than views; the compiled one copies nothing."""
    return data if m.IS_COMPILED else bytes(data)


def read_pickles(data: Buffer, *, max_events: int) -> Iterator[Stream | Gap]:
    """Yield the streams of a buffer in order, and the gaps between them.

    The first stream starts at 0, whatever is there. Behind each stream the next one is looked
    for at once, then by search: loaders call `load` again, and payloads hide behind padding.
    """
    data = as_indexable(data)
    position = 0
    in_sequence = True
    while position < len(data):
        stream = read_one(data, position, max_events=max_events)
        if position == 0 or is_plausible(stream) or (in_sequence and _does_something(stream)):
            yield from _with_other_readings(data, stream, max_events)
            in_sequence = stream.halt is Halt.STOP
            if stream.halt is Halt.EVENT_LIMIT:
                return
            if stream.halt is Halt.STOP or stream.skips:
                position = max(stream.stop, position + 1)
                continue
            position = max(stream.halted_at, position + 1)
        found = _search(data, position, max_events)
        if found < 0 or found > position:
            searched = found != _GAVE_UP and (found >= 0 or len(data) - position <= _SEARCH_BYTES)
            yield Gap(position, found if found >= 0 else len(data), searched)
        if found < 0:
            return
        position = found


def read_one(data: Buffer, start: int, *, max_events: int) -> Stream:
    """Run one pickle. Raw arrays that joblib puts between opcodes are stepped over."""
    runner = m.Machine(data, start, len(data), max_events)
    halt = runner.run()
    if halt == m.HALT_RAW_ARRAY:
        return _read_joblib(data, start, max_events)
    return _stream(data, start, runner, halt, Reading.ANY)


def is_plausible(stream: Stream) -> bool:
    """True when bytes that were found by search are a pickle that does something, or a whole one.

    Random bytes hold many starts. They do not hold an import by a proper name.
    """
    imports = list(stream.imports())
    if imports:
        return any(is_proper(found.module, found.name) for found in imports)
    length = stream.stop - stream.start
    return stream.halt is Halt.STOP and length >= 4 and stream.data[stream.start] == 0x80


def is_proper(module: str | None, name: str | None) -> bool:
    """True when both are dotted words: nothing else can be imported."""
    return _WORD.match(module or "") is not None and _WORD.match(name or "") is not None


def _does_something(stream: Stream) -> bool:
    """A loop over `load` goes on with whatever lies right behind a STOP."""
    return stream.halt is Halt.STOP or any(True for _ in stream.imports()) or _frames_disagree(stream)


def _read_joblib(data: Buffer, start: int, max_events: int) -> Stream:
    runner = m.Machine(data, start, len(data), max_events, _Everything())
    skips: list[tuple[int, int]] = []
    builds = BuildIndex()
    halt = runner.run()
    while halt == m.HALT_RAW_ARRAY:
        behind_build = runner.pos
        # A snapshot of what the machine has seen so far, enough to evaluate the wrapper's state.
        so_far = _stream(data, start, runner, halt, Reading.ANY)
        array = raw_array(so_far, behind_build, builds)
        if array is None:
            halt = runner.run()
            continue
        if array.is_pickle:
            nested = read_one(data, min(array.start, len(data)), max_events=max_events)
            stop = nested.stop
        else:
            stop = array.stop
        if stop > len(data):
            halt = m.HALT_TRUNCATED
            break
        skips.append((behind_build, stop))
        runner.pos = stop
        halt = runner.run()
    stream = _stream(data, start, runner, halt, Reading.ANY)
    stream.skips = tuple(skips)
    return stream


def _stream(data: Buffer, start: int, runner: m.Machine, halt: int, reading: Reading) -> Stream:
    stream = Stream(
        data=data,
        start=start,
        stop=min(runner.pos, len(data)),
        halt=Halt(halt),
        halted_at=runner.at,
        protocol=runner.protocol,
        result=runner.top,
        reading=reading,
        events=runner.events,
        notes=tuple(runner.notes),
    )
    if runner.wanted is not None:
        stream.children = runner.kids
        stream.recorded_all = True
    return stream


def _with_other_readings(data: Buffer, stream: Stream, max_events: int) -> Iterator[Stream]:
    yield stream
    for start, stop in stream.skips:
        # Objects arrays: joblib unpickles in place what lies there.
        nested = read_one(data, start, max_events=max_events)
        if nested.stop == stop and nested.halt is Halt.STOP and is_plausible(nested):
            yield nested
    if stream.skips:
        plain = _run_plain(data, stream.start, max_events)
        behind = stream.skips[0][0]
        if is_plausible(plain) and any(found.offset >= behind for found in plain.imports()):
            yield plain
    if _frames_disagree(stream):
        seen = {stream.start, stream.stop}
        yield from _file_chain(data, stream.start, seen, max_events)


def _run_plain(data: Buffer, start: int, max_events: int) -> Stream:
    runner = m.Machine(data, start, len(data), max_events)
    halt = runner.run()
    while halt == m.HALT_RAW_ARRAY:
        halt = runner.run()
    return _up_to_failure(_stream(data, start, runner, halt, Reading.PLAIN))


def _up_to_failure(stream: Stream) -> Stream:
    """Cut a stream where every loader gives up: data is called, or a name is no text.

    A pickle that joblib nests counts its memo from 0. Read as more opcodes of the outer one, its
    GETs fetch other values, and no loader gets past the first use of one.
    """
    failures = [call.offset for call in stream.calls() if _is_data(stream, call.callee)]
    failures += [found.offset for found in stream.imports() if _is_no_name(stream, found)]
    if not failures:
        return stream
    at = min(failures)
    events = stream.events[: 4 * bisect_left(stream.offsets, at)]
    notes = tuple(note for note in stream.notes if note[1] < at)
    return replace(stream, events=events, notes=notes, stop=at, halt=Halt.BAD_OPCODE, halted_at=at)


def _is_data(stream: Stream, value: int) -> bool:
    return value >= 0 and stream.opcode(value) not in _MAY_BE_CALLED


def _is_no_name(stream: Stream, found: Import) -> bool:
    """True for STACK_GLOBAL on an instance of a class: only `str` itself makes the text it needs."""
    if found.resolution is not Resolution.COMPUTED:
        return False
    row = 4 * bisect_left(stream.offsets, found.offset)
    calls = [stream.call_at(value) for value in stream.events[row + 1 : row + 3]]
    makers = [stream.import_at(call.callee) for call in calls if call and call.opcode == "NEWOBJ"]
    return any(maker is not None and maker.name not in ("str", "unicode", "bytes") for maker in makers)


def _frames_disagree(stream: Stream) -> bool:
    kinds = (AnomalyKind.FRAME_CROSSED, AnomalyKind.STOP_IN_FRAME)
    return any(anomaly.kind in kinds for anomaly in stream.anomalies())


def _file_chain(data: Buffer, start: int, seen: set[int], max_events: int) -> Iterator[Stream]:
    """Follow the file-backed loaders: what they see here, and the pickles that they load next.

    They have read each frame whole, so their next pickle starts behind the frame, not behind STOP.
    """
    pending = [start]
    while pending and len(seen) < _CHAIN:
        position = pending.pop()
        seen.add(position)
        last = b""
        for reading, straddle in ((Reading.FILE, True), (Reading.FILE_37, False)):
            flat = flatten(data, position, len(data), bytes_straddle=straddle)
            if (flat.lost_bytes or position != start) and flat.data != last:
                last = flat.data
                yield _run_flattened(flat, reading, max_events)
            if flat.resume < len(data) and flat.resume not in seen and flat.data.endswith(b"."):
                pending.append(flat.resume)
                seen.add(flat.resume)


def _run_flattened(flat: Flattened, reading: Reading, max_events: int) -> Stream:
    runner = m.Machine(flat.data, 0, len(flat.data), max_events)
    stream = _stream(flat.data, 0, runner, runner.run(), reading)
    stream.flattened = flat
    return stream


def _search(data: Buffer, position: int, max_events: int) -> int:
    """Offset of the next plausible pickle at or behind `position`, -1, or `_GAVE_UP`."""
    stop = min(len(data), position + _SEARCH_BYTES)
    spent = 0
    # A quick filter by regular expression; the machine then decides.
    for attempts, match in enumerate(_START.finditer(data, position, stop)):
        if attempts > _ATTEMPTS or spent > _SPENT_BYTES:
            return _GAVE_UP
        candidate = read_one(data, match.start(), max_events=min(max_events, 10_000))
        spent += candidate.stop - candidate.start
        if is_plausible(candidate) and (
            candidate.halt is Halt.STOP or any(True for _ in candidate.calls())
        ):
            return match.start()
    return -1
