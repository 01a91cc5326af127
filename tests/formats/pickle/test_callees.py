"""Which callable a call reaches, and how it is shown."""

from __future__ import annotations

import pytest
from samples.recipes.assembler import (
    BINPERSID,
    DUP,
    MARK,
    PAYLOAD,
    REDUCE,
    STACK_GLOBAL,
    build,
    call,
    data,
    dict_of,
    global_line,
    inst,
    integer,
    list_of,
    name,
    stream,
    text,
    text_line,
    tuple_of,
)

from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, registered_extensions
from weighbridge.formats.pickle.decompile import decompile, decompile_call, spell
from weighbridge.formats.pickle.literals import Literal, NotLiteral
from weighbridge.formats.pickle.reader import read_one
from weighbridge.formats.pickle.trace import Stream

GETATTR, PARTIAL = name("builtins", "getattr"), name("functools", "partial")
ORDERED = name("collections", "OrderedDict")


def run(*body: bytes, protocol: int = 4) -> Stream:
    found = read_one(stream(*body, protocol=protocol), 0, max_events=1000)
    found.record_all()
    return found


def last_callee(*body: bytes, protocol: int = 4) -> Callee:
    found = run(*body, protocol=protocol)
    *_, made = found.calls()
    return Callees(found, registered_extensions(found)).of(made)


def shown(*body: bytes) -> str:
    found = run(*body)
    *_, made = found.calls()
    return decompile_call(found, made)


def test_a_plain_name_is_what_it_says() -> None:
    assert last_callee(PAYLOAD.call) == Callee(CalleeKind.IMPORT, "posix", "system", 4)


def test_inst_calls_what_it_imports() -> None:
    assert last_callee(inst("posix", "system")) == Callee(CalleeKind.IMPORT, "posix", "system", 4)


def test_getattr_on_an_import_is_a_dotted_name() -> None:
    callee = last_callee(call(call(GETATTR, name("os", "path"), text("os"))))
    assert (callee.kind, callee.module, callee.name) == (CalleeKind.IMPORT, "os", "path.os")


def test_getattr_of_getattr_is_not_followed_into_the_dark() -> None:
    inner = call(GETATTR, name("os", "path"), text("os"))
    assert last_callee(call(call(GETATTR, inner, text("system")))).kind is not CalleeKind.IMPORT


def test_getattr_with_a_computed_name_is_computed() -> None:
    reached = call(GETATTR, ORDERED, call(name("builtins", "str"), text("clear")))
    assert last_callee(call(reached)).kind is CalleeKind.COMPUTED


def test_getattr_on_an_object_that_the_stream_made_is_a_method() -> None:
    callee = last_callee(call(call(GETATTR, call(ORDERED), text("clear"))))
    assert (callee.kind, callee.module, callee.name) == (
        CalleeKind.METHOD,
        "collections.OrderedDict",
        "clear",
    )


def test_new_of_a_class_is_the_class() -> None:
    callee = last_callee(call(call(GETATTR, ORDERED, text("__new__")), ORDERED))
    assert (callee.module, callee.name) == ("collections", "OrderedDict")


def test_partial_is_what_it_holds() -> None:
    callee = last_callee(call(call(PARTIAL, name("posix", "system"), text("x"))))
    assert (callee.module, callee.name) == ("posix", "system")


def test_a_tower_of_partials_has_a_bottom_or_is_computed() -> None:
    tower = name("posix", "system")
    for _ in range(50):
        tower = call(PARTIAL, tower)
    assert last_callee(tower, tuple_of(), REDUCE).kind is CalleeKind.COMPUTED


def test_an_extension_code_is_what_the_stream_registered() -> None:
    registered = call(name("copyreg", "add_extension"), text("posix"), text("system"), integer(240))
    callee = last_callee(registered, b"\x82\xf0", tuple_of(), REDUCE)
    assert (callee.module, callee.name) == ("posix", "system")


