"""What is read from Python source: names behind their disguises, and literals worked out."""

from __future__ import annotations

import warnings

import pytest

from weighbridge.formats.scripts.facts import Argument, Unknown
from weighbridge.formats.scripts.python_source import read_python

COMPUTED = Unknown.COMPUTED

NAMES = {
    "import os\nos.system('x')": "os.system",
    "import os as o\no.system('x')": "os.system",
    "from os import system\nsystem('x')": "os.system",
    "from os import system as s\ns('x')": "os.system",
    "from os import *\nsystem('x')": "os.system",
    "import posix\nposix.system('x')": "os.system",
    "from nt import system as s\ns('x')": "os.system",
    "import builtins\nbuiltins.exec('x')": "exec",
    "__builtins__['exec']('x')": "exec",
    "__builtins__.__dict__['exec']('x')": "exec",
    "globals()['__builtins__'].__dict__['exec']('x')": "exec",
    "__import__('os').system('x')": "os.system",
    "__import__('os.path').system('x')": "os.system",
    "__import__('urllib.request', fromlist=['x']).urlopen('x')": "urllib.request.urlopen",
    "import importlib\nimportlib.import_module('o' + 's').system('x')": "os.system",
    "from importlib import import_module as m\nm('subprocess').run('x')": "subprocess.run",
    "import os\ngetattr(os, 'sys' + 'tem')('x')": "os.system",
    "import os\ngetattr(os, 'metsys'[::-1])('x')": "os.system",
    "import os\nvars(os)['system']('x')": "os.system",
    "import os\nos.__dict__['system']('x')": "os.system",
    "import sys\nsys.modules['os'].system('x')": "os.system",
    "import os\nf = os.system\nf('x')": "os.system",
    "import os\nf = g = os.system\ng('x')": "os.system",
    "import os\na, b = os.popen, os.system\nb('x')": "os.system",
    "import os\n(f := os.system)\nf('x')": "os.system",
    "import socket\ns = socket.socket()\ns.connect('x')": "socket.socket().connect",
    "import socket\nwith socket.socket() as s:\n    s.connect('x')": "socket.socket().connect",
    "import socket\nclass A:\n    def f(self):\n        self.s = socket.socket()\n"
    "        self.s.connect('x')": "socket.socket().connect",
    "def f(s):\n    s.connect('x')": "s.connect",
    "(a or b).connect('x')": "?.connect",
    "async def f():\n    import os\n    await os.system('x')": "os.system",
}

LITERALS: dict[str, Argument] = {
    "'a' 'b'": "ab",
    "'a' + 'b' + 'c'": "abc",
    "'ab' * 2": "abab",
    "'cba'[::-1]": "abc",
    "'xabcx'[1:-1]": "abc",
    "'abc'[1]": "b",
    "''.join(['a', 'b'])": "ab",
    "'-'.join(('a', 'b'))": "a-b",
    "str.join('', ['a', 'b'])": "ab",
    "f'a{\"b\"}{1}'": "ab1",
    "'{}{}'.format('a', 'b')": "ab",
    "'{1}{0}'.format('b', 'a')": "ab",
    "'%s-%d' % ('a', 3)": "a-3",
    "'%c%c' % (97, 98)": "ab",
    "chr(97) + chr(0x62)": "ab",
    "''.join(chr(c) for c in [97, 98])": "ab",
    "''.join(map(chr, [97, 98]))": "ab",
    "''.join(map(lambda c: chr(c - 1), [98, 99]))": "ab",
    "''.join([chr(ord(c) ^ 1) for c in '`c'])": "ab",
    "''.join(reversed('ba'))": "ab",
    "''.join(a + b for a, b in zip('ac', 'bd'))": "abcd",
    "bytes([97, 98]).decode()": "ab",
    "bytes.fromhex('6162').decode('utf-8')": "ab",
    "b'ab'.decode('ascii')": "ab",
    "str(b'ab', 'utf8')": "ab",
    "'ab'.encode('utf-16-le').decode('utf-16-le')": COMPUTED,
    "'a,b'.split(',')": ("a", "b"),
    "'aXb'.replace('X', '')": "ab",
    "' AB '.strip().lower()": "ab",
    "__import__('base64').b64decode('YWI=')": b"ab",
    "__import__('base64').b64decode('YWI').decode()": "ab",
    "__import__('base64').urlsafe_b64decode('YWI=')": b"ab",
    "__import__('base64').b32decode('MFRA====')": b"ab",
    "__import__('binascii').unhexlify('6162')": b"ab",
    "__import__('codecs').decode('no', 'rot13')": "ab",
    "__import__('codecs').decode('no', 'rot_13')": "ab",
    "__import__('codecs').decode(b'6162', 'hex')": b"ab",
    "'6162'.decode('hex')": b"ab",
    "__import__('zlib').decompress(b'x\\x9cKL\\x02\\x00\\x01&\\x00\\xc4')": b"ab",
    "(lambda s: s[::-1])('ba')": "ab",
    "int('0x61', 16)": 97,
    "['sh', '-c', cmd]": ("sh", "-c", COMPUTED),
    "cmd": COMPUTED,
    "'a' if x else 'b'": COMPUTED,
    "input()": COMPUTED,
    "None": None,
    "True": True,
    "-1": -1,
}


