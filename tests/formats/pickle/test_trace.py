"""What the trace of hand-made streams says: imports, calls, builds, ids, oddities, in order."""

from __future__ import annotations

import struct

import pytest
from samples.recipes.assembler import (
    BINPERSID,
    BUILD,
    DUP,
    EMPTY_DICT,
    EMPTY_TUPLE,
    MARK,
    MEMOIZE,
    NEWOBJ,
    NEWOBJ_EX,
    NONE,
    OBJ,
    PAYLOAD,
    POP,
    POP_MARK,
    REDUCE,
    STACK_GLOBAL,
    STOP,
    build,
    call,
    data,
    dict_of,
    frame,
    get,
    global_line,
    inst,
    integer,
    list_of,
    name,
    proto,
    put,
    stream,
    string8,
    string_line,
    text,
    text64,
    text_line,
    tuple_of,
)
from samples.recipes.pickle_streams import STRUCTURES

from weighbridge.formats.pickle.reader import Gap, read_one, read_pickles
from weighbridge.formats.pickle.trace import AnomalyKind, Halt, Import, Resolution, Stream

EVENTS = 10_000
SYSTEM = name("posix", "system")


def run(raw: bytes, *, max_events: int = EVENTS) -> Stream:
    return read_one(raw, 0, max_events=max_events)


def imported(stream: Stream) -> list[tuple[str | None, str | None]]:
    return [(found.module, found.name) for found in stream.imports()]


def kinds(stream: Stream) -> set[AnomalyKind]:
    return {anomaly.kind for anomaly in stream.anomalies()}


# Imports: each opcode, each spelling.


def test_global_gives_its_two_lines_and_the_protocol_in_force() -> None:
    (found,) = run(stream(global_line("os", "system"), protocol=2)).imports()
    assert found == Import(2, "GLOBAL", "os", "system", 2, Resolution.LITERAL)


def test_protocol_of_an_import_is_the_last_one_set_before_it() -> None:
    streams = run(proto(4) + global_line("a", "b") + proto(2) + global_line("c", "d") + STOP)
    assert [found.protocol for found in streams.imports()] == [4, 2]


@pytest.mark.parametrize(
    "spell", [text, text64, text_line, string8, string_line], ids=lambda spell: spell.__name__
)
def test_stack_global_reads_every_spelling_of_text(spell: object) -> None:
    assert callable(spell)
    assert imported(run(stream(spell("posix"), spell("system"), STACK_GLOBAL))) == [("posix", "system")]


def test_stack_global_takes_what_lies_on_the_stack_and_not_the_last_strings() -> None:
    shuffled = text("posix") + text("x") + POP + text("system") + DUP + POP + text("y") + POP
    assert imported(run(stream(shuffled, STACK_GLOBAL))) == [("posix", "system")]


def test_name_with_a_carriage_return_keeps_it() -> None:
    assert imported(run(b"cposix\r\nsystem\r\n.")) == [("posix\r", "system\r")]


def test_names_that_are_not_ascii_are_decoded_as_utf_8() -> None:
    assert imported(run("cp\u043esix\nsystem\n.".encode())) == [("p\u043esix", "system")]


def test_names_that_are_no_utf_8_are_shown_escaped_and_noted() -> None:
    found = run(b"cpo\xffsix\nsystem\n.")
    assert imported(found) == [("po\\xffsix", "system")]
    assert kinds(found) == {AnomalyKind.NAME_ENCODING}


def test_inst_with_letters_that_are_not_ascii_is_noted() -> None:
    assert AnomalyKind.NAME_ENCODING in kinds(run("(ip\u043esix\nsystem\n.".encode()))


def test_a_name_that_a_call_gives_is_computed() -> None:
    (*_, found) = run(stream(call(name("builtins", "str")), text("system"), STACK_GLOBAL)).imports()
    assert (found.module, found.name, found.resolution) == (None, "system", Resolution.COMPUTED)


