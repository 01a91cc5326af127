"""What code objects of each release name, call and hold."""

from __future__ import annotations

import marshal
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.bytecode.compiled import RELEASES, Compiled, all_compiled, compiled
from weighbridge.errors import Malformed
from weighbridge.formats.bytecode import machine
from weighbridge.formats.bytecode.building import code_from_arguments
from weighbridge.formats.bytecode.facts import MAX_CODES, code_facts, likely_versions
from weighbridge.formats.bytecode.marshal_reader import read_marshal
from weighbridge.formats.bytecode.values import CodeObject, Layout, Value
from weighbridge.formats.scripts.facts import ScriptCall, ScriptFacts, Unknown

MARKER = "echo weighbridge-marker"


def code_of(data: bytes) -> CodeObject:
    value = read_marshal(data).value
    assert isinstance(value, CodeObject)
    return value


def facts_of(program: str, release: str) -> ScriptFacts:
    return code_facts(code_of(compiled(program, release)))


def facts_of_source(source: str) -> ScriptFacts:
    return code_facts(code_of(marshal.dumps(compile(source, "model.py", "exec"))))


def called(facts: ScriptFacts) -> list[tuple[str, tuple[object, ...], dict[str, object]]]:
    return [(call.name, call.arguments, dict(call.keywords)) for call in facts.calls]


@pytest.mark.parametrize("release", RELEASES)
class TestEveryRelease:
    def test_a_call_with_its_literal_argument(self, release: str) -> None:
        facts = facts_of("plain", release)

        assert called(facts) == [("os.system", (MARKER,), {})]
        assert facts.imports == ("os",)
        assert facts.references == ("os", "os.system")
        assert facts.strings == (MARKER,)
        assert facts.is_complete

    def test_an_alias_and_a_method_of_a_result(self, release: str) -> None:
        facts = facts_of("alias", release)

        assert [call.name for call in facts.calls] == ["socket.socket", "socket.socket().connect"]

    def test_a_name_imported_from_a_module_under_another_name(self, release: str) -> None:
        facts = facts_of("from", release)

        assert called(facts) == [("os.system", (MARKER,), {})]
        assert facts.imports == ("os", "os.system")

    def test_calls_in_nested_functions_and_classes(self, release: str) -> None:
        facts = facts_of("nested", release)

        assert ("subprocess.call", (MARKER,), {"shell": True}) in called(facts)
        assert facts.imports == ("os.path", "subprocess")

    def test_names_that_are_looked_up_by_literals(self, release: str) -> None:
        facts = facts_of("lookup", release)

        assert ("os.system", (MARKER,), {}) in called(facts)
        assert facts.imports == ("os",)

    def test_keyword_arguments(self, release: str) -> None:
        keywords = {"shell": True, "cwd": "/"}

        assert called(facts_of("keywords", release)) == [("subprocess.Popen", (MARKER, -1), keywords)]

    def test_starred_arguments(self, release: str) -> None:
        (call,) = facts_of("starred", release).calls

        assert call.name == "subprocess.call"
        assert call.arguments == ((Unknown.COMPUTED,) if release == "2.7" else (MARKER,))

    def test_loops_branches_and_handlers_do_not_lose_the_stack(self, release: str) -> None:
        facts = facts_of("branches", release)

        calls = called(facts)
        assert ("os.remove", ("/nowhere/weighbridge-marker",), {}) in calls
        assert ("open", ("/dev/null", "w"), {}) in calls
        assert ("open().write", ("weighbridge-marker",), {}) in calls
        assert ("eval", ("1 + 1",), {}) in calls
        assert "os.popen" in {call.name for call in facts.calls}
        assert facts.is_complete

    def test_harmless_code_names_nothing(self, release: str) -> None:
        facts = facts_of("harmless", release)

        assert facts.calls == ()
        assert facts.imports == ()


def test_instructions_of_3_14_by_hand() -> None:
    """No interpreter of 3.14 has made this; numbers and caches are those of its source."""
    words = [(128, 0), (94, 0), (82, 1), (73, 0), (116, 0), (93, 0), (80, 3), *[(0, 0)] * 9]
    words += [(82, 0), (52, 1), *[(0, 0)] * 3, (31, 0), (82, 1), (35, 0)]
    code = code_from_arguments(
        (
            *(0, 0, 0, 0, 3, 0),
            *(b"".join(map(bytes, words)), (MARKER, None), ("os", "system"), ()),
            *("model.py", "<module>", "<module>", 1, b"", b"", (), ()),
        )
    )

    assert likely_versions(code) == ((3, 14),)
    assert called(code_facts(code)) == [("os.system", (MARKER,), {})]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import sys\nsys.modules['os'].system('x')", "os.system"),
        ("globals()['__builtins__'].eval('x')", "__builtins__.eval"),
        ("import os\nos.__dict__['system']('x')", "os.system"),
        ("import importlib\nimportlib.import_module('os.path').join('x')", "os.path.join"),
        (
            "import os\ndef f():\n    g = os.system\n    def h():\n        return g('x')\n    return h",
            "os.system",
        ),
        ("from urllib import request as r\nr.urlopen('x').read()", "urllib.request.urlopen().read"),
        ("import numpy.linalg as n\nn.norm('x')", "numpy.linalg.norm"),
        ("def f(os):\n    return os.system('x')", "<os>.system"),
        ("''.join('x')", "str().join"),
        ("with open('x') as f:\n    f.read()", "open().read"),
    ],
)
def test_where_names_come_from(source: str, name: str) -> None:
    assert name in {call.name for call in facts_of_source(source).calls}