@pytest.mark.parametrize("text", NAMES)
def test_a_call_has_the_name_that_it_resolves_to(text: str) -> None:
    assert NAMES[text] in [call.name for call in read_python(text).calls]


@pytest.mark.parametrize("expression", LITERALS)
def test_an_argument_is_worked_out_when_it_is_literal(expression: str) -> None:
    facts = read_python(f"marker({expression})")
    (call,) = [call for call in facts.calls if call.name == "marker"]
    assert call.arguments == (LITERALS[expression],)


def test_a_variable_has_the_value_that_it_was_given_last() -> None:
    facts = read_python("x = 'a'\nf(x)\nx += 'b'\nf(x)\nx = g()\nf(x)")
    assert [call.arguments for call in facts.calls if call.name == "f"] == [("a",), ("ab",), (COMPUTED,)]


def test_keywords_are_read_with_their_values() -> None:
    (call,) = read_python("run(['a'], shell=True, cwd=here)").calls
    assert call.keywords == (("shell", True), ("cwd", COMPUTED))


def test_a_call_stands_in_the_line_where_it_is_written() -> None:
    assert [call.place for call in read_python("\nf()\n\ng()").calls] == [2, 4]


def test_imports_are_listed_with_what_is_taken_from_them() -> None:
    facts = read_python("import a.b\nfrom c import d as e\n__import__('f')")
    assert facts.imports == ("a.b", "c", "c.d", "f")


def test_a_name_that_is_read_is_a_reference_and_an_element_is_marked() -> None:
    facts = read_python("import os\nx = dict(os.environ)\ny = os.environ['Z']")
    assert "os.environ" in facts.references
    assert "os.environ[]" in facts.references


def test_strings_are_kept_whole_and_without_repeats() -> None:
    assert read_python("f('a', 'a', 'b' + 'c')").strings[:2] == ("a", "bc")


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint 'x'\nos.system('id')",
        "try:\n    import os\nexcept ImportError, e:\n    pass\nos.system('id')",
        "import os\nexec 'pass'\nos.system('id')",
        "  import os\n  os.system('id')",
    ],
)
def test_old_dialects_and_indented_text_are_read_in_full(text: str) -> None:
    facts = read_python(text)
    assert facts.is_complete
    assert ("os.system", ("id",)) in [(call.name, call.arguments) for call in facts.calls]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('id')\nfoo((((",
        "import os\nos.system('id')\nx = `1`",
        "from os import system as s\ns('id')\n'''",
    ],
)
def test_text_that_does_not_parse_is_read_loosely_and_said_to_be_incomplete(text: str) -> None:
    facts = read_python(text)
    assert not facts.is_complete
    assert ("os.system", ("id",)) in [(call.name, call.arguments) for call in facts.calls]


def test_a_limit_that_is_crossed_is_said() -> None:
    assert not read_python("x = 'a' * 1000000000").is_complete
    assert not read_python("f()\n" * 6_000).is_complete
    assert read_python("f()\n" * 4_000).is_complete


def test_warnings_of_the_parser_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_python("x = '\\d' is 'y'\n0x1for x in y\n'''").calls == ()