def test_a_name_that_is_a_number_is_no_import() -> None:
    assert imported(run(stream(integer(1), text("system"), STACK_GLOBAL))) == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x82\x07", 7),
        (b"\x83" + struct.pack("<H", 7777), 7777),
        (b"\x84" + struct.pack("<I", 70_000), 70_000),
    ],
)
def test_extension_codes_are_imports_without_a_name(raw: bytes, code: int) -> None:
    (found,) = run(stream(raw)).imports()
    assert (found.code, found.module, found.resolution) == (code, None, Resolution.EXTENSION)


# Calls.


@pytest.mark.parametrize(
    ("raw", "opcode"),
    [
        (SYSTEM + PAYLOAD.arguments + REDUCE, "REDUCE"),
        (SYSTEM + PAYLOAD.arguments + NEWOBJ, "NEWOBJ"),
        (SYSTEM + PAYLOAD.arguments + EMPTY_DICT + NEWOBJ_EX, "NEWOBJ_EX"),
        (MARK + SYSTEM + PAYLOAD.items[0] + OBJ, "OBJ"),
        (inst("posix", "system", PAYLOAD.items[0]), "INST"),
    ],
    ids=["reduce", "newobj", "newobj-ex", "obj", "inst"],
)
def test_every_opcode_that_calls_gives_callee_and_argument(raw: bytes, opcode: str) -> None:
    found = run(stream(raw))
    (made,) = found.calls()
    found.record_all()
    callee = found.inst_import(made) or found.import_at(made.callee)
    assert made.opcode == opcode
    assert callee is not None
    assert (callee.module, callee.name) == ("posix", "system")
    assert made.arguments is not None
    assert [found.literal_at(item) for item in found.items(made.arguments)] == [
        "echo weighbridge-marker"
    ]


def test_newobj_ex_gives_its_keywords() -> None:
    found = run(stream(SYSTEM, EMPTY_TUPLE, dict_of(("key", integer(1))), NEWOBJ_EX))
    (made,) = found.calls()
    assert made.keywords is not None
    found.record([made.keywords])
    assert [found.literal_at(item) for item in found.items(made.keywords)] == ["key", 1]


def test_a_call_whose_result_is_thrown_away_is_a_call() -> None:
    assert len(list(run(stream(MARK, PAYLOAD.call, POP_MARK, NONE)).calls())) == 1


def test_callee_may_come_from_the_memo() -> None:
    found = run(stream(SYSTEM, put(3), POP, get(3), PAYLOAD.arguments, REDUCE))
    (made,) = found.calls()
    assert found.import_at(made.callee) is not None


# State, items, persistent ids.


def test_build_on_an_import_names_it_as_target() -> None:
    found = run(stream(build(SYSTEM, EMPTY_DICT)))
    (made,) = found.builds()
    assert found.import_at(made.target) is not None


def test_items_of_a_literal_container_are_no_mutation() -> None:
    found = run(stream(list_of(integer(1)), POP, dict_of(("a", integer(1)))))
    assert list(found.mutations()) == []


@pytest.mark.parametrize(
    ("raw", "opcode"),
    [
        (text("x") + b"a", "APPEND"),
        (MARK + text("x") + b"e", "APPENDS"),
        (text("k") + text("v") + b"s", "SETITEM"),
        (MARK + text("k") + text("v") + b"u", "SETITEMS"),
        (MARK + text("x") + b"\x90", "ADDITEMS"),
    ],
)
def test_items_of_anything_else_are_mutations(raw: bytes, opcode: str) -> None:
    found = run(stream(call(name("a", "b")), raw))
    assert [step.opcode for step in found.mutations()] == [opcode]


def test_persistent_ids_are_values_or_lines() -> None:
    found = run(stream(text("id"), BINPERSID, POP, b"Pline\n"))
    value, line = found.persistent_ids()
    assert (value.text, line.text, line.value) == (None, "line", None)
    assert value.value is not None
    assert found.literal_at(value.value) == "id"


# The memo.


def test_a_memo_entry_holds_what_was_written_last() -> None:
    written = text("math") + put(0) + POP + text("posix") + put(0) + POP
    found = run(stream(written, get(0), text("system"), STACK_GLOBAL))
    assert imported(found) == [("posix", "system")]
    assert kinds(found) == {AnomalyKind.MEMO_OVERWRITTEN}