def test_lists_of_literals_are_literal_arguments() -> None:
    facts = facts_of_source("import subprocess as s\ns.run(['sh', '-c', x], env={})")

    assert called(facts) == [
        ("subprocess.run", (("sh", "-c", Unknown.COMPUTED),), {"env": Unknown.COMPUTED})
    ]


def test_globals_that_the_file_explains() -> None:
    code = code_of(marshal.dumps(compile("o.system('x')", "model.py", "exec")))

    assert called(code_facts(code, {"o": "os"})) == [("os.system", ("x",), {})]


def test_names_and_strings_stay_when_instructions_are_nonsense() -> None:
    code = replace(code_of(compiled("plain", "3.12")), code=b"\xff" * 8)

    facts = code_facts(code)

    assert {"os", "system", "os.system"} <= set(facts.references)
    assert facts.strings == (MARKER,)
    assert not facts.is_complete


def test_names_and_strings_stay_for_a_release_without_a_table() -> None:
    code = replace(code_of(compiled("plain", "3.7")), version=(3, 5))

    facts = code_facts(code)

    assert "os.system" in facts.references
    assert not facts.is_complete
    assert likely_versions(code) == ()


def test_work_per_code_object_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_STEPS", 3)

    facts = facts_of("plain", "3.11")

    assert not facts.is_complete
    assert "os.system" in facts.references


def test_number_of_nested_code_objects_is_limited() -> None:
    inner = code_of(compiled("harmless", "3.8"))
    many = tuple(replace(inner, constants=()) for _ in range(MAX_CODES + 1))

    assert not code_facts(replace(inner, constants=many)).is_complete


def test_constants_that_share_parts_are_walked_within_a_limit() -> None:
    tower: Value = ("x",)
    for _ in range(60):
        tower = (tower, tower)
    code = replace(code_of(compiled("harmless", "3.8")), constants=(tower,))

    facts = code_facts(code)

    assert facts.strings == ("x",)
    assert not facts.is_complete


ARITIES = {"2.7": 14, "3.6": 15, "3.8": 16, "3.11": 18}


@pytest.mark.parametrize("release", ARITIES)
def test_code_objects_from_the_arguments_of_their_constructor(release: str) -> None:
    code = code_of(compiled("plain", release))
    parts: tuple[Value, ...] = (code.code, code.constants, code.names, (), "model.py", "<module>")
    tail: tuple[Value, ...] = (1, b"lines", (), ())
    if release == "3.11":
        tail = ("<module>", 1, b"lines", b"handlers", (), ())
    counts = ARITIES[release] - len(parts) - len(tail)

    built = code_from_arguments((*[0] * counts, *parts, *tail))

    assert built.layout is code.layout
    assert called(code_facts(built)) == [("os.system", (MARKER,), {})]


def test_arguments_as_old_pickles_and_dill_write_them() -> None:
    code = code_of(compiled("plain", "2.7"))
    as_text = code.code.decode("latin-1")
    head: tuple[Value, ...] = (b"lines", 0, 0, 0, 0, as_text, code.constants, code.names)

    built = code_from_arguments((*head, (), "model.py", "<module>", 1, b"", (), ()))

    assert built.layout is Layout.PYTHON2
    assert "os.system" in code_facts(built).references


@pytest.mark.parametrize("arguments", [(), (1,) * 14, (b"",) * 15, ("x",) * 18, (0,) * 6 + (b"",) * 12])
def test_other_arguments_are_malformed(arguments: tuple[Value, ...]) -> None:
    with pytest.raises(Malformed):
        code_from_arguments(arguments)


def test_arguments_of_the_running_interpreter() -> None:
    code = compile("import os; os.system('x')", "model.py", "exec")
    qualified = (code.co_name, code.co_qualname) if sys.version_info >= (3, 11) else (code.co_name,)

    built = code_from_arguments(
        (
            *(*[0] * 6, code.co_code, code.co_consts, code.co_names, code.co_varnames),
            *(code.co_filename, *qualified, code.co_firstlineno),
            *(b"", b"", code.co_freevars, code.co_cellvars),
        )
    )

    assert called(code_facts(built)) == [("os.system", ("x",), {})]


@given(st.sampled_from(all_compiled()), st.data())
@settings(max_examples=300)
def test_changed_instructions_give_facts_with_all_strings(each: Compiled, data: st.DataObject) -> None:
    value = code_of(compiled(each.program, each.release))
    changed = bytearray(value.code)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    facts = code_facts(replace(value, code=bytes(changed)))

    assert set(facts.strings) == set(code_facts(value).strings)


@given(st.binary(max_size=300))
def test_random_instructions_give_facts(code: bytes) -> None:
    value = replace(code_of(compiled("plain", "3.13")), code=code)

    assert MARKER in code_facts(value).strings


def test_calls_say_where_they_are() -> None:
    (call,) = facts_of("plain", "3.10").calls

    assert call == ScriptCall("os.system", (MARKER,), (), 14)