def test_an_extension_code_that_nobody_registered_is_computed() -> None:
    assert last_callee(b"\x82\xf0", tuple_of(), REDUCE).kind is CalleeKind.COMPUTED


@pytest.mark.parametrize("module", ["copyreg", "copy_reg"])
def test_registrations_are_found_under_both_names(module: str) -> None:
    found = run(call(global_line(module, "add_extension"), text("m"), text("n"), integer(9)))
    assert registered_extensions(found) == {9: ("m", "n")}


def test_a_computed_registration_registers_nothing_that_we_could_know() -> None:
    module = call(name("builtins", "str"), text("posix"))
    found = run(call(name("copyreg", "add_extension"), module, text("system"), integer(9)))
    assert registered_extensions(found) == {}


def test_the_class_in_a_persistent_id_of_old_torch_is_the_callee() -> None:
    pid = tuple_of(text("module"), name("my", "Net"), text("net.py"), text("class Net: ...")) + BINPERSID
    callee = last_callee(pid, tuple_of(), REDUCE)
    assert (callee.module, callee.name) == ("my", "Net")


def test_arguments_that_are_no_literal_tuple_are_unknown() -> None:
    found = run(ORDERED, call(name("builtins", "tuple"), list_of()), REDUCE)
    *_, made = found.calls()
    assert Callees(found, {}).arguments(made) is None


# Lines for people.


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (PAYLOAD.call, "posix.system('echo weighbridge-marker')"),
        (inst("a", "b", integer(1)), "a.b(1)"),
        (call(name("a", "b"), list_of(integer(1)), tuple_of(text("x"))), "a.b([1], ('x',))"),
        (call(name("a", "b"), dict_of(("k", data(b"v")))), "a.b({'k': b'v'})"),
        (call(name("a", "b"), call(name("c", "d"))), "a.b(c.d())"),
        (call(name("a", "b c"), text("\x1b[31m")), "a.b c('\\x1b[31m')"),
        (call(name("a", "b\x1b"), b"N"), "a.'b\\x1b'(None)"),
    ],
)
def test_calls_read_like_python_and_hold_no_control_characters(body: bytes, line: str) -> None:
    assert shown(body) == line
    assert shown(body).isprintable()


def test_a_computed_name_is_shown_as_such() -> None:
    found = run(call(name("builtins", "str")), text("system"), STACK_GLOBAL)
    *_, computed = found.imports()
    assert spell(computed) == "<computed>.system"


def test_long_and_deep_values_are_cut() -> None:
    deep = MARK * 50 + text("x" * 10_000) + b"t" * 50
    wide = list_of(*(integer(1) for _ in range(1000)))
    assert len(shown(call(name("a", "b"), deep, wide, text("y" * 10_000)))) <= 600


def test_a_value_that_holds_itself_is_shown_in_finite_space() -> None:
    found = run(b"]", DUP, DUP, b"a", b"a")
    assert len(decompile(found, found.result)) <= 600


# Literals.


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (text_line("\u00fc"), "\u00fc"),
        (b"S'a\\'b'\n", "a'b"),
        (b"U\x01\xff", b"\xff"),
        (integer(-5), -5),
        (integer(2**70), 2**70),
        (b"G?\xf8" + bytes(6), 1.5),
        (b"F1.5\n", 1.5),
        (b"\x96\x02\0\0\0\0\0\0\0ab", bytearray(b"ab")),
        (b"X\x03\0\0\0\xed\xa0\x80", "\ud800"),
    ],
)
def test_literals_are_decoded_as_the_unpicklers_do(body: bytes, value: Literal) -> None:
    found = run(body)
    assert found.literal_at(found.result) == value


@pytest.mark.parametrize(
    "body",
    [b"S'open\n", b"Inot a number\n", b"X\x01\0\0\0\xff", b"]", build(call(ORDERED), dict_of())],
    ids=["quote", "number", "utf-8", "list", "object"],
)
def test_what_is_no_literal_says_so(body: bytes) -> None:
    found = run(body)
    with pytest.raises(NotLiteral):
        found.literal_at(found.result)