def test_memoize_writes_to_the_number_of_entries() -> None:
    written = text("a") + put(5) + POP + text("posix") + MEMOIZE + POP
    found = run(stream(written, get(1), text("system"), STACK_GLOBAL))
    assert imported(found) == [("posix", "system")]
    assert kinds(found) == {AnomalyKind.MEMO_MIXED}


@pytest.mark.parametrize("index", [70_000, 2**31, 2**32 - 1])
def test_a_far_memo_index_holds_its_entry_and_costs_no_memory(index: int) -> None:
    found = run(stream(text("posix"), put(index), POP, get(index), text("system"), STACK_GLOBAL))
    assert imported(found) == [("posix", "system")]
    assert kinds(found) == {AnomalyKind.MEMO_SPARSE}


def test_text_and_binary_memo_opcodes_share_the_entries() -> None:
    written = text("posix") + b"p7\n" + POP + text("system") + put(8) + POP
    assert imported(run(stream(written, get(7), b"g8\n", STACK_GLOBAL))) == [("posix", "system")]


def test_reading_an_entry_that_was_never_written_breaks_the_stream() -> None:
    found = run(stream(SYSTEM, POP, get(9)))
    assert (found.halt, imported(found)) == (Halt.MEMO_MISS, [("posix", "system")])


# Numbers, frames, protocols.


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"I0x10\n", 16),
        (b"I1\x00junk\n", 1),
        (b"I 7\n", 7),
        (b"I1_0\n", 10),
        (b"L0x10L\n", 16),
        (b"I+0\n", 0),
    ],
)
def test_numbers_that_no_pickler_writes_are_read_as_c_does_and_noted(line: bytes, value: int) -> None:
    found = run(line + STOP)
    assert found.literal_at(found.result) == value
    assert kinds(found) == {AnomalyKind.NUMBER_TEXT}


@pytest.mark.parametrize(
    ("line", "value"), [(b"I01\n", True), (b"I00\n", False), (b"I-12\n", -12), (b"L7L\n", 7)]
)
def test_numbers_as_picklers_write_them_are_not_noted(line: bytes, value: int) -> None:
    found = run(line + STOP)
    assert (found.literal_at(found.result), kinds(found)) == (value, set())


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (proto(4) + frame(b"X" + struct.pack("<I", 9)) + b"beyond it" + STOP, AnomalyKind.FRAME_CROSSED),
        (proto(4) + frame(NONE + frame(POP) + NONE + STOP), AnomalyKind.FRAME_NESTED),
        (proto(4) + frame(NONE + STOP, 99), AnomalyKind.FRAME_TOO_LONG),
        (proto(4) + frame(NONE + STOP + b"...."), AnomalyKind.STOP_IN_FRAME),
        (proto(4) + NONE + proto(2) + STOP, AnomalyKind.PROTOCOL_REPEATED),
        (NONE + proto(4) + STOP, AnomalyKind.PROTOCOL_LATE),
    ],
    ids=lambda value: value.value if isinstance(value, AnomalyKind) else "",
)
def test_oddities_of_form_are_noted(raw: bytes, kind: AnomalyKind) -> None:
    assert kind in kinds(run(raw))


@pytest.mark.parametrize(
    "raw",
    [
        stream(PAYLOAD.call),
        proto(4) + frame(PAYLOAD.call + STOP),
        proto(4) + frame(text("a") + POP) + data(b"x" * 300) + frame(POP + NONE + STOP),
        stream(text("a"), put(0), POP, get(0), protocol=2),
    ],
    ids=["plain", "framed", "between-frames", "memo"],
)
def test_what_picklers_write_is_not_odd(raw: bytes) -> None:
    assert kinds(run(raw)) == set()


# How streams end.


@pytest.mark.parametrize(
    ("behind", "halt"),
    [
        (b"\xff", Halt.BAD_OPCODE),
        (b"\x8c\x40cut", Halt.TRUNCATED),
        (b"0000", Halt.UNDERFLOW),
        (b"t", Halt.NO_MARK),
        (b"\x80\x06", Halt.BAD_PROTOCOL),
        (b"T\xff\xff\xff\xff", Halt.NEGATIVE_LENGTH),
        (b"(Nd", Halt.ODD_ITEMS),
        (b"gx\n", Halt.BAD_MEMO_INDEX),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Halt) else "",
)
def test_a_broken_stream_says_why_and_where_and_keeps_what_ran(behind: bytes, halt: Halt) -> None:
    raw = stream(PAYLOAD.call)[:-1]
    found = run(raw + behind)
    assert (found.halt, len(list(found.calls())), found.halted_at >= len(raw)) == (halt, 1, True)
    assert kinds(found) == {AnomalyKind.BROKEN}


def test_too_many_events_end_the_run_and_are_not_called_damage() -> None:
    found = run(stream(SYSTEM * 20), max_events=5)
    assert (found.halt, len(imported(found)), kinds(found)) == (Halt.EVENT_LIMIT, 5, set())


def test_pickles_in_a_row_and_the_bytes_between_them_are_told_apart() -> None:
    first, junk, second = stream(integer(1)), b"\0" * 40, stream(PAYLOAD.call)
    found = list(read_pickles(first + first + junk + second, max_events=EVENTS))
    shape = [(item.start, item.stop, isinstance(item, Gap)) for item in found]
    start, behind = 2 * len(first), 2 * len(first) + len(junk)
    assert shape == [
        (0, len(first), False),
        (len(first), start, False),
        (start, behind, True),
        (behind, behind + len(second), False),
    ]


@pytest.mark.parametrize(
    "title",
    ["pko-01-inst", "pko-01-newobj-ex", "pko-02-memo-overwritten", "pko-09-frame-straddled"],
)
def test_a_cut_at_any_byte_loses_no_import_that_lies_before_it(title: str) -> None:
    raw = STRUCTURES[title](PAYLOAD)
    whole = {found.offset: found for found in run(raw).imports()}
    cuts = [(run(raw[:length]), length) for length in range(1, len(raw))]
    lost = [
        (length, offset)
        for cut, length in cuts
        for offset, found in whole.items()
        if offset + _import_bytes(found) <= length and found not in list(cut.imports())
    ]
    assert lost == []
    assert all(cut.halt is not Halt.STOP or cut.stop <= length for cut, length in cuts)


def _import_bytes(found: Import) -> int:
    """GLOBAL and INST carry their name, STACK_GLOBAL finds it on the stack."""
    if found.opcode == "STACK_GLOBAL":
        return 1
    return 3 + len(found.module or "") + len(found.name or "")


@pytest.mark.parametrize("title", sorted(STRUCTURES))
def test_a_cut_at_any_byte_raises_nothing_in_any_reading(title: str) -> None:
    raw = STRUCTURES[title](PAYLOAD)
    step = max(1, len(raw) // 200)
    cuts = (list(read_pickles(raw[:length], max_events=EVENTS)) for length in range(1, len(raw), step))
    assert all(isinstance(found[0], Stream) for found in cuts)


def test_long_stream_records_only_what_is_asked_for() -> None:
    filler = list_of(*(integer(1) for _ in range(1000)))
    raw = proto(4) + (filler + POP) * 2200 + PAYLOAD.call + STOP
    found = run(raw)
    (made,) = found.calls()
    assert made.arguments is not None
    found.record([made.arguments])
    assert found.recorded_all is False
    assert [found.literal_at(item) for item in found.items(made.arguments)] == [
        "echo weighbridge-marker"
    ]
    assert len(found.children) < 10


def test_build_state_is_a_value_like_any_other() -> None:
    found = run(stream(call(name("a", "b")), dict_of(("key", text("value"))), BUILD))
    (made,) = found.builds()
    found.record([made.state])
    assert [found.literal_at(item) for item in found.items(made.state)] == ["key", "value"]


def test_a_set_of_items_in_a_tuple_is_kept_in_order() -> None:
    found = run(stream(tuple_of(*(integer(number) for number in range(5)))))
    found.record_all()
    assert [found.literal_at(item) for item in found.items(found.result)] == [0, 1, 2, 3, 4]
